"""The seam between the server and what it serves: a call, its handler, and a method.

A handler knows nothing of HTTP/2, and the server nothing of what messages mean. Everything here is called on the event
loop and returns at once, except ``Method.open``.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from gateway.grpc_server.status import GrpcStatus, Headers

__all__ = ["ByteLease", "Call", "Ending", "Handler", "Metadata", "Method"]

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
"""Of a call, in the order of arrival; values of keys that end in ``-bin`` are bytes."""


class Ending(Enum):
    """How the peer's half of a call ended."""

    HALF_CLOSED = "half-closed"
    """The peer has sent everything and waits for the status."""
    BROKEN = "broken"
    """Reset, deadline, GOAWAY or a lost connection: answers can no longer be sent."""


class ByteLease(Protocol):
    """What the request of one call may hold."""

    def take(self, count: int) -> str:
        """Count arrived bytes. Returns the reason if they are refused, else an empty text."""
        ...

    def leave(self) -> None:
        """Give them back; idempotent."""
        ...


class Call(Protocol):
    """One call, as its handler sees it."""

    @property
    def metadata(self) -> Metadata:
        """What the client sent beside its messages."""
        ...

    @property
    def address(self) -> str:
        """The client's address, without port."""
        ...

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages after those before; without effect once the peer has gone.

        What the peer does not take waits; meanwhile it is given nothing more to ``Handler.receive``.
        """
        ...

    def count_bytes(self, lease: ByteLease) -> None:
        """Count what arrives, complete or not, until the call has ended; refused with RESOURCE_EXHAUSTED beyond."""
        ...

    def pause(self) -> None:
        """Receive nothing more for now; flow control then reaches the peer."""
        ...

    def resume(self) -> None:
        """Receive again; what has waited is received in a later turn of the loop."""
        ...

    def end(self, status: GrpcStatus, text: str = "", metadata: Headers = ()) -> None:
        """End the call after what was sent, and give its place back; every handler calls it once, also after a break.

        ``metadata`` becomes trailers.
        """
        ...


class Handler(Protocol):
    """What serves one call."""

    def receive(self, messages: Sequence[bytes]) -> None:
        """Take complete messages, in order: those of one read, or a part of them if there are many.

        Raises:
            RefusedError: the call ends with this status.
        """
        ...

    def finish(self, ending: Ending) -> None:
        """The peer's half has ended, and everything that arrived was received. Called once, unless the call has ended.

        The handler may still send, and calls ``Call.end`` when it is done.
        """
        ...

    def drain(self) -> None:
        """The server stops: answer what was received, then end the call. Everything that arrived was received."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service.

    Attributes:
        open: makes the handler of a call at its headers, or raises ``RefusedError``; nothing is received before that.
        message_bytes_max: of one message, after decompression.
        is_public: it needs no credentials, so that few calls of it may be open at once.
        seconds_max: how long a call may take; 0: no limit.
        is_brief: it is public and answered at once: it has as many places again, which lasting calls cannot take.
    """

    path: str
    open: Callable[[Call], Awaitable[Handler]]
    message_bytes_max: int
    is_public: bool = False
    seconds_max: float = 0.0
    is_brief: bool = False
