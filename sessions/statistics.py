"""What the hub has done and holds now, as a frozen value that metrics and tests read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sessions.transport import EncodedBatch

__all__ = ["Delivered", "DeliveryMeter", "HubStatistics", "Observer"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Lines, bytes and writes that transports of one kind have taken."""

    lines: int = 0
    bytes: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubStatistics:
    """Counts since the start, and the state of the moment.

    Attributes:
        active: open sessions by kind of transport.
        lagging: sessions whose lag is at least ``Limits.lagging_lines``.
        catch_ups: reads from the journal on behalf of sessions.
        encodes: runs encoded by channels that still exist; independent of the number of sessions.
        closed: sessions that have ended, by the code of the reason.
        refused: sessions refused because the gateway was full.
        tick_seconds: the present pause between flushes.
    """

    active: Mapping[str, int] = field(default_factory=dict)
    delivered: Mapping[str, Delivered] = field(default_factory=dict)
    lagging: int = 0
    behind: int = 0
    catch_ups: int = 0
    gaps: int = 0
    closed: Mapping[str, int] = field(default_factory=dict)
    encodes: int = 0
    flushes: int = 0
    refused: int = 0
    tasks: int = 0
    channels: int = 0
    window_bytes: int = 0
    run_bytes: int = 0
    tick_seconds: float = 0.0


class Observer(Protocol):
    """Receives what a statistic of counts cannot hold."""

    def delivery_latency(self, seconds: float) -> None:
        """From a line's arrival at the gateway to the write to its live subscribers; once per run."""
        ...


class DeliveryMeter:
    """Counts what transports have taken, by kind, and what else sessions report.

    Attributes:
        catch_ups: reads from the journal on behalf of sessions.
        gaps: gaps that were announced.
    """

    __slots__ = ("_bytes", "_lines", "_writes", "catch_ups", "gaps")

    def __init__(self) -> None:
        self.catch_ups = 0
        self.gaps = 0
        self._lines: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._writes: dict[str, int] = {}

    def add(self, kind: str, run: EncodedBatch) -> None:
        """One transport has taken one run."""
        self._lines[kind] = self._lines.get(kind, 0) + run.count
        self._bytes[kind] = self._bytes.get(kind, 0) + run.size
        self._writes[kind] = self._writes.get(kind, 0) + 1

    def catch_up(self) -> None:
        """A session reads from the journal."""
        self.catch_ups += 1

    def gap(self) -> None:
        """A session has announced a gap."""
        self.gaps += 1

    def totals(self) -> dict[str, Delivered]:
        """The counts by kind."""
        return {kind: Delivered(lines, self._bytes[kind], self._writes[kind]) for kind, lines in self._lines.items()}
