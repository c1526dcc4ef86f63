"""An ASGI application that speaks Engine.IO 4, on as many ports as there are."""

import asyncio
import gzip
import logging
import math
import secrets
import time
from collections.abc import Mapping
from typing import Final, Protocol

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gateway.addresses import address_key
from gateway.engine_io.frames import text_frame
from gateway.engine_io.interfaces import Heartbeat
from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.old_clients import CLOSE_PAYLOAD, refusal_packets, refusal_payload
from gateway.engine_io.packets import (
    Packet,
    PacketError,
    PacketType,
    decode_packet,
    decode_payload,
    encode_payload,
    opening,
)
from gateway.engine_io.requests import EngineRequest, Wish, engine_request
from gateway.engine_io.session import Carrier, EngineSession
from gateway.engine_io.socket import EngineSocket
from gateway.errors import ApiError, error_response
from gateway.http.connection import connection_of
from gateway.http.origins import AllowedOrigins
from gateway.http.websocket import FramedWebSocketProtocol, websocket_of

__all__ = ["STEP_SECONDS", "EngineApplication", "EngineServer"]

_log = logging.getLogger(__name__)

_SID_BYTES: Final = 15
STEP_SECONDS: Final = 0.002
"""What the messages of one client take before others have a turn."""
_LOG_PAUSE_SECONDS: Final = 10.0
"""Between two lines of the log about malformed packets."""
_PATIENT_AGENTS: Final = ("Mozilla/", "node-XMLHttpRequest")
"""Clients known to take any number of packets in a long-polling payload; python-engineio refuses more than 16."""
_POLLED_PACKETS_MAX: Final = 16
_COMPRESSED_FROM_BYTES: Final = 1024
_GZIP_LEVEL: Final = 5
_OF_THE_CONNECTION: Final = frozenset({"app", "endpoint", "extensions", "router", "state"})
"""Parts of a scope that must not outlive its request."""


class EngineApplication(Protocol):
    """What is above Engine.IO."""

    def admit(self, address: str) -> None:
        """Return where another socket may be opened from an address; empty: it is unknown.

        Raises:
            ApiError: it may not.
        """
        ...

    def opened(self, socket: EngineSocket) -> None:
        """There is a new socket."""
        ...

    async def received(self, socket: EngineSocket, text: str) -> None:
        """A message of a client.

        Raises:
            PacketError: it is not one of those that there are; the socket is closed.
        """
        ...

    def closed(self, socket: EngineSocket) -> None:
        """A socket takes nothing more; called once."""
        ...


class EngineServer:
    """Opens sockets, and brings requests and WebSockets to them.

    Args:
        application: what is above.
        limits: what one socket may use.
        heartbeat: when clients are pinged.
        message_bytes_max: of one message of a client, and of the body of one request.
        origins: which pages may connect.
        namespace: the one in which clients of Engine.IO 3 are notified that they are refused.

    Attributes:
        sockets: those that are open or have something left for their client, by ``sid``.
        malformed: packets that were none, since the start.
        refused: requests for which no socket was opened or looked for, since the start.
    """

    def __init__(
        self,
        application: EngineApplication,
        *,
        limits: EngineLimits,
        heartbeat: Heartbeat,
        message_bytes_max: int,
        origins: AllowedOrigins,
        namespace: str,
    ) -> None:
        self.sockets: dict[str, EngineSocket] = {}
        self.malformed = 0
        self._quiet_until = -math.inf
        self.refused = 0
        self._application = application
        self._limits = limits
        self._heartbeat = heartbeat
        self._message_bytes_max = message_bytes_max
        self._origins = origins
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"<EngineServer {len(self.sockets)} sockets>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a long-polling request or a WebSocket."""
        headers = dict(scope["headers"])
        try:
            request = self._admitted(scope, headers)
            socket = self._socket_of(request, scope, headers)
            if request.is_websocket:
                await self._serve_websocket(socket, scope, receive, send)
                return
            response = await self._answer(request, socket, scope, receive)
        except ApiError as error:
            response = error_response(error)
        if scope["type"] == "http":
            cors = self._origins.cors_headers(headers, is_preflight=scope["method"] == "OPTIONS")
            response.headers.update(cors)
        await response(scope, receive, send)

    async def received(self, socket: EngineSocket, text: str) -> None:
        """A message of a client, for the application.

        Raises:
            PacketError: the application knows no such message.
        """
        try:
            await self._application.received(socket, text)
        except PacketError:
            raise
        except Exception:  # noqa: BLE001 - only this client loses its socket
            _log.exception("engine.io message failed")
            socket.close()

    def closed(self, socket: EngineSocket) -> None:
        """A socket takes nothing more."""
        self._application.closed(socket)

    def gone(self, socket: EngineSocket) -> None:
        """Nothing waits in a socket any more."""
        self.sockets.pop(socket.sid, None)

    def _admitted(self, scope: Scope, headers: Mapping[bytes, bytes]) -> EngineRequest:
        """Parse and check a request.

        Raises:
            ApiError: it may not.
        """
        try:
            self._check(headers)
            request = engine_request(scope)
            if request.wish is Wish.OPEN:
                self._application.admit(_address_of(scope))
        except ApiError:
            self.refused += 1
            raise
        return request

    def _check(self, headers: Mapping[bytes, bytes]) -> None:
        if not self._origins.allows(headers):
            text = "pages of this origin may not connect; CORS_ORIGINS says which may"
            raise ApiError("INVALID_ARGUMENT", text, field="Origin")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._message_bytes_max:
            raise self._too_long()

    def _socket_of(self, request: EngineRequest, scope: Scope, headers: Mapping[bytes, bytes]) -> EngineSocket | None:
        """The socket that a request is for, where it is for one.

        Raises:
            ApiError: there is none, or a WebSocket carries it.
        """
        if request.wish is Wish.OPEN:
            return self._open(request, scope, headers)
        if request.wish in (Wish.PREFLIGHT, Wish.EXPLAIN):
            return None
        socket = self.sockets.get(request.sid)
        if socket is None or (socket.is_closed and request.wish is not Wish.POLL):
            text = (
                "there is no such session here, or it has ended; open another one. Behind a load balancer, long "
                "polling has to stay with one gateway; WebSockets need not"
            )
            raise ApiError("INVALID_ARGUMENT", text, field="sid")
        if request.wish is not Wish.UPGRADE and socket.session.carrier is Carrier.WEBSOCKET:
            raise _upgraded()
        return socket

    def _open(self, request: EngineRequest, scope: Scope, headers: Mapping[bytes, bytes]) -> EngineSocket:
        address = _address_of(scope)
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        socket = EngineSocket(
            secrets.token_urlsafe(_SID_BYTES),
            EngineSession(Carrier.WEBSOCKET if request.is_websocket else Carrier.POLLING),
            self,
            limits=self._limits,
            heartbeat=self._heartbeat,
            handshake={key: value for key, value in scope.items() if key not in _OF_THE_CONNECTION},
            address=address_key(address) if address else "",
            polled_packets_max=None if agent.startswith(_PATIENT_AGENTS) else _POLLED_PACKETS_MAX,
        )
        self.sockets[socket.sid] = socket
        socket.open(
            opening(
                socket.sid,
                upgrades=[] if request.is_websocket else ["websocket"],
                ping_interval_seconds=self._heartbeat.interval_seconds,
                ping_timeout_seconds=self._heartbeat.timeout_seconds,
                message_bytes_max=self._message_bytes_max,
            )
        )
        self._application.opened(socket)
        return socket

    async def _answer(
        self, request: EngineRequest, socket: EngineSocket | None, scope: Scope, receive: Receive
    ) -> Response:
        if request.wish is Wish.PREFLIGHT:
            return Response()
        if socket is None:
            return await self._explain(request, scope, receive)
        try:
            if request.wish is not Wish.POST:
                return _compressed(await self._polled(socket, scope), scope)
            packets = decode_payload(await self._body(receive), packets_max=self._limits.posted_packets)
            await socket.post(packets)
        except PacketError as error:
            self.malformed += 1
            socket.end(PacketType.CLOSE)
            raise ApiError("INVALID_ARGUMENT", f"the session is closed: {error}") from error
        return _text(b"ok")

    async def _polled(self, socket: EngineSocket, scope: Scope) -> bytes:
        """The packets of a poll; a client that breaks it off has ended its session."""
        connection = connection_of(scope)
        connection.on_lost = lambda: socket.end(PacketType.NOOP)
        try:
            texts = await socket.poll()
        finally:
            connection.release()
        if not texts:
            raise _upgraded()
        return encode_payload(texts)

    async def _explain(self, request: EngineRequest, scope: Scope, receive: Receive) -> Response:
        if scope["method"] == "POST":
            await self._body(receive)
            return _text(b"ok")
        self.refused += not request.sid
        return _text(CLOSE_PAYLOAD if request.sid else refusal_payload(self._namespace))

    async def _body(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError("INVALID_ARGUMENT", "the body broke off")
            body += message.get("body", b"")
            if len(body) > self._message_bytes_max:
                raise self._too_long()
            if not message.get("more_body"):
                return bytes(body)

    async def _serve_websocket(self, socket: EngineSocket | None, scope: Scope, receive: Receive, send: Send) -> None:
        connection = websocket_of(scope)
        await receive()  # the handshake
        try:
            await send({"type": "websocket.accept"})
            self._attach(socket, connection)
            spent = 0.0
            while (message := await receive())["type"] == "websocket.receive":
                if socket is not None and not socket.is_closed:
                    began_at = time.perf_counter()
                    await self._take(socket, connection, message)
                    spent += time.perf_counter() - began_at
                if spent > STEP_SECONDS:  # messages that have arrived already are received without a turn of the loop
                    spent = 0.0
                    await asyncio.sleep(0)
        finally:
            if socket is not None:
                socket.detach(connection)

    def _attach(self, socket: EngineSocket | None, connection: FramedWebSocketProtocol) -> None:
        if socket is None:
            self.refused += 1
            for text in refusal_packets(self._namespace):
                connection.write_frames(text_frame(text.encode()))
            connection.hang_up(self._limits.close_seconds)
            return
        try:
            socket.attach(connection)
        except PacketError:  # it has one already, or has ended meanwhile
            connection.hang_up(self._limits.close_seconds)

    async def _take(self, socket: EngineSocket, connection: FramedWebSocketProtocol, message: Message) -> None:
        try:
            await socket.receive(self._packet_of(message), connection)
        except PacketError as error:
            self._note_malformed(error)
            socket.refuse(connection)

    def _note_malformed(self, error: PacketError) -> None:
        """Count it, and log the first of some seconds: a client can send them as fast as it likes."""
        self.malformed += 1
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_PAUSE_SECONDS
            _log.info(
                "engine.io client sent a malformed packet", extra={"reason": str(error), "malformed": self.malformed}
            )

    def _packet_of(self, message: Message) -> Packet:
        text = message.get("text")
        if text is None:
            raise PacketError("binary messages are not supported")
        if len(text) > self._message_bytes_max:
            raise PacketError("too long")
        return decode_packet(text)

    def _too_long(self) -> ApiError:
        text = f"the body is longer than {self._message_bytes_max} bytes; send less at once"
        return ApiError("PAYLOAD_TOO_LARGE", text)


def _upgraded() -> ApiError:
    return ApiError("INVALID_ARGUMENT", "this session is carried by its WebSocket", field="transport")


def _address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _compressed(body: bytes, scope: Scope) -> Response:
    accepted = dict(scope["headers"]).get(b"accept-encoding", b"")
    if len(body) < _COMPRESSED_FROM_BYTES or b"gzip" not in accepted:
        return _text(body)
    response = _text(gzip.compress(body, _GZIP_LEVEL))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _text(body: bytes) -> Response:
    return Response(body, media_type="text/plain")
