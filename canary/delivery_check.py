"""The ledger: which lines were written and stored, which came back on which way out, and what follows from that.

It knows no clock, no network and no loop; times are seconds that only grow, given by anyone who calls.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from canary.latency import Latencies
from canary.sequence_check import Arrival, SequenceCheck

__all__ = ["DeliveryCheck", "Route", "RouteCounts", "Tolerance"]


class Route(StrEnum):
    """A way that lines come back on."""

    SSE = "sse"
    SOCKETIO = "socketio"
    POLLING = "polling"


class _State(IntEnum):
    OPEN = 0
    """Written, and expected."""
    SEEN = 1
    MISSING = 2
    UNCERTAIN = 3
    """Never acknowledged, and never will be: it may come or not."""


@dataclass(slots=True)
class RouteCounts:
    """What was found on one route, over all tasks."""

    seen: int = 0
    missing: int = 0
    """Stored lines that did not come although the route was there for long enough."""
    recovered: int = 0
    """Those of them that came after all."""
    doubled: int = 0
    out_of_order: int = 0
    """Lines that came after a later one."""
    late: int = 0
    unexpected: int = 0
    """Lines that were never written, or that say something else."""
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def is_well(self) -> bool:
        """Whether every line came once and in order. A late one came."""
        return not (self.missing - self.recovered or self.doubled or self.out_of_order or self.unexpected)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How long a line may take.

    Attributes:
        late_seconds: a line that took longer is late.
        grace_seconds: a stored line that did not come for so long on a route that was there all the time is missing.
    """

    late_seconds: float = 2.0
    grace_seconds: float = 30.0


@dataclass(slots=True)
class _Line:
    written_at: float
    acknowledged_at: float | None = None


class _RouteLedger:
    """One route of one task. ``settled`` is the number up to which every line has been decided."""

    def __init__(self, counts: RouteCounts, tolerance: Tolerance, lines: list[_Line]) -> None:
        self._counts = counts
        self._tolerance = tolerance
        self._lines = lines
        self._states = bytearray()
        self._sequence = SequenceCheck()
        self._there_since: float | None = None
        self.settled = 0

    def __repr__(self) -> str:
        return f"<_RouteLedger settled {self.settled} of {len(self._lines)}>"

    @property
    def is_there(self) -> bool:
        return self._there_since is not None

    def come(self, at: float) -> None:
        if self._there_since is None:
            self._there_since = at

    def go(self) -> None:
        self._there_since = None

    def see(self, number: int, at: float) -> None:
        counts = self._counts
        if not 1 <= number <= len(self._lines):
            counts.unexpected += 1
            return
        arrival = self._sequence.see(number)
        if arrival is Arrival.AGAIN:
            counts.doubled += 1
            return
        if self._state(number) == _State.MISSING:
            counts.recovered += 1
        self._states[number - 1] = _State.SEEN
        counts.seen += 1
        counts.out_of_order += arrival is Arrival.OUT_OF_ORDER
        took = at - self._lines[number - 1].written_at
        counts.latencies.observe(took)
        if took > self._tolerance.late_seconds:
            counts.late += 1

    def doubt(self, number: int) -> None:
        if self._state(number) == _State.OPEN:
            self._states[number - 1] = _State.UNCERTAIN

    def judge(self, at: float) -> None:
        """Decide what can be decided, in the order of the numbers."""
        while self.settled < len(self._lines):
            number = self.settled + 1
            if self._state(number) == _State.OPEN:
                acknowledged_at = self._lines[number - 1].acknowledged_at
                if acknowledged_at is None or self._there_since is None:
                    return
                if at - max(acknowledged_at, self._there_since) <= self._tolerance.grace_seconds:
                    return
                self._states[number - 1] = _State.MISSING
                self._counts.missing += 1
            self.settled = number

    def _state(self, number: int) -> int:
        if len(self._states) < len(self._lines):
            self._states += bytes(len(self._lines) - len(self._states))
        return self._states[number - 1]


class DeliveryCheck:
    """The lines 1, 2, 3, … of one task. Memory is some hundred bytes a line, and a task has a limited number of them.

    Args:
        counts: what is found is added to these, which are of all tasks.
    """

    def __init__(self, task_id: str, counts: dict[Route, RouteCounts], tolerance: Tolerance) -> None:
        self.task_id = task_id
        self.is_closed = False
        self.acknowledged = 0
        self._lines: list[_Line] = []
        self._routes = {route: _RouteLedger(each, tolerance, self._lines) for route, each in counts.items()}

    def __repr__(self) -> str:
        return f"<DeliveryCheck {self.task_id!r} {len(self._lines)} lines, {self.open_lines} open>"

    @property
    def written(self) -> int:
        """The number of the last line that was written; the first is 1."""
        return len(self._lines)

    @property
    def open_lines(self) -> int:
        """Lines that are not decided yet on some route."""
        return max((len(self._lines) - route.settled for route in self._routes.values()), default=0)

    @property
    def is_settled(self) -> bool:
        """Whether it has been closed and every line is decided on every route."""
        return self.is_closed and not self.open_lines

    def write(self, at: float) -> int:
        """A line is about to be sent; its number."""
        self._lines.append(_Line(at))
        return len(self._lines)

    def acknowledge(self, number: int, at: float) -> None:
        """The gateway says that a line is stored."""
        self.acknowledged += 1
        self._lines[number - 1].acknowledged_at = at

    def doubt(self, number: int) -> None:
        """Nobody will ever know whether a line was stored: it may come or not."""
        for route in self._routes.values():
            route.doubt(number)

    def close(self) -> None:
        """No line will be written any more."""
        self.is_closed = True

    def come(self, route: Route, at: float) -> None:
        """A route is there; from now on lines can be expected on it. Idempotent."""
        self._routes[route].come(at)

    def go(self, route: Route) -> None:
        """A route is gone for now."""
        self._routes[route].go()

    def is_there(self, route: Route) -> bool:
        """Whether a route is there."""
        return self._routes[route].is_there

    def see(self, route: Route, number: int, at: float) -> None:
        """A line came; a number that no line has counts as unexpected."""
        self._routes[route].see(number, at)

    def judge(self, at: float) -> None:
        """Decide what can be decided by now."""
        for route in self._routes.values():
            route.judge(at)
