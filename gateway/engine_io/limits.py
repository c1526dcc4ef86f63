"""What one socket may use."""

from dataclasses import dataclass

__all__ = ["EngineLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What one socket may use.

    Attributes:
        runs_in_flight: runs of lines that were handed to a socket and not yet written.
        bytes_in_flight: the same in bytes; the run that crosses the limit is the last.
        answers_waiting: packets that may wait for a client before its next message is left unread.
        posted_packets: packets of one long-polling request; a browser sends all that gathered while it connected.
        join_seconds: how long a socket may stay outside of the namespace.
        upgrade_seconds: how long a WebSocket may take to replace long polling.
        close_seconds: how long a closed socket may take to read what was sent to it.
    """

    runs_in_flight: int = 8
    bytes_in_flight: int = 256 << 10
    answers_waiting: int = 64
    posted_packets: int = 256
    join_seconds: float = 20.0
    upgrade_seconds: float = 10.0
    close_seconds: float = 5.0
