"""Socket.IO as we need it: strict about packets, and with one place through which every event of a client goes.

It reaches into python-socketio (5.12 to 5.18), which would otherwise collect attachments without bound, run the
``disconnect`` handler for an event of that name, and answer what it cannot read with a traceback in the log. It relies
on ``_engineio_server_class``, ``_handle_eio_connect``, ``_handle_eio_message``, ``_handle_connect``,
``_handle_disconnect``, ``_handle_event_internal``, and ``manager``'s ``sid_from_eio_sid``, ``is_connected`` and
``disconnect``; ``tests/gateway/transports/test_engine_io.py`` fails when they change.
"""

import logging
from typing import Any, Final, Protocol

import socketio
from engineio.async_socket import AsyncSocket

from gateway.addresses import address_key
from gateway.transports.engine_io import EngineLimits, EngineServer, EngineSocket
from gateway.transports.socket_io_encoding import NAMESPACE

__all__ = ["EventHandler", "SocketIoProtocol"]

_log = logging.getLogger(__name__)

_CONNECT: Final = "0"
_DISCONNECT: Final = "1"
_EVENT: Final = "2"
_ACK: Final = "3"


class EventHandler(Protocol):
    """Takes what happens in the namespace; ``connect`` and ``disconnect`` are handled by the class-based namespace."""

    def joined(self, sid: str) -> None:
        """The client was told that it is connected."""
        ...

    def left(self, sid: str) -> None:
        """The client is gone although ``connect`` had accepted it."""
        ...

    def received(self, sid: str, name: object, arguments: tuple[Any, ...], acknowledge: int | None) -> None:
        """An event, with the number of its callback where it has one. Does not raise."""
        ...


class SocketIoProtocol(socketio.AsyncServer):  # type: ignore[misc] # the library has no types
    """The library's server, without what it does too generously."""

    eio: EngineServer

    def __init__(self, handler: EventHandler, limits: EngineLimits, **options: Any) -> None:
        super().__init__(namespaces=[NAMESPACE], async_handlers=False, **options)
        self._handler = handler
        self._limits = limits

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def socket_of(self, sid: str) -> EngineSocket:
        """The socket of a client in the namespace."""
        return self.eio.sockets[self.manager.eio_sid_from_sid(sid, NAMESPACE)]

    async def leave(self, sid: str) -> None:
        """Forget a client that was told to go."""
        if self.manager.is_connected(sid, NAMESPACE):
            await self.manager.disconnect(sid, NAMESPACE, ignore_queue=True)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> Any:
        library_socket: AsyncSocket = self.eio.sockets[eio_sid]
        socket = EngineSocket.adopt(library_socket, self._limits, environ.get("HTTP_USER_AGENT", ""))
        client = environ["asgi.scope"].get("client")
        socket.address = address_key(client[0]) if client else ""
        socket.call_later(self._limits.join_seconds, lambda: self._expel(socket))
        return await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        kind = data[:1] if isinstance(data, str) else ""
        if kind == _ACK:
            return  # we ask for none
        try:
            if kind not in (_CONNECT, _DISCONNECT, _EVENT) or not kind:
                raise ValueError("a binary or unknown packet")  # noqa: TRY301 - handled like what the library raises
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:  # noqa: BLE001 - whatever the library stumbled over, it was not a packet
            self.eio.malformed += 1
            _log.info("socket.io client sent a malformed packet", extra={"error": type(error).__name__})
            socket = self.eio.sockets.get(eio_sid)
            if socket is not None:
                await socket.close(reason=self.reason.SERVER_DISCONNECT)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, NAMESPACE)
        if namespace != NAMESPACE or sid is None or not self.manager.is_connected(sid, NAMESPACE):
            return
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closing or socket.closed:  # it went away while it was being authenticated
            self._handler.left(sid)
            await self.manager.disconnect(sid, NAMESPACE, ignore_queue=True)
            return
        if not socket.is_joined:
            socket.is_joined = True
            self._handler.joined(sid)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        await super()._handle_disconnect(eio_sid, namespace, reason)
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and namespace == NAMESPACE and socket.is_joined:
            socket.is_joined = False
            socket.call_later(self._limits.join_seconds, lambda: self._expel(socket))

    async def _handle_event_internal(
        self,
        server: object,  # noqa: ARG002
        sid: str,
        eio_sid: str,  # noqa: ARG002
        data: list[Any],
        namespace: str,  # noqa: ARG002
        id: int | None,  # noqa: A002
    ) -> None:
        if not isinstance(data, list):
            raise ValueError("an event is a list")  # noqa: TRY004 - a malformed packet, see _handle_eio_message
        self._handler.received(sid, data[0], tuple(data[1:]), id)

    def _expel(self, socket: EngineSocket) -> None:
        if not socket.is_joined:
            self.start_background_task(socket.close)
