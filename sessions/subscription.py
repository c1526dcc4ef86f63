"""What a subscriber asks for."""

from dataclasses import dataclass
from typing import Final

from filters.model import EVERYTHING, LogFilter
from filters.position import Position
from sessions.transport import Encoding

__all__ = ["After", "FromStart", "Start", "Subscription", "Tail"]


START: Final = Position()


@dataclass(frozen=True, slots=True)
class FromStart:
    """Start at the first line of the task."""


@dataclass(frozen=True, slots=True)
class After:
    """Start after a position.

    A position of another life of the journal means the task's first line: none of these lines was seen.
    """

    position: Position


@dataclass(frozen=True, slots=True)
class Tail:
    """Start with the last ``count`` matching lines, but not before ``floor``; 0 is live only."""

    count: int
    floor: Position = START


Start = FromStart | After | Tail

FROM_START: Final = FromStart()


@dataclass(frozen=True, slots=True)
class Subscription:
    """One task, one filter, one encoding, one place to start.

    ``expires_at`` is the Unix time in seconds at which the subscriber's token expires, and the stream with it.
    ``principal`` is whose share of the journal's reads it uses.
    """

    task_id: str
    encoding: Encoding
    filter: LogFilter = EVERYTHING
    start: Start = FROM_START
    expires_at: float | None = None
    principal: str = ""
