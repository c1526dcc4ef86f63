"""Who a socket reports to, and what it is given: the connection of a WebSocket, and when clients are pinged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

__all__ = ["Heartbeat", "SocketOwner", "WebSocketConnection"]

S = TypeVar("S", contravariant=True)


class WebSocketConnection(Protocol):
    """The connection below a WebSocket, with what it calls when the peer has read enough, and when it is gone."""

    on_writable: Callable[[], None]
    on_gone: Callable[[], None]

    @property
    def is_writable(self) -> bool:
        """Whether a frame written now goes to a peer that keeps up."""
        ...

    def write_frames(self, frames: bytes) -> None:
        """Write whole frames, without waiting."""
        ...

    def hang_up(self, seconds_max: float) -> None:
        """Close the connection once written data is sent, and drop it after a time limit; idempotent."""
        ...

    def abort(self) -> None:
        """Drop the connection with its pending data."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """When a client is pinged.

    Attributes:
        interval_seconds: from a client's answer to the next ping.
        timeout_seconds: how long the answer may take. A ping waits after the lines that were sent before it, so this
            is also how long a slow client may take to read what is in flight.
    """

    interval_seconds: float = 25.0
    timeout_seconds: float = 60.0


class SocketOwner(Protocol[S]):
    """Who a socket reports to."""

    async def received(self, socket: S, text: str) -> None:
        """A message of the client.

        Raises:
            PacketError: it is not one of those that there are; the socket is closed.
        """
        ...

    def closed(self, socket: S) -> None:
        """The socket takes nothing more; called once."""
        ...

    def gone(self, socket: S) -> None:
        """Nothing waits in it any more either; called once, after ``closed``."""
        ...
