"""The spool: what was accepted and is not acknowledged, in order.

A request gets its number when it is taken for the first time and keeps number and content from then on, because the
gateway tells what it has by the number alone. Nothing here locks or waits; the outbox calls it under its lock.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from otto.logs.v1 import logs_pb2

from otto_logs._values import Level, Source

__all__ = ["Address", "Barrier", "Request", "Spool"]


class Address(NamedTuple):
    """Whose lines these are."""

    task_id: str
    worker_id: str


class Request:
    """A numbered request as it goes on the wire, until it is acknowledged."""

    __slots__ = ("data", "in_flight", "lines", "lines_on_wire", "number", "size", "times_sent")

    def __init__(self, number: int, data: bytes, lines: int, lines_on_wire: int, size: int) -> None:
        self.number = number
        self.data = data
        self.lines = lines
        self.lines_on_wire = lines_on_wire  # with those that stand for dropped ones
        self.size = size
        self.in_flight = False
        self.times_sent = 0

    def __repr__(self) -> str:
        return f"<Request {self.number} lines={self.lines} size={self.size} in_flight={self.in_flight}>"


class Barrier:
    """A place in the order; it is passed when everything before it is acknowledged or was dropped."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = False

    def __repr__(self) -> str:
        return f"<Barrier passed={self.passed}>"


class Spool(Protocol):
    """What the outbox needs of a spool; one on disk would look the same."""

    @property
    def bytes_waiting(self) -> int:
        """Memory that everything unacknowledged counts for."""
        ...

    @property
    def lines_waiting(self) -> int:
        """Lines that are not acknowledged."""
        ...

    @property
    def lines_in_flight(self) -> int:
        """Those of them that were sent on the present connection."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether everything was acknowledged."""
        ...

    @property
    def has_in_flight(self) -> bool:
        """Whether an acknowledgement is to be expected."""
        ...

    def has_room(self, size: int) -> bool:
        """Whether something with a message of ``size`` bytes fits; an empty spool takes anything."""
        ...

    def append_line(
        self,
        address: Address,
        message: bytes,
        time_unix_nano: int,
        level: Level,
        source: Source,
        metadata: Mapping[str, str] | None,
        now: float,
    ) -> None:
        """Add a line behind everything; the caller made room."""
        ...

    def append_item(self, request: logs_pb2.PublishRequest) -> None:
        """Add anything but lines behind everything; no line that comes later overtakes it."""
        ...

    def append_barrier(self) -> Barrier:
        """Mark the end of what is there now."""
        ...

    def drop_oldest(self, size: int) -> int:
        """Drop unsent lines, oldest first, until ``size`` bytes fit or nothing more can go; how many it were.

        A line in the log says how many went missing, at the place where they were.
        """
        ...

    def ready_at(self) -> float | None:
        """The ``time.monotonic()`` from which on there is something to send; None: there is nothing."""
        ...

    def next_request(self, lines_max: int) -> Request | None:
        """The next request for the wire: what must be sent again first, then what is new.

        A new request is made to fit ``lines_max``. One that has its number already cannot be cut, so it goes alone
        where it does not fit: with nothing else in flight, and ``lines_max`` above 0.
        """
        ...

    def rewind(self, acknowledged: int) -> bool:
        """A new connection: forget what the gateway has, and send all of the rest again.

        Returns:
            False where the gateway has forgotten what it had acknowledged; numbers go on from what it knows.
        """
        ...

    def acknowledge(self, number: int) -> int:
        """Everything up to ``number`` is stored: forget it; how many lines it were."""
        ...
