"""What a producer says of itself: its state, its counts, its problems."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Problem", "ProblemKind", "ProducerState", "ProducerStatistics"]


class ProducerState(StrEnum):
    """Where a producer is in its life."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    AWAY = "away"
    """The gateway cannot be reached; the producer tries again by itself."""
    FAILED = "failed"
    """The gateway refused for good; see ``ProducerStatistics.error``."""
    CLOSED = "closed"


class ProblemKind(StrEnum):
    """What went wrong."""

    REFUSED = "refused"
    """The gateway changed or refused one request, and continues."""
    DISCONNECTED = "disconnected"
    """The connection was lost or could not be made; it is tried again."""
    DROPPED = "dropped"
    """The spool was full, and lines were dropped."""
    UNWRITABLE = "unwritable"
    """The spool's directory cannot be written; new lines wait in memory alone until it can."""
    DAMAGED = "damaged"
    """Part of the spool's files cannot be read."""
    LEFTOVER = "leftover"
    """What an earlier process left in the spool's directory was delivered, or cannot be."""
    FORGOTTEN = "forgotten"
    """The gateway's journal was replaced: lines it acknowledged may be gone. The producer continues under a new id."""
    FAILED = "failed"
    """The gateway refused for good; nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong and that the program may want to know.

    ``field`` names the field of the request, and ``number`` the request, where the gateway said so.
    """

    kind: ProblemKind
    message: str
    field: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class ProducerStatistics:
    """An immutable snapshot of a producer.

    Attributes:
        lines_accepted: lines given to the producer.
        lines_acknowledged: those of them that the gateway has on disk.
        lines_dropped: those of them that were dropped because the spool was full.
        lines_damaged: lines that were accepted and cannot be read any more, because the spool's files are damaged.
        lines_waiting: those of them that are none of these; ``bytes_waiting`` is the memory, or the space on disk, that
            they count for.
        leftover_lines_acknowledged: lines of earlier processes, delivered from the spool's directory.
        lines_in_flight: those of the waiting ones that were sent on the present connection.
        requests_sent: requests written, ``requests_resent`` of them again.
        acknowledged_number: everything up to this request is on disk.
        connections: how often the gateway answered a Hello.
        problems: how often something went wrong.
        error: the last reason why the gateway was away, or why the producer failed.
    """

    state: ProducerState
    lines_accepted: int = 0
    lines_acknowledged: int = 0
    lines_dropped: int = 0
    lines_damaged: int = 0
    lines_waiting: int = 0
    lines_in_flight: int = 0
    bytes_waiting: int = 0
    requests_sent: int = 0
    requests_resent: int = 0
    acknowledged_number: int = 0
    connections: int = 0
    problems: int = 0
    leftover_lines_acknowledged: int = 0
    error: str = ""
