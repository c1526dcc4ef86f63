"""The server's end of one HTTP connection, so that a run of lines is one write to the socket.

An ASGI ``send`` costs a coroutine, a dictionary and a join per subscriber and run; the bytes are the same for all
subscribers, down to the chunk framing. So the head and the end of a stream's response go through ASGI, and everything
in between is written to the connection itself, with its own flow control.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl

from gateway.http.protocol_errors import RefusingHttp, RefusingHttptools
from gateway.http.unchunked import UnchunkedTransport

__all__ = ["EXTENSION", "Connection", "connection_of", "ended", "http_protocol_class"]

EXTENSION: Final = "otto.connection"
"""Key of the ``Connection`` among a scope's extensions."""


def _nothing() -> None:
    pass


class Connection(FlowControl):
    """Flow control of one connection, with a direct way to write and two callbacks.

    Attributes:
        on_writable: called when the peer has read enough for writing to continue.
        on_lost: called once when the connection is gone.
        let_body_last: called by a handler that takes a body for as long as its client sends one.
        limit_body: called when that handler has answered: the rest of the body has the usual time limit.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.on_writable: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing
        self.let_body_last: Callable[[], None] = _nothing
        self.limit_body: Callable[[], None] = _nothing

    def unchunk(self) -> None:
        """Take the framing off what ``write`` is given: its peer does not know chunks."""
        self._transport = UnchunkedTransport(self._transport, has_head=False)  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Connection paused={self.write_paused} waiting={self._transport.get_write_buffer_size()} bytes>"

    def write(self, data: bytes) -> bool:
        """Write, without waiting; False where more should wait for ``on_writable``."""
        self._transport.write(data)
        return not self.write_paused

    def release(self) -> None:
        """Forget the callbacks; the connection may serve another request."""
        self.on_writable = self.on_lost = _nothing

    def abort(self) -> None:
        """Drop the connection with its pending data."""
        self._transport.abort()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        super().resume_writing()
        self.on_writable()

    def lost(self) -> None:
        """The connection is gone; nothing is written to it any more."""
        on_lost = self.on_lost
        self.release()
        self.let_body_last = self.limit_body = _nothing
        on_lost()


def connection_of(scope: Scope) -> Connection:
    """The connection that serves a request.

    Raises:
        RuntimeError: the server is not ours, and has none.
    """
    connection = scope.get("extensions", {}).get(EXTENSION)
    if not isinstance(connection, Connection):
        raise RuntimeError(  # noqa: TRY004 - not a wrong argument but a wrong server
            "streams need the gateway's own HTTP protocol class; see gateway.http.connection"
        )
    return connection


async def ended(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Takes the place of a connection's application when it is over.

    Ours holds the connection, and the two would stay in memory, with all that waited to be written, until the garbage
    collector looks at its oldest generation: after millions of lines.
    """


class _Streaming:
    """What makes uvicorn's protocol classes hand out their connection; goes before one of them."""

    app: ASGIApp
    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app
        self._running: Any = None

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = self.flow
            self._running = getattr(send, "__self__", None)
            if scope.get("http_version") == "1.0":
                self._unchunk()
            await inner(scope, receive, send)

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        self.flow = Connection(transport)

    def _unchunk(self) -> None:
        if isinstance(self.flow, Connection):
            self.flow.unchunk()
        # On h11 the request is asked what it knows; on httptools nobody asks.
        if self._running is not None and not hasattr(self._running, "conn"):
            self._running.transport = UnchunkedTransport(self.transport, has_head=True)

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn notifies the newest request alone, and that may be one that waits for this one's answer.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self._running = None
        if isinstance(self.flow, Connection):
            self.flow.lost()
        super().connection_lost(exc)  # type: ignore[misc]
        self.app = ended

    def handle_websocket_upgrade(self, *args: Any) -> None:
        """The connection continues as a WebSocket; this object has done its part."""
        super().handle_websocket_upgrade(*args)  # type: ignore[misc]
        self.app = ended
        self.parser = None  # httptools' parser has this object's methods


def http_protocol_class() -> type[asyncio.Protocol]:
    """Uvicorn's HTTP protocol with connections handed out; on httptools if that is installed, else on h11."""
    base: type[asyncio.Protocol]
    refusing: type[RefusingHttp]
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        base, refusing = HttpToolsProtocol, RefusingHttptools
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        base, refusing = H11Protocol, RefusingHttp
    return type("StreamingHttpProtocol", (_Streaming, refusing, base), {})
