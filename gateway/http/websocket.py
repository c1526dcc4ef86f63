"""The server's end of one WebSocket, so that a run of lines is one write to the socket.

Frames from a server to its clients are not masked: the bytes of a run are the same for every subscriber, so they are
framed once, and written as they are. Everything else goes through ASGI.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import State

from gateway.errors import ApiError
from gateway.http.connection import ended
from gateway.http.protocol_errors import error_document

__all__ = ["WEBSOCKET_EXTENSION", "FramedWebSocketProtocol", "websocket_of"]

WEBSOCKET_EXTENSION: Final = "otto.websocket"
"""Key of the ``FramedWebSocketProtocol`` among a scope's extensions."""


def _nothing() -> None:
    pass


class FramedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket protocol with a way to write frames that are ready; give it to uvicorn as ``ws``.

    It relies on ``transport``, ``writable``, ``disconnected`` and ``close_sent`` of uvicorn's class (0.52 to 0.54);
    ``tests/gateway/transports/test_websocket.py`` fails when they change. A message without compression is allowed
    where compression was negotiated (RFC 7692, section 6).

    Attributes:
        on_lost: called when the connection is gone.
        on_writable: called when the peer has read enough for writing to continue.
        on_gone: called when the connection is gone, for the application.
    """

    on_lost: Callable[[], None] | None = None
    _hanging_up: asyncio.Task[None] | None = None
    _hang_up_end: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_writable: Callable[[], None] = _nothing
        self.on_gone: Callable[[], None] = _nothing
        # Engine.IO has pings of its own. Those of WebSockets wait in the same line after everything that a slow client
        # has not read, and uvicorn's patience would end the connection of one that makes progress all the time.
        self.ping_interval = None
        self.conn.reject = _in_one_form(self.conn.reject)  # type: ignore[method-assign, assignment]
        self._scope: Scope | None = None
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            self._scope = scope
            scope.setdefault("extensions", {})[WEBSOCKET_EXTENSION] = self
            await inner(scope, receive, send)

        self.app: ASGIApp = app

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()
        self.on_gone()
        if self._hang_up_end is not None:
            self._hang_up_end.cancel()
        # What follows refers back to this object, or to itself: the errors of a peer that speaks no WebSocket by the
        # frames of their tracebacks. Connections that come and go would pile up until the garbage collector looks at
        # its oldest generation.
        self.app = ended
        if self._scope is not None:
            self._scope["extensions"].pop(WEBSOCKET_EXTENSION, None)
        self.conn.parser_exc = None
        self.conn.handshake_exc = None
        vars(self.conn).pop("reject", None)
        self.conn.parser.close()
        self.conn.reader.discard()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        super().resume_writing()
        self.on_writable()

    @property
    def is_writable(self) -> bool:
        """Whether a frame written now goes to a peer that keeps up."""
        return self.writable.is_set() and not self.disconnected and not self.close_sent

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message to the application; uvicorn would write a traceback for one that is not UTF-8."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                if self.conn.state is State.OPEN:  # otherwise it is closing already
                    self.conn.send_close(CloseCode.INVALID_DATA)
                    self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """Take an ASGI message."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # otherwise uvicorn complains of every handshake that we refuse

    def write_frames(self, frames: bytes) -> None:
        """Write whole frames, without waiting; to be called only while ``is_writable``."""
        self.transport.write(frames)

    def hang_up(self, seconds_max: float) -> None:
        """Close the connection once written data is sent, and drop it after a time limit; idempotent."""
        if self._hanging_up is None:
            self._hanging_up = self.loop.create_task(self._hang_up())
            self._hang_up_end = self.loop.call_later(seconds_max, self.transport.abort)

    async def _hang_up(self) -> None:
        with contextlib.suppress(ClientDisconnected):
            await self.writable.wait()
            if not self.close_sent:
                await self.send({"type": "websocket.close", "code": CloseCode.NORMAL_CLOSURE})

    def abort(self) -> None:
        """Drop the connection with its pending data."""
        self.transport.abort()


def _in_one_form(reject: Callable[[int, str], Response]) -> Callable[[int, str], Response]:
    """What refuses a handshake, with the one form of errors in the place of plain text."""

    def rejecting(status: int, text: str) -> Response:
        response = reject(status, text)
        code = {403: "PERMISSION_DENIED", 405: "METHOD_NOT_ALLOWED", 500: "INTERNAL"}.get(status, "INVALID_ARGUMENT")
        response.body = error_document(ApiError(code, text.strip() or "no WebSocket is served here"))
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(response.body)))):
            del response.headers[name]
            response.headers[name] = value
        return response

    return rejecting


def websocket_of(scope: Scope) -> FramedWebSocketProtocol:
    """The connection of a WebSocket.

    Raises:
        RuntimeError: the server is not ours, and has none.
    """
    protocol = scope.get("extensions", {}).get(WEBSOCKET_EXTENSION)
    if not isinstance(protocol, FramedWebSocketProtocol):
        raise RuntimeError("WebSockets need the gateway's own protocol class; see FramedWebSocketProtocol")  # noqa: TRY004
    return protocol
