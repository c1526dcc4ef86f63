"""The server's end of one WebSocket, so that a run of lines is one write to the socket.

Frames from a server to its clients are not masked: the bytes of a run are the same for every subscriber, so they are
framed once, and written as they are. Everything else goes through ASGI.
"""

from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import State

from gateway.errors import ApiError
from gateway.transports.connection import ended
from gateway.transports.refusal import error_document

__all__ = ["WEBSOCKET_EXTENSION", "FramedWebSocketProtocol", "text_frame", "texts_of"]

WEBSOCKET_EXTENSION: Final = "otto.websocket"
"""Key of the ``FramedWebSocketProtocol`` among a scope's extensions."""

_TEXT: Final = 0x81  # final fragment, opcode 1 (RFC 6455, section 5.2)
_SHORT_MAX: Final = 125
_MEDIUM_MAX: Final = 0xFFFF


class FramedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket protocol with a way to write frames that are ready; give it to uvicorn as ``ws``.

    It relies on ``transport``, ``writable``, ``disconnected`` and ``close_sent`` of uvicorn's class (0.52 to 0.54);
    ``tests/gateway/transports/test_websocket.py`` fails when they change. A message without compression is allowed
    where compression was negotiated (RFC 7692, section 6).

    Attributes:
        on_lost: called when the connection is gone.
    """

    on_lost: Callable[[], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Engine.IO has pings of its own. Those of WebSockets wait in the same line behind everything that a slow client
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

    async def send_frames(self, frames: bytes) -> None:
        """Write whole frames as soon as the peer has read enough of what came before.

        Raises:
            ClientDisconnected: the connection is closed.
        """
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(frames)

    def abort(self) -> None:
        """Drop the connection with whatever waits in it."""
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


def text_frame(payload: bytes) -> bytes:
    """A text message as one unmasked frame."""
    size = len(payload)
    if size <= _SHORT_MAX:
        return b"%c%c%b" % (_TEXT, size, payload)
    if size <= _MEDIUM_MAX:
        return b"%c\x7e%b%b" % (_TEXT, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (_TEXT, size.to_bytes(8, "big"), payload)


def texts_of(frames: bytes) -> list[str]:
    """The messages in frames that ``text_frame`` made."""
    texts = []
    at = 0
    while at < len(frames):
        size = frames[at + 1]
        at += 2
        if size > _SHORT_MAX:
            length_bytes = 2 if size == _SHORT_MAX + 1 else 8
            size = int.from_bytes(frames[at : at + length_bytes], "big")
            at += length_bytes
        texts.append(frames[at : at + size].decode())
        at += size
    return texts
