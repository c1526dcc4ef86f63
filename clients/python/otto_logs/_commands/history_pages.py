"""Questions to the gateway about what it has stored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx2

from otto_logs._commands.exit_codes import ExitCode
from otto_logs._commands.stream import FATAL, StreamError, StreamEvent, error_text, object_of, words

__all__ = ["Stored"]

_PATH: Final = "/api/v1/log-streaming"
_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0
_EVENT_BYTES_MAX: Final = 32 * 1024 * 1024

Query = Sequence[tuple[str, str]]


class Stored:
    """Asks once; if the gateway is unreachable, the caller retries.

    Args:
        url: the gateway's, such as ``http://127.0.0.1:4000``.

    Raises:
        StreamError: by every method, where the gateway refused, or is away.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._place = url
        headers = {"User-Agent": "otto-logs"} | ({"Authorization": f"Bearer {token}"} if token else {})
        timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_ANSWER_SECONDS)
        self._client = httpx2.Client(timeout=timeout, headers=headers)

    def __repr__(self) -> str:
        return f"<Stored {self._place}>"

    def __enter__(self) -> "Stored":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def tasks(self, query: Query, count_max: int) -> Iterator[dict[str, Any]]:
        """Tasks, the newest activity first, page by page."""
        cursor: tuple[tuple[str, str], ...] = ()
        while count_max > 0:
            asked = (*query, ("limit", str(min(count_max, 200))), *cursor)
            with self._failures():
                response = self._client.get(f"{self._place}{_PATH}/tasks", params=asked)
                self._check(response)
            page = object_of(response.text)
            found = page.get("tasks") or []
            yield from found
            count_max -= len(found)
            if not page.get("next") or not found:
                return
            cursor = (("cursor", str(page["next"])),)

    def summary(self, task_id: str, characters: int) -> dict[str, Any]:
        """Why a task failed, as the gateway's JSON."""
        return object_of(self._summary(task_id, characters, "json"))

    def summary_text(self, task_id: str, characters: int) -> str:
        """The same as Markdown."""
        return self._summary(task_id, characters, "markdown")

    def _summary(self, task_id: str, characters: int, form: str) -> str:
        url = f"{self._place}{_PATH}/logs/{quote(task_id, safe='')}/summary"
        with self._failures():
            response = self._client.get(url, params=(("format", form), ("characters", str(characters))))
            self._check(response)
        return response.text

    def search(self, query: Query) -> Iterator[StreamEvent]:
        """``hit`` and ``progress`` as they come, and at last ``complete``; to end early stops the search."""
        with (
            self._failures(),
            self._client.sse(
                f"{self._place}{_PATH}/search", params=tuple(query), max_event_size=_EVENT_BYTES_MAX
            ) as source,
        ):
            if source.response.status_code != httpx2.codes.OK:
                source.response.read()
            self._check(source.response)
            for event in source:
                if event.data:
                    yield StreamEvent(event.event, event.data, object_of(event.data))

    def _check(self, response: httpx2.Response) -> None:
        if response.status_code != httpx2.codes.OK:
            code = ExitCode.REFUSED if response.status_code in FATAL else ExitCode.AWAY
            raise StreamError(f"the gateway at {self._place} refused: {error_text(response)}", code)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise StreamError(f"{self._place} is no address: {error}", ExitCode.USAGE) from None
        except httpx2.RequestError as error:
            raise StreamError(f"the gateway at {self._place} is away: {words(error)}", ExitCode.AWAY) from None
