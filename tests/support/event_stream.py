"""A client of the gateway's Server-Sent Events that records what it was given."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec

from filters.position import Position

__all__ = ["Event", "EventStream", "Recording", "parse_event"]


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (``message`` for a line), its id (empty: none) and its decoded data."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass(slots=True)
class Recording:
    """What a subscriber saw over all its connections."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    notices: list[Event] = field(default_factory=list)
    last_id: str = ""
    connections: int = 0

    @property
    def sequences(self) -> list[int]:
        """The sequences of the lines, in the order of arrival."""
        return [entry["sequence"] for entry in self.entries]

    @property
    def messages(self) -> list[str]:
        """The texts of the lines, in the order of arrival."""
        return [entry["message"] for entry in self.entries]

    @property
    def is_complete(self) -> bool:
        """Whether the end of the task was announced."""
        return any(notice.name == "complete" for notice in self.notices)

    def add(self, event: Event) -> None:
        """Keep an event.

        Raises:
            AssertionError: the line's id is not the one of its sequence.
        """
        if event.id:
            self.last_id = event.id
        if event.name == "message":
            assert Position.parse(event.id).sequence == event.data["sequence"], event
            self.entries.append(event.data)
        else:
            self.notices.append(event)


class EventStream:
    """Reads one stream, once or over and over from where it was.

    Args:
        url: the endpoint with its query.
        headers: sent each time, beside ``Last-Event-ID``.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.url = url
        self.headers = headers or {}
        self.recording = Recording()
        self.status_code = 0

    async def events(self, client: httpx2.AsyncClient) -> AsyncGenerator[Event, None]:
        """The events of one connection that starts after the last id seen; ends with the connection."""
        headers = {"Accept": "text/event-stream", **self.headers}
        if self.recording.last_id:
            headers["Last-Event-ID"] = self.recording.last_id
        async with client.stream("GET", self.url, headers=headers, timeout=None) as answer:
            self.status_code = answer.status_code
            if answer.status_code != httpx2.codes.OK:
                return
            self.recording.connections += 1
            pending = b""
            async for chunk in answer.aiter_bytes():
                *blocks, pending = (pending + chunk).split(b"\n\n")
                for block in blocks:
                    if (event := parse_event(block)) is not None:
                        self.recording.add(event)
                        yield event

    async def read(self, until: Callable[[Recording], bool] | None = None) -> Recording:
        """Read one connection to its end, or until ``until`` holds after an event; then close it."""
        async with httpx2.AsyncClient() as client:
            with contextlib.suppress(httpx2.TransportError):
                async with contextlib.aclosing(self.events(client)) as events:
                    async for _ in events:
                        if until is not None and until(self.recording):
                            break
        return self.recording


def parse_event(block: bytes) -> Event | None:
    """One event from its lines; None for a comment or ``retry:``."""
    name, identifier, data = "message", "", []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode()
        elif key == b"id":
            identifier = value.decode()
    if not data:
        return None
    return Event(name, identifier, msgspec.json.decode(b"\n".join(data)))
