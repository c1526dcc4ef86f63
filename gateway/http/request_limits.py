"""Limits of what a client may send before its request is a request: how long, how much, and from how many connections.

uvicorn has none of them: it waits for a head or a body for as long as the client likes, and one byte of a next request
ends its patience with an idle connection for good.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.flow_control import FlowControl

from gateway.errors import ApiError, error_body
from gateway.http.connection import Connection
from gateway.quota import Lease, Quota

__all__ = ["HEAD_BYTES_MAX", "RequestLimits", "guarded"]

HEAD_BYTES_MAX: Final = 64 << 10
_READING_SECONDS: Final = 0.01
"""For a turn of the loop between the end of the time and the end of the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Limits of requests that apply before a route handles them.

    Attributes:
        head_seconds: from the connection, or from the first byte of a later request, to the end of the head.
        body_seconds: from the end of the head to the end of the body.
        connections: places of connections, by address.
    """

    head_seconds: float = 30.0
    body_seconds: float = 30.0
    connections: Quota = field(default_factory=Quota)


class _Guard:
    """Drops a connection on which a head or a body does not come to its end; goes before one of uvicorn's protocols.

    The time is that of the whole head or body, not that between two bytes: a client that sends a byte now and then
    gains nothing.
    """

    limits: ClassVar[RequestLimits]
    transport: asyncio.Transport
    flow: FlowControl
    client: tuple[str, int] | None
    _timer: asyncio.TimerHandle | None = None
    _lease: Lease | None = None
    _body_lasts = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        try:
            self._lease = self.limits.connections.enter(address=self.client[0] if self.client else None)
        except ApiError as error:
            transport.write(_answer(error))
            transport.close()
        else:
            self._allow(self.limits.head_seconds)
        if isinstance(self.flow, Connection):
            self.flow.let_body_last, self.flow.limit_body = self._let_body_last, self._limit_body

    def _let_body_last(self) -> None:
        if self._timer is not None:  # else the body is complete
            self._body_lasts = True
            self._allow(None)

    def _limit_body(self) -> None:
        if self._body_lasts:
            self._allow(self.limits.body_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(None)
        self._leave()
        super().connection_lost(exc)  # type: ignore[misc]

    def handle_websocket_upgrade(self, *args: Any) -> None:
        """The connection continues as a WebSocket, with its place."""
        self._allow(None)
        super().handle_websocket_upgrade(*args)  # type: ignore[misc]
        protocol: Any = self.transport.get_protocol()
        if hasattr(protocol, "on_lost"):
            protocol.on_lost = self._leave

    def _leave(self) -> None:
        if self._lease is not None:
            self._lease.leave()

    def _allow(self, seconds: float | None) -> None:
        """Give what comes next so many seconds from now on; None: as long as it takes."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        # uvloop runs timers before it reads: on a busy machine the rest may have arrived in time and be unread still.
        self._timer = self._call_later(_READING_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        self._timer = None
        if self.flow.read_paused:  # it is ours to read on: another request of this connection is still being answered
            self._allow(self.limits.body_seconds)
        else:
            self.transport.abort()

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)


class _HttptoolsGuard(_Guard):
    """The same, and refuses a head that does not end; httptools would keep all of it."""

    cycle: Any
    _head_bytes: int | None = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # type: ignore[misc]
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response(f"The head of a request may have at most {HEAD_BYTES_MAX} bytes.")  # type: ignore[attr-defined]
        # Blank lines between two requests begin no request, and have ended uvicorn's wait for one.
        if self._timer is None and self.cycle is not None and self.cycle.response_complete and self._is_between:
            self._allow(self.limits.head_seconds)

    _is_between = False

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._is_between = False
        self._allow(self.limits.head_seconds)
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._body_lasts = False
        self._allow(self.limits.body_seconds)
        super().on_headers_complete()  # type: ignore[misc]

    def on_message_complete(self) -> None:
        self._body_lasts = False
        self._allow(None)
        self._is_between = True
        super().on_message_complete()  # type: ignore[misc]


class _H11Guard(_Guard):
    """The same for h11, which limits the head itself. Its state gives the progress of the request."""

    conn: h11.Connection
    cycle: Any
    _phase: tuple[object, int] | None = (h11.IDLE, id(None))

    def handle_events(self) -> None:
        super().handle_events()  # type: ignore[misc]
        phase = self._present_phase()
        if phase != self._phase:
            self._body_lasts = False
        if phase != self._phase or (self._timer is None and not self._body_lasts):
            self._phase = phase
            is_head = phase is not None and phase[0] is h11.IDLE
            seconds = self.limits.head_seconds if is_head else self.limits.body_seconds
            self._allow(None if phase is None else seconds)

    def _present_phase(self) -> tuple[object, int] | None:
        """In the head or in the body of which request; None: in neither."""
        state = self.conn.their_state
        is_head = state is h11.IDLE and (self.conn.trailing_data[0] or self.cycle is None)
        return (state, id(self.cycle)) if state is h11.SEND_BODY or is_head else None


def guarded(protocol: type[asyncio.Protocol], limits: RequestLimits | None = None) -> type[asyncio.Protocol]:
    """One of uvicorn's HTTP protocol classes, or one made of it, with these limits."""
    guard: type[Any] = _HttptoolsGuard if hasattr(protocol, "on_headers_complete") else _H11Guard
    return type(f"Guarded{protocol.__name__}", (guard, protocol), {"limits": limits or RequestLimits()})


def _answer(error: ApiError) -> bytes:
    """A refusal before there is a request, hence past the application."""
    body = error_body(error)
    status = error.http_status
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nRetry-After: {error.retry_after_seconds}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
