"""The polling API: a job's rows of `job_logs` as JSON, for UIs that ask every 2 s."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.http.json_bodies import around_list, text_times
from gateway.polling.task_logs import TaskLogReader
from gateway.routing.operation import Answer, DescribedRoute, Header, Operation, Tag
from gateway.routing.parameters import Identifier, Number, Parameter
from storage.errors import StorageError
from storage.polling import Extent, Page, PollingStore

__all__ = ["TASK_LOGS_MAX", "polling_routes"]

_ROWS_MAX: Final = 2000
_BYTES_MAX: Final = 256 << 10
"""A page: what is read at a time, and the most that a request holds in memory."""

_COMPRESS_BYTES_MIN: Final = 1024
_RETRY_AFTER_SECONDS: Final = 2
_TASK_LOGS: Final = 500


TASK_LOGS_MAX: Final = 10_000


class JobLogRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One row, under its columns' names: with `jobId` of `job_logs`, with `taskId` of `task_logs`."""

    id: int
    job_id: Annotated[
        str | UnsetType,
        msgspec.Meta(description="Of `job_logs`, like `log_message`; the others are of `task_logs`."),
    ] = UNSET
    log_message: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
    queue_id: int | UnsetType | None = UNSET
    level: str | UnsetType | None = UNSET
    message: str | UnsetType = UNSET
    action_type: str | UnsetType | None = UNSET
    queue_type: str | UnsetType | None = UNSET
    pid: int | UnsetType | None = UNSET
    process_name: str | UnsetType | None = UNSET
    metadata: Annotated[str | UnsetType | None, msgspec.Meta(description="A JSON document as text.")] = UNSET
    created_at: str | None


class JobLogs(msgspec.Struct, forbid_unknown_fields=True):
    """With ``jobId`` ascending by id, with ``taskId`` the newest first."""

    logs: list[JobLogRow]


_HEAD, _FOOT = around_list(JobLogs([]), "logs")
_JOB: Final = Identifier("jobId", "The job.", examples=("build-7",), place="query")
_TASK: Final = Identifier("taskId", "Instead of `jobId`.", examples=("build-7",), place="query")
_AFTER_ID: Final = Number("afterId", "Only rows with a greater id.", examples=(0, 1))

_LIMIT: Final = Number("limit", "At most so many rows; with `taskId` 10,000 at most.", minimum=1, examples=(100,))

_TASK_LOG_FILTERS: Final = {
    column: Parameter(
        name, f"With `taskId`: only such rows ({', '.join(choices)}); another word has none.", examples=choices[-1:]
    )
    for column, name, choices in (
        ("level", "level", ("info", "warn", "error")),
        ("queue_type", "queueType", ("schedule", "script", "image", "video", "youtube")),
        ("action_type", "actionType", ("start", "progress", "complete", "fail", "retry", "stop", "skip")),
    )
}
"""Columns of `task_logs`, each with the parameter that filters by it."""

_READ_JOB_LOGS: Final = Operation(
    "readJobLogs",
    "GET",
    Tag("Polling", "Logs for UIs that ask again and again."),
    "A job's rows of `job_logs`, or a task's rows of `task_logs`",
    description="For UIs that ask every 2 s. A job or task that is not known has no rows. `jobId` is needed, or "
    "`taskId`, the automation queue's form: its newest rows, at most 500 without `limit`; none where the queue is off.",
    scope="logs:read",
    parameters=(
        _JOB,
        _TASK,
        _AFTER_ID,
        _LIMIT,
        *_TASK_LOG_FILTERS.values(),
        Parameter("If-None-Match", "The `ETag` of the answer before.", place="header", examples=('W/"1-2a-5d41402a"',)),
    ),
    answers={
        200: Answer(
            "The rows.",
            JobLogs,
            examples={
                "one of a job": {
                    "logs": [
                        {
                            "id": 1,
                            "job_id": "build-7",
                            "log_message": "compiling",
                            "created_at": "2026-01-31 13:45:00",
                        }
                    ]
                },
                "none": {"logs": []},
            },
            headers={"ETag": Header("Changes with the first row, the last row and its content.")},
        ),
        304: Answer("Nothing is new since the answer that `If-None-Match` names."),
    },
    stored=True,
)


def polling_routes(
    table: PollingStore, authenticator: Authenticator, task_logs: TaskLogReader | None = None
) -> list[DescribedRoute]:
    """``GET /api/automation/logs?jobId=`` with optional ``afterId`` and ``limit``.

    The answer is ``{"logs": [{"id", "job_id", "log_message", "created_at"}, …]}``, ascending by id. Its weak ``ETag``
    changes with the first row, the last row and the last row's content; a request that names it in ``If-None-Match``
    gets 304. With ``taskId`` alone, the form of the automation queue, the list has rows of ``task_logs``, the newest
    first, with optional ``level``, ``queueType``, ``actionType`` and ``limit``; it is empty without a reader of them.
    """

    async def logs(request: Request) -> Response:
        try:
            return await _logs(request, table, authenticator, task_logs)
        except StorageError as error:
            text = f"job_logs cannot be read now: its database {error.reason}"
            raise ApiError("UNAVAILABLE", text, retry_after_seconds=_RETRY_AFTER_SECONDS) from error

    return [DescribedRoute("/api/automation/logs", logs, _READ_JOB_LOGS)]


async def _logs(
    request: Request, table: PollingStore, authenticator: Authenticator, task_logs: TaskLogReader | None
) -> Response:
    principal = await authenticator.principal_of(request)
    query = request.query_params
    given = {name: text for name, text in query.items() if text}
    job_id, task_id = _JOB.of(given), _TASK.of(given)
    named = job_id or task_id
    if named is None:
        raise ApiError("INVALID_ARGUMENT", "jobId is missing: name the job whose log to read", field="jobId")
    principal.require("logs:read", task_id=named)
    if task_logs is not None and not job_id:
        return await _task_logs(request, task_logs, named)
    after_id, limit = _AFTER_ID.of(query), _LIMIT.of(query)
    extent = await table.extent(job_id, after_id) if job_id else Extent()
    compress = _accepts_gzip(request.headers.get("accept-encoding", ""))
    headers = _headers(f'W/"{extent.first:x}-{extent.last:x}-{extent.checksum:08x}"')
    if _matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    rows = _Rows(table, job_id or "", after_id, extent.last, limit)
    first = await rows.next_page()  # before the answer begins, so that what goes wrong here still has a status
    if rows.is_exhausted:
        body = _HEAD + first.rows + _FOOT
        if compress and len(body) >= _COMPRESS_BYTES_MIN:
            headers["Content-Encoding"] = "gzip"
            body = await asyncio.to_thread(zlib.compress, body, 1, _GZIP)
        return Response(body, headers=headers, media_type="application/json")
    chunks = _chunks(first, rows)
    if compress:
        headers["Content-Encoding"] = "gzip"
        chunks = _compressed(chunks)
    if request.method == "HEAD":
        return Response(headers=headers, media_type="application/json")
    return StreamingResponse(chunks, headers=headers, media_type="application/json")


async def _task_logs(request: Request, reader: TaskLogReader, task_id: str) -> Response:
    """The newest rows of a task of the automation queue."""
    filters = {column: request.query_params.get(each.name) or None for column, each in _TASK_LOG_FILTERS.items()}
    limit = _LIMIT.of(request.query_params, maximum=TASK_LOGS_MAX, default=_TASK_LOGS)
    try:
        rows = await reader.logs(task_id, limit=limit, **filters)
    except StorageError as error:
        text = "task_logs cannot be read now; try again"
        raise ApiError("UNAVAILABLE", text, retry_after_seconds=_RETRY_AFTER_SECONDS) from error
    body = msgspec.json.encode(JobLogs([JobLogRow(**text_times(row)) for row in rows]))
    headers = _headers(f'W/"{len(body):x}-{zlib.crc32(body):08x}"')
    if _matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if len(body) >= _COMPRESS_BYTES_MIN and _accepts_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        body = await asyncio.to_thread(zlib.compress, body, 1, _GZIP)
    return Response(body, headers=headers, media_type="application/json")


def _headers(tag: str) -> dict[str, str]:
    """Kept by the asking client alone, and never used without asking: that makes the ETag work in browsers, unseen."""
    return {"Cache-Control": "private, no-cache", "ETag": tag, "Vary": "Accept-Encoding, Authorization, Cookie"}


class _Rows:
    """The pages of one answer, read one after the other as the client takes them.

    The end is fixed when the answer begins: rows that come meanwhile are for the next poll, and a log that grows as
    fast as it is read still has an end.
    """

    def __init__(self, table: PollingStore, job_id: str, after_id: int, last: int, limit: int) -> None:
        self._table = table
        self._job_id = job_id
        self._after = after_id
        self._last = last
        self._left = limit or None
        self.is_exhausted = last == 0

    async def next_page(self) -> Page:
        if self.is_exhausted:
            return Page(b"", 0, 0)
        rows_max = _ROWS_MAX if self._left is None else min(_ROWS_MAX, self._left)
        page = await self._table.page(self._job_id, self._after, self._last, rows_max=rows_max, bytes_max=_BYTES_MAX)
        self._after = page.last
        if self._left is not None:
            self._left -= page.count
        self.is_exhausted = not page.count or page.last >= self._last or self._left == 0
        return page


async def _chunks(first: Page, rows: _Rows) -> AsyncIterator[bytes]:
    """The answer in pieces. An error in the middle breaks the connection off: a log cut short must not look whole."""
    yield _HEAD + first.rows
    while not rows.is_exhausted:
        page = await rows.next_page()
        if page.count:
            yield b"," + page.rows
    yield _FOOT


_GZIP: Final = 16 + zlib.MAX_WBITS


async def _compressed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    async for chunk in chunks:
        if compressed := await asyncio.to_thread(compressor.compress, chunk):
            yield compressed
    yield compressor.flush()


def _matches(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110, 8.8.3.2): a cache may have dropped or added the ``W/``."""
    given = {text.strip().removeprefix("W/") for text in if_none_match.split(",")}
    return "*" in given or tag.removeprefix("W/") in given


def _accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named with a weight above 0."""
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            weight = parameters.replace(" ", "").removeprefix("q=")
            return not weight or not re.fullmatch(r"0(\.0*)?", weight)
    return False
