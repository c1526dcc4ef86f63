"""A task's log over Server-Sent Events, across reconnects, for as long as it continues."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx2

from otto_logs._backoff import Backoff
from otto_logs._commands.exit_codes import ExitCode, say
from otto_logs._commands.formatting import ShownLines

__all__ = ["FATAL", "LogStream", "StreamError", "StreamEvent", "error_text", "object_of", "words"]

_EVENT_BYTES_MAX: Final = 8 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 120.0
"""Four heartbeats; a connection that is silent for longer is dead."""
_RETRY_SECONDS: Final = 1.0
_RETRY_SECONDS_MAX: Final = 30.0
FATAL: Final = frozenset({400, 401, 403, 404, 405, 406, 431})
"""Statuses that trying again does not change."""


class StreamError(Exception):
    """The stream has ended for good; ``code`` is what the command should exit with."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A line (``message``) or a named event, with its JSON as text and as an object."""

    kind: str
    text: str
    fields: dict[str, Any]


class _AwayError(Exception):
    """The connection was lost or refused for now."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LogStream:
    """The events of one task's stream.

    Args:
        url: the gateway's, such as ``http://127.0.0.1:4000``.
        query: the filter and where to start, as the gateway's parameters.
        give_up_seconds: how long the gateway may be away.
    """

    def __init__(
        self, url: str, task_id: str, query: Sequence[tuple[str, str]], token: str | None, give_up_seconds: float
    ) -> None:
        self._place = url
        self._url = f"{url}/api/v1/log-streaming/logs/{quote(task_id, safe='')}/stream"
        self._query = tuple(query)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._give_up_seconds = give_up_seconds
        self._last_id = ""
        self._shown = ShownLines()
        self._retry_seconds = _RETRY_SECONDS

    def __repr__(self) -> str:
        return f"<LogStream {self._url} last_id={self._last_id!r}>"

    def __iter__(self) -> Iterator[StreamEvent]:
        """Lines, gaps, errors, and at last ``complete``; heartbeats stay here.

        Raises:
            StreamError: the gateway refused, or was away for too long.
        """
        backoff = Backoff(_RETRY_SECONDS, _RETRY_SECONDS_MAX)
        away_since: float | None = None
        timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_SILENCE_SECONDS)
        with httpx2.Client(timeout=timeout, headers={"User-Agent": "otto-logs"}) as client:
            while True:
                try:
                    for event in self._connection(client):
                        # An error, like an opening alone, is no success: a gateway that accepts and drops is
                        # left alone for longer each time.
                        if event is None or event.kind != "error":
                            away_since = None
                            backoff.reset()
                        if event is None:
                            continue
                        yield event
                        if event.kind == "complete":
                            return
                    lost = _AwayError("the stream ended")
                except _AwayError as error:
                    lost = error
                now = time.monotonic()
                if away_since is None:
                    away_since = now
                backoff.set_base(self._retry_seconds)
                delay = max(backoff.next_delay_seconds(), lost.retry_after_seconds)
                if now + delay - away_since > self._give_up_seconds:
                    raise StreamError(f"the gateway at {self._place} is away: {lost}", ExitCode.AWAY)
                say(f"the gateway at {self._place} is away ({lost}); trying again in {delay:.1f} s")
                time.sleep(delay)

    def _connection(self, client: httpx2.Client) -> Iterator[StreamEvent | None]:
        """The events of one connection; None is a sign of life."""
        headers = {**self._headers, **({"Last-Event-ID": self._last_id} if self._last_id else {})}
        try:
            with client.sse(self._url, params=self._query, headers=headers, max_event_size=_EVENT_BYTES_MAX) as source:
                response = source.response
                if response.status_code == httpx2.codes.NO_CONTENT:
                    yield StreamEvent("complete", "{}", {})
                    return
                if response.status_code != httpx2.codes.OK:
                    response.read()
                    self._refused(response)
                for event in source:
                    if event.retry is not None and event.retry >= 0:
                        self._retry_seconds = event.retry / 1000
                    if event.data and event.event != "heartbeat":
                        yield from self._event(StreamEvent(event.event, event.data, object_of(event.data)), event.id)
                    elif event.event == "heartbeat":
                        yield None
                    # Behind the yield: what was not shown is asked for again.
                    self._last_id = event.id
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise StreamError(f"{self._place} is no address: {error}", ExitCode.USAGE) from None
        except httpx2.RequestError as error:
            raise _AwayError(words(error)) from error

    def _event(self, event: StreamEvent, position: str) -> Iterator[StreamEvent | None]:
        """An event, unless it is a line that was shown before the journal was replaced."""
        before = self._shown.enter(position.partition("-")[0] if "-" in position else "")
        if before:
            say(
                f"the gateway's journal was replaced, as by a backup (its epoch was {before}): the log comes again "
                "from its first line, without what was shown and is the same"
            )
        sequence = event.fields.get("sequence")
        if event.kind != "message" or not isinstance(sequence, int):
            yield event
        elif self._shown.is_repeated(sequence, event.text):
            yield None
        else:
            yield event
            self._shown.add(sequence, event.text)

    def _refused(self, response: httpx2.Response) -> None:
        text = error_text(response)
        if response.status_code in FATAL:
            raise StreamError(f"the gateway at {self._place} refused: {text}", ExitCode.REFUSED)
        retry_after = response.headers.get("retry-after", "")
        raise _AwayError(text, float(retry_after) if retry_after.isdigit() else 0.0)


def object_of(data: str) -> dict[str, Any]:
    """A JSON object; empty if it is none."""
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def error_text(response: httpx2.Response) -> str:
    """What a refusal says."""
    error = object_of(response.text).get("error")
    if isinstance(error, dict) and error.get("message"):
        return str(error["message"])
    return f"HTTP {response.status_code} {response.reason_phrase}".strip()


def words(error: Exception) -> str:
    """What went wrong with a connection."""
    return str(error) or type(error).__name__
