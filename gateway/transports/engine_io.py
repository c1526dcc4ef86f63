"""Engine.IO as we need it: a bounded socket, shared packets, and nothing that a hostile peer can leave behind.

This module alone reaches into python-engineio (4.12 to 4.15), because the library has neither a bound on what waits for
a client nor a way to learn that it has drained. It relies on:

- ``AsyncServer``: ``create_queue``, ``_log_error_once``, ``sockets``, ``_async["websocket"]`` (class of a WebSocket,
  made from a bound method of its socket);
- ``AsyncSocket``: ``queue``, ``poll()`` (called by the writer only when everything it took before was written; calls
  ``task_done`` for what it returns), ``receive``, ``close``, ``handle_get_request``, ``handle_post_request``,
  ``closing``, ``closed``, ``upgrading``, ``upgraded``, ``last_ping`` (``time.time()`` or None), no ``__slots__``;
- ``async_drivers.asgi.WebSocket``: ``send``, ``wait``, ``asgi_send``;
- packets are whatever has ``encode(b64=False)``.

``tests/gateway/transports/test_engine_io.py`` fails when one of these changes.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import engineio
from engineio import exceptions, packet, payload
from engineio.async_drivers import asgi
from engineio.async_socket import AsyncSocket

from gateway.transports.socket_io_encoding import PacketRun
from gateway.transports.websocket import WEBSOCKET_EXTENSION, FramedWebSocketProtocol

__all__ = ["EngineLimits", "EngineServer", "EngineSocket"]

_PATIENT_AGENTS: Final = ("Mozilla/", "node-XMLHttpRequest")
"""Clients known to take any number of packets in a long-polling payload; python-engineio refuses more than 16."""
_POLLED_PACKETS_MAX: Final = 16
_POSTED_PACKETS_MAX: Final = 256
"""Packets of one long-polling request; a browser sends everything that gathered while it connected."""
_ANSWERS_MAX: Final = 64
"""Packets that may wait for a client before its next request is left unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What one socket may use.

    Attributes:
        runs_in_flight: runs of lines that were handed to a socket and not yet written.
        bytes_in_flight: the same in bytes; the run that crosses the limit is the last.
        join_seconds: how long a socket may stay outside of the namespace.
        close_seconds: how long a closed socket may take to read what was sent to it.
    """

    runs_in_flight: int = 8
    bytes_in_flight: int = 256 << 10
    join_seconds: float = 20.0
    close_seconds: float = 5.0


class EngineQueue(asyncio.Queue[Any]):
    """A queue that says how much of it has not been taken over by the writer."""

    def __init__(self) -> None:
        super().__init__()
        self.unfinished = 0

    def put_nowait(self, item: Any) -> None:
        """Put an item."""
        super().put_nowait(item)
        self.unfinished += 1

    def task_done(self) -> None:
        """An item has reached the writer."""
        super().task_done()
        self.unfinished -= 1


class EngineServer(engineio.AsyncServer):  # type: ignore[misc] # the library has no types
    """The library's server with our queues, sockets and WebSockets."""

    sockets: dict[str, "EngineSocket"]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._async: dict[str, Any] = {**self._async, "websocket": EngineWebSocket}
        self.malformed = 0

    def create_queue(self, *_args: Any, **_kwargs: Any) -> EngineQueue:
        """The queue of a new socket."""
        return EngineQueue()

    def _log_error_once(self, message: str, message_key: str) -> None:  # noqa: ARG002
        """What a stranger sends is no error of ours."""
        self.logger.info(message)


class EngineWebSocket(asgi.WebSocket):  # type: ignore[misc] # the library has no types
    """Writes runs as they are, and ends the connection on what is no packet."""

    def __init__(self, handler: Any, server: EngineServer) -> None:
        super().__init__(handler, server)
        self.server = server
        self.socket: EngineSocket = handler.__self__
        self.protocol: FramedWebSocketProtocol | None = None
        self._error: OSError | None = None

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serve the connection."""
        self.protocol = environ["asgi.scope"].get("extensions", {}).get(WEBSOCKET_EXTENSION)
        self.socket.websocket = self
        try:
            return await super().__call__(environ)
        finally:
            if self.socket.upgraded:
                await self.socket.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
                self.socket.cancel_timers()
            else:
                self.socket.upgrading = False  # a client that gave up in the middle goes on polling
            self.socket.websocket = None
            self.socket.gone.set()
            if self._error is not None:
                # The library awaited it in a task; that task has the error, and its traceback's frames have the task.
                self._error.__traceback__ = None
                self._error = None

    async def wait(self) -> Any:
        """The next packet.

        Raises:
            OSError: the connection is closed, or has to be.
        """
        try:
            data = await super().wait()
        except OSError as error:
            self._error = error
            raise
        try:
            if len(data) > self.server.max_http_buffer_size:
                raise ValueError("too large")  # noqa: TRY301 - one place counts them
            if packet.Packet(encoded_packet=data).packet_type > packet.NOOP:
                raise ValueError("unknown")  # noqa: TRY301
        except (ValueError, RecursionError) as error:
            self.server.malformed += 1
            self._error = OSError("not a packet")
            raise self._error from error
        return data

    async def send(self, message: Any) -> None:
        """Send a packet, or a run of them."""
        if not isinstance(message, PacketRun):
            await super().send(message)
        elif self.protocol is not None:
            await self.protocol.send_frames(message.frames)
        else:
            for text in message.texts():
                await super().send(text)

    def abort(self) -> None:
        """Drop the connection, where the server lets us."""
        if self.protocol is not None:
            self.protocol.abort()


class _Payload(payload.Payload):  # type: ignore[misc] # the library has no types
    max_decode_packets = _POSTED_PACKETS_MAX


class EngineSocket(AsyncSocket):  # type: ignore[misc] # the library has no types
    """The library's socket with credit: so many runs and bytes may be on their way, and waiters learn of room.

    The library makes its sockets itself; ``adopt`` turns one of them into ours when it is announced.

    Attributes:
        address: whose it is, as ``gateway.addresses.address_key`` says.
        is_joined: whether a namespace was joined.
        gone: set when a WebSocket of it has ended.
    """

    server: EngineServer
    queue: EngineQueue
    address: str
    _pinging: "asyncio.Task[None] | None" = None  # the library pings first, and tells of the socket then

    @staticmethod
    def adopt(socket: AsyncSocket, limits: EngineLimits, user_agent: str) -> "EngineSocket":
        """Make a new socket of the library one of ours."""
        socket.__class__ = EngineSocket
        socket.prepare(limits, user_agent)
        return socket  # type: ignore[no-any-return]

    def prepare(self, limits: EngineLimits, user_agent: str) -> None:
        """Set what ``AsyncSocket.__init__`` does not know of."""
        self.limits = limits
        self.last_ping = self.__dict__["last_ping"]
        self.address = ""
        self.websocket: EngineWebSocket | None = None
        self.is_joined = False
        self.gone = asyncio.Event()
        self._polled_max = None if user_agent.startswith(_PATIENT_AGENTS) else _POLLED_PACKETS_MAX
        self._held: deque[Any] = deque()  # taken from the queue, too much for one long-polling answer
        self._is_polled = False
        self._is_writer_idle = False
        self._runs = self._bytes = 0
        self._taken_runs = self._taken_bytes = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._drained = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()

    def __repr__(self) -> str:
        return f"<EngineSocket runs={self._runs} bytes={self._bytes} waiting={len(self._waiting)} closed={self.closed}>"

    @property
    def last_ping(self) -> float | None:
        """When the client was pinged, as Unix time of the present wall clock; None: no answer is due.

        The library compares it with the wall clock. One that is set ahead must not cost all clients their connections.
        """
        return None if self._pinged_at is None else time.time() - (time.monotonic() - self._pinged_at)

    @last_ping.setter
    def last_ping(self, at: float | None) -> None:
        self._pinged_at = None if at is None else time.monotonic()

    @property
    def has_room(self) -> bool:
        """Whether another run may be written."""
        return self._runs < self.limits.runs_in_flight and self._bytes < self.limits.bytes_in_flight

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of runs that were taken and not yet written."""
        return self._bytes

    def write(self, run: PacketRun) -> bool:
        """Take a run; False where the writer should wait for room.

        Where nothing is on its way through the queue and the peer keeps up, the frames go straight to the connection:
        no task is woken, and the order is kept because the queue is empty and its writer waits for it.
        """
        websocket = self.websocket
        if self._is_writer_idle and self.queue.unfinished == 0 and self.upgraded and websocket is not None:
            protocol = websocket.protocol
            if protocol is not None and protocol.is_writable and not self.closing:
                protocol.write_frames(run.frames)
                return True
        if not self.put(run):
            return True  # closed; its sessions are about to learn of it
        self._runs += 1
        self._bytes += len(run.frames)
        return self.has_room

    def put(self, item: Any) -> bool:
        """Queue a packet; False where the socket is closed."""
        if self.closing or self.closed:
            return False
        self.queue.put_nowait(item)
        return True

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` once when there is room again; in the order of asking."""
        self._waiting.append(resume)

    async def wait_room(self) -> None:
        """Return once fewer packets wait than a client may leave unread, or the socket is closed."""
        while self.queue.unfinished >= _ANSWERS_MAX and not self.closed:
            self._drained.clear()
            await self._drained.wait()

    async def poll(self) -> list[Any]:
        """The packets to send next; an empty list ends the writer."""
        if not self._held:
            self._refill()
            self._is_writer_idle = True
            try:
                packets: list[Any] = await super().poll()
            finally:
                self._is_writer_idle = False
            runs = [item for item in packets if isinstance(item, PacketRun)]
            self._taken_runs, self._taken_bytes = len(runs), sum(len(run.frames) for run in runs)
            if self.upgraded or self._polled_max is None or not packets:
                return packets
            for item in packets:
                texts = item.texts() if isinstance(item, PacketRun) else None
                self._held.extend([item] if texts is None else [packet.Packet(packet.MESSAGE, t[1:]) for t in texts])
        count = len(self._held) if self.upgraded or self._polled_max is None else self._polled_max
        return [self._held.popleft() for _ in range(min(count, len(self._held)))]

    async def receive(self, pkt: packet.Packet) -> None:
        """Handle a packet, but not before the client has read enough of the answers to those before it."""
        await self.wait_room()
        if not self.closed:
            await super().receive(pkt)

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """Answer a long-polling request or serve a WebSocket; two polls at once are against the protocol."""
        if environ.get("HTTP_UPGRADE", "").lower() in self.upgrade_protocols:
            return await super().handle_get_request(environ)
        if self._is_polled:
            raise exceptions.UnknownPacketError
        self._is_polled = True
        try:
            return await super().handle_get_request(environ)
        finally:
            self._is_polled = False

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Handle the packets of a long-polling request.

        Raises:
            EngineIOError: it is none; the server then drops the socket.
        """
        length = int(environ.get("CONTENT_LENGTH", "0"))
        if length > self.server.max_http_buffer_size:
            raise exceptions.ContentTooLongError
        try:
            body = (await environ["wsgi.input"].read(length)).decode()
            if self.closed:
                raise ValueError("closed meanwhile")  # noqa: TRY301 - answered alike
            packets = _Payload(encoded_payload=body).packets
            if any(pkt.packet_type > packet.NOOP for pkt in packets):
                raise ValueError("unknown")  # noqa: TRY301 - one place counts them
        except (ValueError, KeyError, RecursionError) as error:
            self.server.malformed += not self.closed
            self.server.sockets.setdefault(self.sid, self)  # the library has an answer only for those that it knows
            raise exceptions.UnknownPacketError from error
        for pkt in packets:
            await self.receive(pkt)

    async def close(self, wait: bool = False, abort: bool = False, reason: str | None = None) -> None:  # noqa: ARG002
        """Close the socket: what was queued is still sent, for ``close_seconds`` at most.

        The library's own would wait for a client that does not read, and leave the WebSocket of one that does not
        hang up.
        """
        if self.closing or self.closed:
            return
        self.cancel_timers()
        await super().close(wait=False, abort=abort, reason=reason)
        self.queue.put_nowait(None)
        self._waiting.clear()
        self._drained.set()
        if self.websocket is not None:
            loop = asyncio.get_running_loop()
            self._timers.add(loop.call_later(self.limits.close_seconds, self.abort))

    async def wait_gone(self) -> None:
        """Return once the connection of a closed socket has ended, or ``close_seconds`` later."""
        if self.websocket is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.close_seconds):
                await self.gone.wait()

    def abort(self) -> None:
        """Drop the connection with whatever waits for it."""
        if self.websocket is not None:
            self.websocket.abort()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back later, unless the socket is closed before that."""

        def call() -> None:
            self._timers.discard(timer)
            callback()

        timer = asyncio.get_running_loop().call_later(seconds, call)
        self._timers.add(timer)

    def schedule_ping(self) -> None:
        """Ping the client ``ping_interval`` after its last answer, unless the socket is closed before that."""
        if self.last_ping is not None:
            self.last_ping = None
            self._pinging = self.server.start_background_task(self._send_ping)

    def cancel_timers(self) -> None:
        """Nothing is called back any more, and nothing holds the socket until its next ping would be due."""
        pinging, self._pinging = self._pinging, None
        if pinging is not None and pinging is not asyncio.current_task():
            pinging.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _refill(self) -> None:
        """Everything that was taken is written: count it off, and let those go on who wait for room."""
        self._runs -= self._taken_runs
        self._bytes -= self._taken_bytes
        self._taken_runs = self._taken_bytes = 0
        self._drained.set()
        while self._waiting and self.has_room and not self.closing:
            self._waiting.popleft()()
