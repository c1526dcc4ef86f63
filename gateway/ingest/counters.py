"""Counts what ingest took, refused and changed, and reports it to an observer."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

__all__ = ["Counters", "Dialect", "IngestStatistics", "Observer", "Refusal"]


class Dialect(StrEnum):
    """The wires; the label of metrics."""

    NATIVE = "native"
    OTTO = "otto"
    OTLP = "otlp"
    HTTP = "http"


class Refusal(StrEnum):
    """Why something was not taken; the label of metrics."""

    FIELD = "field"
    """An identifier, status or other field is not valid."""
    BATCH = "batch"
    """A request has more lines than one may have."""
    METADATA = "metadata"
    """A line's metadata is over its limit; the line itself was taken."""
    PROTOCOL = "protocol"
    """No message, no Hello, a hole in the numbers."""
    AUTHENTICATION = "authentication"
    """No good token, or one that does not cover the task."""
    FULL = "full"
    """As many streams as there may be are open."""
    UNAVAILABLE = "unavailable"
    """The journal could not store it; the producer was asked to send it again."""


class Observer(Protocol):
    """What wants to know of every group of lines; called on the event loop, must not block or raise."""

    def received(self, dialect: str, lines: int, size: int) -> None:
        """Lines arrived, with ``size`` bytes on the wire."""
        ...

    def refused(self, dialect: str, reason: str, count: int) -> None:
        """Lines, reports or streams were not taken."""
        ...

    def truncated(self, dialect: str, lines: int) -> None:
        """Lines were cut at the message limit."""
        ...


@dataclass(frozen=True, slots=True)
class IngestStatistics:
    """Counts since the start by dialect or reason, and the streams that are open now."""

    streams: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    truncated: int = 0
    duplicates: int = 0


class Counters:
    """The running counts of one server."""

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._streams: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._truncated = 0
        self._duplicates = 0

    def __repr__(self) -> str:
        return f"<Counters lines={dict(self._lines)} refused={dict(self._refused)}>"

    def stream_opened(self, dialect: Dialect) -> None:
        """A producer's stream was admitted."""
        self._streams[dialect] += 1

    def stream_closed(self, dialect: Dialect) -> None:
        """It is over."""
        self._streams[dialect] -= 1

    def received(self, dialect: Dialect, lines: int, size: int) -> None:
        """Lines arrived."""
        self._lines[dialect] += lines
        self._bytes[dialect] += size
        if self._observer is not None:
            self._observer.received(dialect, lines, size)

    def refused(self, dialect: Dialect, reason: Refusal, count: int = 1) -> None:
        """Something was not taken."""
        self._refused[reason] += count
        if self._observer is not None:
            self._observer.refused(dialect, reason, count)

    def truncated(self, dialect: Dialect, lines: int) -> None:
        """Lines were cut."""
        self._truncated += lines
        if self._observer is not None:
            self._observer.truncated(dialect, lines)

    def duplicate(self) -> None:
        """A numbered request had been stored before."""
        self._duplicates += 1

    @property
    def streams(self) -> int:
        """Producers' streams that are open."""
        return sum(self._streams.values())

    @property
    def statistics(self) -> IngestStatistics:
        """An immutable snapshot of the counts."""
        return IngestStatistics(
            streams=dict(self._streams),
            lines=dict(self._lines),
            bytes=dict(self._bytes),
            refused=dict(self._refused),
            truncated=self._truncated,
            duplicates=self._duplicates,
        )
