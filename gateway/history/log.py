"""``GET /api/v1/log-streaming/logs/{taskId}``: a task's stored entries, a page at a time or all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from filters.matching import Matcher
from filters.model import LogFilter
from filters.position import Position
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.history.bodies import BODY_HEADERS, answer, compressed, compressor_of, json_entries, ndjson, plain_text
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import PAGE_LIMIT, READ_LOG, LogPage, StoredGap
from gateway.history.pages import Hole, Page, Pages, hole_before
from gateway.history.query import FORMATS, Format, PageQuery, format_of, is_download, is_message_only, page_query
from gateway.history.reads import Reads
from gateway.history.scans import Scans
from gateway.http.disconnects import while_connected
from gateway.http.json_bodies import around_list
from gateway.routing.operation import DescribedRoute
from gateway.routing.path_parameters import path_identifier
from gateway.transports.stream_request import TAIL_MAX, filter_of
from storage.journal.interface import TaskState

__all__ = ["PATH", "known_task", "log_routes", "status_of"]

PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}"
_DOWNLOAD_LINES: Final = 4096
_DOWNLOAD_BYTES: Final = 512 << 10
"""What a download reads at a time, and the most that it holds in memory."""

_SUFFIXES: Final[Mapping[Format, str]] = {"json": "json", "ndjson": "ndjson", "text": "log"}


def log_routes(reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans) -> list[DescribedRoute]:
    """The route; it is to stand behind all others that begin like it."""

    async def log(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        log_filter = filter_of(request.query_params.multi_items())
        kind = format_of(request.query_params, request.headers.get("accept", ""))
        is_plain = is_message_only(request.query_params)
        mine = reads.of(principal.subject)
        if is_download(request.query_params):
            scan = partial(scans.place, principal.subject)
            scans.check(principal.subject)
            return await _download(request, mine, scan, task_id, log_filter, kind, is_message_only=is_plain)
        query = page_query(request.query_params, lines_max=limits.lines_max)
        state = await known_task(reads, task_id)
        work = _page(Pages(mine, limits), reads.epoch, state, query, Matcher(log_filter))
        page, is_restart = await while_connected(request, work)
        return await _page_answer(
            request, kind, reads.epoch, state, page, is_restart=is_restart, is_message_only=is_plain
        )

    return [DescribedRoute(PATH, log, READ_LOG)]


async def known_task(reads: Reads, task_id: str) -> TaskState:
    """What exists of a task.

    Raises:
        ApiError: NOT_FOUND.
    """
    state = await reads.task_state(task_id)
    if not state.last and state.ended is None:
        raise ApiError("NOT_FOUND", f"no lines of task {task_id!r} are stored", field="taskId")
    return state


def status_of(state: TaskState) -> str:
    """``RUNNING``, ``COMPLETED`` or ``FAILED``."""
    return state.ended.status if state.ended is not None else "RUNNING"


async def _page(pages: Pages, epoch: str, state: TaskState, query: PageQuery, matcher: Matcher) -> tuple[Page, bool]:
    """The page, and whether it begins anew, because the position is of another life of the journal."""
    if query.is_tail:
        return await pages.before(state, state.last, query.limit, matcher), False
    position = query.before or query.after or Position()
    # An id that we gave out cannot be beyond the end, unless the journal went back in time: see Session.
    beyond = state.last + 1 if query.before is not None else state.last
    is_restart = not position.belongs_to(epoch) or bool(position.epoch and position.sequence > beyond)
    if query.before is not None:
        upto = state.last if is_restart else min(max(position.sequence - 1, 0), state.last)
        return await pages.before(state, upto, query.limit, matcher), is_restart
    return await pages.after(state, 0 if is_restart else position.sequence, query.limit, matcher), is_restart


async def _page_answer(
    request: Request,
    kind: Format,
    epoch: str,
    state: TaskState,
    page: Page,
    *,
    is_restart: bool,
    is_message_only: bool,
) -> Response:
    document = _document(epoch, state, page, is_restart=is_restart)
    size = sum(map(len, page.lines))
    if kind == "json":
        return await answer(request, kind, lambda: _encoded(document, page.lines), size)
    links = [f'<{_link(request, "after", document.next)}>; rel="next"']
    if document.previous is not None:
        links.append(f'<{_link(request, "before", document.previous)}>; rel="prev"')
    headers = {"Link": ", ".join(links), "Otto-Epoch": epoch}
    if is_restart:
        headers["Otto-Restart"] = "true"
    if kind == "ndjson":
        return await answer(request, kind, lambda: ndjson(page.lines), size, headers)
    return await answer(request, kind, lambda: plain_text(page.lines, is_message_only=is_message_only), size, headers)


def _document(epoch: str, state: TaskState, page: Page, *, is_restart: bool = False) -> LogPage:
    """The page without its entries."""
    return LogPage(
        task_id=state.task_id,
        epoch=epoch,
        status=status_of(state),
        first_sequence=state.first,
        last_sequence=state.last,
        entries=[],
        previous=str(Position(page.start + 1, epoch)) if page.start >= state.first else None,
        next=str(Position(page.end, epoch)),
        has_previous=page.has_previous,
        has_next=page.has_next,
        gaps=[StoredGap(hole.first, hole.last, hole.reason) for hole in page.holes],
        is_restart=is_restart,
    )


def _encoded(document: LogPage, lines: Sequence[bytes]) -> bytes:
    document.entries = json_entries(lines)
    return msgspec.json.encode(document)


def _link(request: Request, name: str, position: str) -> str:
    """The address of a neighbouring page, relative, and without credentials."""
    dropped = ("after", "before", "tail", "access_token", "ticket")
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in dropped]
    return "?" + "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in [*kept, (name, position)])


async def _download(
    request: Request,
    reads: Reads,
    scan: Callable[[], AbstractContextManager[None]],
    task_id: str,
    log_filter: LogFilter,
    kind: Format,
    *,
    is_message_only: bool,
) -> Response:
    limit = PAGE_LIMIT.of(request.query_params, maximum=TAIL_MAX, default=TAIL_MAX)
    state = await known_task(reads, task_id)
    name = f"{task_id}.{_SUFFIXES[kind]}"
    ascii_name = "".join(character if character.isalnum() and character.isascii() else "_" for character in task_id)
    headers = {
        **BODY_HEADERS,
        "Content-Disposition": (
            f"attachment; filename=\"{ascii_name}.{_SUFFIXES[kind]}\"; filename*=UTF-8''{quote(name, safe='')}"
        ),
        "Otto-Epoch": reads.epoch,
    }
    encoding, compressor = compressor_of(request)
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    if request.method == "HEAD":
        return Response(headers=headers, media_type=FORMATS[kind])
    pieces = _placed(scan, _pieces(reads, state, limit, Matcher(log_filter), kind, is_message_only=is_message_only))
    body = pieces if compressor is None else compressed(pieces, compressor)
    return StreamingResponse(body, headers=headers, media_type=FORMATS[kind])


async def _placed(
    scan: Callable[[], AbstractContextManager[None]], pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    with scan():
        async for piece in pieces:
            yield piece


async def _pieces(
    reads: Reads, state: TaskState, limit: int, matcher: Matcher, kind: Format, *, is_message_only: bool
) -> AsyncIterator[bytes]:
    """A download in pieces. Its end is that of the task when it began: a log that grows as fast still has one."""

    def around(page: Page) -> tuple[bytes, bytes]:
        return around_list(_document(reads.epoch, state, page), "entries")

    position, left = 0, limit
    separator = b""
    holes: list[Hole] = []
    if kind == "json":
        yield around(Page(0, 0))[0]
    while position < state.last and left:
        found = await reads.read(
            state.task_id,
            position,
            state.last,
            matcher,
            lines_max=min(left, _DOWNLOAD_LINES),
            bytes_max=_DOWNLOAD_BYTES,
        )
        hole = hole_before(found, position)
        if hole is not None:
            holes.append(hole)
        if hole is not None and kind == "text" and not is_message_only:
            yield f"--- lines {hole.first} to {hole.last} are missing: {hole.reason} ---\n".encode()
        position = found.end
        left -= len(found.lines)
        if not found.lines:
            continue
        if kind == "json":
            yield separator + b",".join(found.lines)
            separator = b","
        elif kind == "ndjson":
            yield ndjson(found.lines)
        else:
            yield await asyncio.to_thread(plain_text, found.lines, is_message_only=is_message_only)
    if kind == "json":
        yield around(Page(0, position, holes=holes, has_next=position < state.last))[1]
