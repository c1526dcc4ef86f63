"""The spool: what was accepted and is not acknowledged, in order.

A request gets its number when it is taken for the first time and keeps number and content from then on, because the
gateway knows by the number alone what it already has. Nothing here locks or waits; the outbox calls it under its lock.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from otto.logs.v1 import logs_pb2

from otto_logs._statistics import Problem
from otto_logs._values import Level, Source

__all__ = ["AT_ONCE", "Address", "DropMark", "FlushMarker", "Request", "Spool", "SpoolUnwritableError"]

AT_ONCE: Final = -math.inf
"""Earlier than any moment of a clock, whatever it counts from."""


class Address(NamedTuple):
    """Whose lines these are."""

    task_id: str
    worker_id: str


@dataclass(frozen=True, slots=True)
class DropMark:
    """How many lines are missing in one place, and why: dropped from a full spool, or on a damaged disk.

    ``time_unix_nano`` is that of the first of them; 0: not known.
    """

    dropped: int = 0
    damaged: int = 0
    time_unix_nano: int = 0

    def plus(self, other: "DropMark") -> "DropMark":
        """Both in one place; the earlier one is this one."""
        return DropMark(
            self.dropped + other.dropped,
            self.damaged + other.damaged,
            self.time_unix_nano or other.time_unix_nano,
        )


class Request:
    """A numbered request as it goes on the wire, until it is acknowledged."""

    __slots__ = (
        "address",
        "data",
        "in_flight",
        "lines",
        "lines_on_wire",
        "mark",
        "number",
        "ordinals",
        "size",
        "times_sent",
    )

    def __init__(
        self, number: int, message: logs_pb2.PublishRequest, lines: int, lines_on_wire: int, size: int
    ) -> None:
        self.number = message.number = number
        self.data = message.SerializeToString()
        self.lines = lines
        self.lines_on_wire = lines_on_wire  # with those that stand for dropped ones
        self.size = size
        self.address = Address(message.lines.task_id, message.lines.worker_id) if message.HasField("lines") else None
        self.ordinals: list[int] = []
        self.mark: DropMark | None = None
        self.in_flight = False
        self.times_sent = 0

    def __repr__(self) -> str:
        return f"<Request {self.number} lines={self.lines} size={self.size} in_flight={self.in_flight}>"

    def renumber(self, number: int) -> None:
        """Give the request another number, under another producer id."""
        message = logs_pb2.PublishRequest.FromString(self.data)
        self.number = message.number = number
        self.data = message.SerializeToString()


class SpoolUnwritableError(Exception):
    """There was room, and yet the line can be kept neither on disk nor in memory; now there is none."""


class FlushMarker:
    """A place in the order; it is passed when everything before it is acknowledged or was dropped."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = False

    def __repr__(self) -> str:
        return f"<FlushMarker passed={self.passed}>"


class Spool(Protocol):
    """What the outbox needs of a spool."""

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
        positions: Mapping[str, object] | None = None,
    ) -> None:
        """Add a line after everything; the caller made room.

        ``positions``, how far files were read with this line, are kept with it by a spool on disk.

        Raises:
            SpoolUnwritableError: it can be kept neither on disk nor in memory now.
        """
        ...

    def append_item(self, request: logs_pb2.PublishRequest) -> None:
        """Add anything but lines after everything; no line that comes later overtakes it."""
        ...

    def append_barrier(self) -> FlushMarker:
        """Mark the end of what is there now."""
        ...

    def drop_oldest(self, size: int) -> int:
        """Drop unsent lines, oldest first, until ``size`` bytes fit or nothing more can go; how many it were.

        A line in the log says how many went missing, at the place where they were.
        """
        ...

    def ready_at(self) -> float | None:
        """The ``time.monotonic()`` from which on there is something to send, or ``AT_ONCE``; None: there is nothing."""
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
            False, and nothing has changed, where the gateway has another journal than the one whose acknowledgements
            are known: it has fewer requests than it had acknowledged, or more than there ever were.
        """
        ...

    def renumber(self, producer_id: str) -> None:
        """Number what is not acknowledged from 1, under another producer id, which a spool on disk remembers."""
        ...

    def acknowledge(self, number: int) -> int:
        """Everything up to ``number`` is stored: forget it; how many lines it were."""
        ...

    @property
    def lines_damaged(self) -> int:
        """Lines that were accepted and cannot be read any more; the log says where they are missing."""
        ...

    def take_problems(self) -> list[Problem]:
        """What the program should know of the spool, since this was last asked."""
        ...

    def close(self) -> None:
        """Nothing more is put in or taken out; what is on disk stays for the next one. Idempotent."""
        ...
