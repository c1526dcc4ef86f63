"""Limits of what a client may send before its request is a request: how long, and how much."""

import asyncio
from typing import Any, Final

__all__ = ["guarded"]

HEAD_BYTES_MAX: Final = 64 << 10
HEAD_SECONDS_MAX: Final = 30.0
"""From the connection to the end of the first request's head; uvicorn itself waits for ever."""


class _HeadTimeout:
    """Drops a connection that sends no request; goes before one of uvicorn's HTTP protocols."""

    transport: asyncio.Transport
    cycle: object | None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS_MAX, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)  # type: ignore[misc]

    def _give_up(self) -> None:
        self._timer = None
        protocol: object = self.transport.get_protocol()
        if protocol is self and self.cycle is None:  # otherwise it has become a WebSocket, or made a request
            self.transport.abort()


class _HeadLimit(_HeadTimeout):
    """The same, and refuses a head that does not end; for httptools, which would keep all of it (h11 has a limit)."""

    _head_bytes: int | None = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # type: ignore[misc]
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response(f"The head of a request may have at most {HEAD_BYTES_MAX} bytes.")  # type: ignore[attr-defined]

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()  # type: ignore[misc]


def guarded(protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """One of uvicorn's HTTP protocol classes, or one made of it, with these limits."""
    guard: type[Any] = _HeadLimit if hasattr(protocol, "on_headers_complete") else _HeadTimeout
    return type(f"Guarded{protocol.__name__}", (guard, protocol), {})
