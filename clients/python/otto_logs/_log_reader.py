"""Reading logs: live with exact resume, page by page, and by search."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import quote

import httpx2

from otto_logs._backoff import Backoff
from otto_logs._commands.formatting import ShownLines
from otto_logs._commands.stream import error_text, object_of, words
from otto_logs._entries import Entry, Gap, LogFilter, LogPage, SearchHit, Update
from otto_logs._errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OttoLogsError,
    PermissionDeniedError,
    UnavailableError,
)
from otto_logs._gateway_url import default_url

__all__ = ["LogReader", "LogReading", "UpdateReading", "read"]

T = TypeVar("T")

_PATH: Final = "/api/v1/log-streaming"
_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 120.0
"""Four heartbeats; a connection that is silent for longer is dead."""
_RETRY_SECONDS: Final = 1.0
_RETRY_SECONDS_MAX: Final = 30.0
_EVENT_BYTES_MAX: Final = 32 << 20
_CODED: Final = {
    400: (InvalidRequestError, "INVALID_ARGUMENT"),
    401: (AuthenticationError, "UNAUTHENTICATED"),
    403: (PermissionDeniedError, "PERMISSION_DENIED"),
}


class _AwayError(Exception):
    """The connection was lost or refused for now."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LogReader:
    """Reads what a gateway has; an async context manager.

    Each method raises ``AuthenticationError``, ``PermissionDeniedError``, ``InvalidRequestError`` or ``NotFoundError``
    where the gateway refuses, and ``UnavailableError`` where it is away.

    Args:
        url: the gateway's HTTP address; by default ``OTTO_URL``, or http://127.0.0.1:4000.
        token: what to show; by default ``OTTO_TOKEN``.
        give_up_seconds: how long the gateway may be away while a log is followed; None: for ever.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, give_up_seconds: float | None = None
    ) -> None:
        self._url = (url or default_url()).rstrip("/") + _PATH
        self._give_up_seconds = float("inf") if give_up_seconds is None else give_up_seconds
        token = token or os.environ.get("OTTO_TOKEN")
        headers = {"User-Agent": "otto-logs"} | ({"Authorization": f"Bearer {token}"} if token else {})
        timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_SILENCE_SECONDS)
        self._client = httpx2.AsyncClient(timeout=timeout, headers=headers)

    def __repr__(self) -> str:
        return f"<LogReader {self._url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def read(
        self,
        task_id: str,
        *,
        filter: LogFilter | None = None,  # noqa: A002
        after: str = "",
        tail: int | None = None,
    ) -> "LogReading":
        """A task's lines, each once and in order: those that are stored, then new ones, until the task ends.

        Lost connections are made anew where they were. A journal that was replaced begins at its first line, without
        lines that were read and are the same.

        Args:
            task_id: the task; it need not exist yet.
            filter: which lines.
            after: the position of an entry, to start behind it; empty: at the first line.
            tail: start at the last so many lines instead.
        """
        query = (filter or LogFilter()).query()
        query += [("after", after)] if after else []
        query += [("tail", str(tail))] if tail is not None else []
        url = f"{self._url}/logs/{quote(task_id, safe='')}/stream"
        return LogReading(self._client, url, query, after, self._give_up_seconds)

    async def history(
        self,
        task_id: str,
        *,
        filter: LogFilter | None = None,  # noqa: A002
        after: str = "",
        before: str = "",
        tail: int | None = None,
        limit: int = 500,
    ) -> LogPage:
        """One page of what is stored; at most one of ``after``, ``before`` and ``tail``."""
        query = [*(filter or LogFilter()).query(), ("limit", str(limit))]
        query += [(name, value) for name, value in (("after", after), ("before", before)) if value]
        query += [("tail", str(tail))] if tail is not None else []
        page = await self._get(f"/logs/{quote(task_id, safe='')}", query)
        epoch = page["epoch"]
        return LogPage(
            [Entry.of(entry, f"{epoch}-{entry['sequence']}") for entry in page["entries"]],
            page["status"],
            page["next"],
            page["previous"],
            page["hasNext"],
            page["hasPrevious"],
            [_gap(gap) for gap in page["gaps"]],
            page["isRestart"],
        )

    async def search(
        self,
        text: str = "",
        *,
        filter: LogFilter | None = None,  # noqa: A002
        context: int = 0,
        limit: int = 100,
    ) -> AsyncIterator[SearchHit]:
        """Lines of all tasks that contain a text and pass a filter, the newest first, up to ``limit``."""
        cursor = ""
        while limit > 0:
            query = [*(filter or LogFilter()).query(), ("context", str(context)), ("limit", str(min(limit, 100)))]
            query += [(name, value) for name, value in (("q", text), ("cursor", cursor)) if value]
            found = await self._get("/search", query)
            for hit in found["hits"]:
                yield SearchHit(Entry.of(hit["entry"]), *(tuple(map(Entry.of, hit[at])) for at in ("before", "after")))
            limit -= len(found["hits"])
            if found["next"] is None:
                return
            cursor = found["next"]

    def updates(self) -> "UpdateReading":
        """What changes from now on: incidents of alerts, execution records and batch jobs.

        Nothing is kept for a reader that was away: read lists anew after each update of the kind ``open``, which is
        given out for every connection. Lost connections are made anew.
        """
        return UpdateReading(self._client, f"{self._url}/updates", [], self._give_up_seconds)

    async def summary(self, task_id: str, *, characters: int = 2000) -> dict[str, Any]:
        """Why a task failed; the document of ``GET …/logs/{taskId}/summary``."""
        return await self._get(f"/logs/{quote(task_id, safe='')}/summary", [("characters", str(characters))])

    async def _get(self, path: str, query: list[tuple[str, str]]) -> dict[str, Any]:
        try:
            response = await self._client.get(self._url + path, params=tuple(query))
        except httpx2.RequestError as error:
            raise UnavailableError(f"the gateway is away: {words(error)}") from error
        if response.status_code != httpx2.codes.OK:
            raise _refusal(response) or UnavailableError(error_text(response))
        return object_of(response.text)


async def read(
    task_id: str,
    *,
    filter: LogFilter | None = None,  # noqa: A002
    after: str = "",
    url: str | None = None,
    token: str | None = None,
) -> AsyncIterator[Entry]:
    """A task's lines, each once and in order, until it ends: ``LogReader.read`` with a reader of its own."""
    async with LogReader(url, token) as logs:
        async for entry in logs.read(task_id, filter=filter, after=after):
            yield entry


class _Reading(Generic[T]):
    """The events of a stream, over lost connections; iterate it once."""

    def __init__(
        self, client: httpx2.AsyncClient, url: str, query: list[tuple[str, str]], give_up_seconds: float
    ) -> None:
        self._client = client
        self._url = url
        self._query = tuple(query)
        self._give_up_seconds = give_up_seconds
        self._last_id = ""
        self._retry_seconds = _RETRY_SECONDS
        self.status: str | None = None

    async def __aiter__(self) -> AsyncIterator[T]:
        backoff = Backoff(_RETRY_SECONDS, _RETRY_SECONDS_MAX)
        away_since: float | None = None
        while True:
            lost = _AwayError("the stream ended")
            try:
                async for entry in self._connection():
                    away_since = None
                    backoff.reset()
                    if entry is not None:
                        yield entry
            except _AwayError as error:
                lost = error
            if self.status is not None:
                return
            now = time.monotonic()
            away_since = now if away_since is None else away_since
            backoff.set_base(self._retry_seconds)
            delay = max(backoff.next_delay_seconds(), lost.retry_after_seconds)
            if now + delay - away_since > self._give_up_seconds:
                raise UnavailableError(f"the gateway is away: {lost}") from lost
            await asyncio.sleep(delay)

    async def _connection(self) -> AsyncIterator[T | None]:
        """What one connection gives out; None is a sign of life."""
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        try:
            async with self._client.sse(
                self._url, params=self._query, headers=headers, max_event_size=_EVENT_BYTES_MAX
            ) as source:
                await self._check(source.response)
                if self.status is not None:
                    return
                yield self._opened()
                async for event in source:
                    if event.retry is not None and event.retry >= 0:
                        self._retry_seconds = event.retry / 1000
                    if event.data and event.event != "error":
                        yield self._event(event.event, event.data, event.id)
                    if event.data or event.id:
                        self._last_id = event.id  # after the yield: what was not taken is asked for again
                    if self.status is not None:
                        return
        except httpx2.RequestError as error:
            raise _AwayError(words(error)) from error

    async def _check(self, response: httpx2.Response) -> None:
        if response.status_code == httpx2.codes.NO_CONTENT:
            self.status = ""  # it had ended before the position
        elif response.status_code != httpx2.codes.OK:
            await response.aread()
            refused = _refusal(response)
            if refused is not None:
                raise refused
            after = response.headers.get("retry-after", "")
            raise _AwayError(error_text(response), float(after) if after.isdigit() else 0.0)

    def _opened(self) -> T | None:
        """What is given out for a new connection."""
        return None

    def _event(self, kind: str, data: str, position: str) -> T | None:
        """What is given out for an event."""
        raise NotImplementedError


class UpdateReading(_Reading[Update]):
    """Updates; iterate it, for as long as they are wanted."""

    def __repr__(self) -> str:
        return f"<UpdateReading {self._url}>"

    def _opened(self) -> Update:
        return Update("open", {})

    def _event(self, kind: str, data: str, position: str) -> Update | None:  # noqa: ARG002 - they have none
        return None if kind == "heartbeat" else Update(kind, object_of(data))


class LogReading(_Reading[Entry]):
    """The lines of one task; iterate it once.

    Attributes:
        position: where another reading resumes: behind the last entry that was given out.
        status: how the task ended; None while it has not.
        gaps: lines within what was read that no longer exist.
    """

    def __init__(
        self, client: httpx2.AsyncClient, url: str, query: list[tuple[str, str]], after: str, give_up_seconds: float
    ) -> None:
        super().__init__(client, url, query, give_up_seconds)
        self._shown = ShownLines()
        self.position = after
        self.gaps: list[Gap] = []

    def __repr__(self) -> str:
        return f"<LogReading {self._url} position={self.position!r} status={self.status}>"

    def _event(self, kind: str, data: str, position: str) -> Entry | None:
        """The entry of an event that is a line, and was not given out before the journal was replaced."""
        fields = object_of(data)
        self._shown.enter(position.partition("-")[0] if "-" in position else "")
        if kind == "gap":
            self.gaps.append(_gap(fields))
        elif kind == "complete":
            self.status = str(fields.get("status", ""))
            self.position = position or self.position
        elif kind == "message":
            entry = Entry.of(fields, position)
            self.position = position
            if not self._shown.is_repeated(entry.sequence, data):
                self._shown.add(entry.sequence, data)
                return entry
        return None


def _gap(fields: Mapping[str, Any]) -> Gap:
    return Gap(int(fields["from"]), int(fields["to"]), str(fields["reason"]))


def _refusal(response: httpx2.Response) -> OttoLogsError | None:
    """The error of a status that trying again does not change; None: it may."""
    text = error_text(response)
    if response.status_code in _CODED:
        kind, code = _CODED[response.status_code]
        return kind(code, text)
    return NotFoundError(text) if response.status_code == httpx2.codes.NOT_FOUND else None
