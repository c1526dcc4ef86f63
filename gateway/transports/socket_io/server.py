"""The log stream over Socket.IO: namespace ``/log-streaming``, below ``/socket.io/``.

One client is one ``Subscriber`` with one session per subscription. Nothing ever emits to a room: lines are made into
packets once per channel and handed to each socket within its credit.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from gateway.addresses import address_key
from gateway.auth import Authenticator, Principal
from gateway.engine_io.interfaces import Heartbeat
from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.server import EngineServer
from gateway.engine_io.socket import EngineSocket
from gateway.errors import ApiError
from gateway.http.origins import AllowedOrigins
from gateway.quota import Quota
from gateway.transports.server_figures import ServerFigures
from gateway.transports.socket_io.encoding import disconnection
from gateway.transports.socket_io.protocol import (
    NAMESPACE,
    Connect,
    Disconnect,
    Event,
    connect_answer,
    connect_error,
    decode,
)
from gateway.transports.socket_io.requests import token_of
from gateway.transports.socket_io.subscriber import ServerContext, Subscriber
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.pipelines import PipelineHub
from sessions.updates import AnyUpdate

__all__ = ["PATH", "SocketIoLimits", "SocketIoServer", "SocketIoStatistics"]

PATH: Final = "/socket.io/"
RETRY_AFTER_SECONDS: Final = 5

_SESSION_ID_BYTES: Final = 15
_WRONG_NAMESPACE: Final = f"Invalid namespace; connect to {NAMESPACE}"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIoLimits:
    """What clients may use.

    Attributes:
        sockets_max: open Engine.IO sockets, in the namespace or not.
        subscriptions_max: tasks and pipelines that one client may watch at once.
        message_bytes_max: of one packet from a client.
        ping_interval_seconds: pause between two pings; a client that is not pinged for longer than this and the
            time-out gives up.
        ping_timeout_seconds: how long the answer to a ping may take. A ping waits after the lines that were sent
            before it, so this is also how long a slow client may take to read what is in flight.
        engine: what may be in flight to one socket.
    """

    sockets_max: int = 1000
    subscriptions_max: int = 100
    message_bytes_max: int = 256 << 10
    ping_interval_seconds: float = 25.0
    ping_timeout_seconds: float = 60.0
    engine: EngineLimits = field(default_factory=EngineLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIoStatistics:
    """Current numbers, and counts since the start."""

    sockets: int = 0
    clients: int = 0
    subscriptions: int = 0
    bytes_in_flight: int = 0
    malformed: int = 0
    refused: int = 0


class SocketIoServer:
    """An ASGI application for everything below ``/socket.io/``, on as many ports as there are.

    Args:
        hub: gives the lines.
        pipelines: gives stage transitions.
        authenticator: identifies the caller.
        server_stats: the numbers that ``get-server-stats`` answers with.
        cors_origins: origins besides its own from which browsers may connect; ``*`` is any, without cookies.
        limits: see ``SocketIoLimits``.
        quota: what one principal and one address may hold.
    """

    def __init__(
        self,
        hub: Hub,
        pipelines: PipelineHub,
        authenticator: Authenticator,
        *,
        server_stats: Callable[[], ServerFigures],
        cors_origins: Sequence[str] = (),
        limits: SocketIoLimits | None = None,
        quota: Quota | None = None,
    ) -> None:
        self.limits = limits or SocketIoLimits()
        self._quota = quota if quota is not None else Quota()
        self._authenticator = authenticator
        self._origins = AllowedOrigins(cors_origins)
        self._subscribers: dict[str, Subscriber] = {}  # by their socket's sid
        self._joining: set[str] = set()
        self._join_ends: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._context = ServerContext(
            hub=hub,
            pipelines=pipelines,
            server_stats=server_stats,
            clients=lambda: len(self._subscribers),
            subscriptions_max=self.limits.subscriptions_max,
            spawn=self._spawn,
            dismiss=self.dismiss,
        )
        self._engine = EngineServer(
            self,
            limits=self.limits.engine,
            heartbeat=Heartbeat(
                interval_seconds=self.limits.ping_interval_seconds, timeout_seconds=self.limits.ping_timeout_seconds
            ),
            message_bytes_max=self.limits.message_bytes_max,
            origins=self._origins,
            namespace=NAMESPACE,
        )

    def __repr__(self) -> str:
        return f"<SocketIoServer {len(self._engine.sockets)} sockets {len(self._subscribers)} clients>"

    @property
    def sockets(self) -> tuple[EngineSocket, ...]:
        """The sockets that are there now, in the namespace or not."""
        return tuple(self._engine.sockets.values())

    @property
    def statistics(self) -> SocketIoStatistics:
        """An immutable snapshot."""
        return SocketIoStatistics(
            sockets=len(self._engine.sockets),
            clients=len(self._subscribers),
            subscriptions=sum(subscriber.subscriptions for subscriber in self._subscribers.values()),
            bytes_in_flight=sum(subscriber.socket.bytes_in_flight for subscriber in self._subscribers.values()),
            malformed=self._engine.malformed,
            refused=self._engine.refused,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a long-polling request or a WebSocket."""
        await self._engine(scope, receive, send)

    def admit(self, address: str) -> None:
        """Return where another socket may be opened from an address; empty: it is unknown.

        Raises:
            ApiError: it may not.
        """
        if self._is_closed:
            raise ApiError("UNAVAILABLE", CloseReason.SERVER_SHUTDOWN.text, retry_after_seconds=RETRY_AFTER_SECONDS)
        if len(self._engine.sockets) >= self.limits.sockets_max:
            message = f"the gateway holds as many Socket.IO connections as it may ({self.limits.sockets_max})"
            raise ApiError("SERVER_FULL", message, retry_after_seconds=RETRY_AFTER_SECONDS)
        if address:
            # Counted here and now, because every socket has several ends.
            key = address_key(address)
            held = sum(not each.is_closed and each.address == key for each in self._engine.sockets.values())
            self._quota.check_address(address, held)

    def opened(self, socket: EngineSocket) -> None:
        """A socket is there, outside of the namespace."""
        self._wait_for_join(socket)

    async def received(self, socket: EngineSocket, text: str) -> None:
        """A message of a client.

        Raises:
            PacketError: it is no packet of Socket.IO; the socket is closed.
        """
        packet = decode(text)
        match packet:
            case Event(namespace=where) if where == NAMESPACE:
                subscriber = self._subscribers.get(socket.sid)
                if subscriber is not None:
                    subscriber.received(packet.name, packet.arguments, packet.acknowledge)
            case Connect(namespace=where):
                if where == NAMESPACE:
                    await self._connect(socket, packet.auth)
                else:
                    socket.put(connect_error(where, _WRONG_NAMESPACE))
            case Disconnect(namespace=where) if where == NAMESPACE:
                if self._leave(socket, CloseReason.CLIENT_GONE):
                    self._wait_for_join(socket)

    def closed(self, socket: EngineSocket) -> None:
        """A socket is closed: remove all state of its client."""
        self._stop_waiting(socket)
        self._leave(socket, CloseReason.CLIENT_GONE)

    def updated(self, updates: Sequence[AnyUpdate]) -> int:
        """Send changed records to every client that may see them; how many updates were dropped."""
        return sum(subscriber.updated(updates) for subscriber in tuple(self._subscribers.values()))

    def dismiss(self, subscriber: Subscriber, reason: CloseReason) -> None:
        """End a client's subscriptions and its connection to the namespace, and say why."""
        if self._leave(subscriber.socket, reason):
            subscriber.socket.put(disconnection())
            self._wait_for_join(subscriber.socket)

    async def close(self, seconds_max: float = math.inf) -> None:
        """Ask every client to come back later, and return when they are gone; idempotent.

        The connections of clients that do not read are dropped after ``EngineLimits.close_seconds``, or after
        ``seconds_max`` if that is less.
        """
        if self._is_closed:
            return
        self._is_closed = True
        sockets = self.sockets
        for socket in sockets:
            self._leave(socket, CloseReason.SERVER_SHUTDOWN)
            socket.close()
        try:
            async with asyncio.timeout(min(seconds_max, self.limits.engine.close_seconds)):
                await asyncio.gather(*(socket.wait_ended() for socket in sockets))
        except TimeoutError:
            for socket in sockets:
                socket.abort()
            await asyncio.gather(*(socket.wait_ended() for socket in sockets))
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, socket: EngineSocket, auth: object) -> None:
        """Let a client into the namespace, or refuse it with ``{message, data: {code, message, field?}}``."""
        if socket.sid in self._subscribers or socket.sid in self._joining:
            refusal = ApiError("INVALID_ARGUMENT", f"this connection is in {NAMESPACE} already")
            socket.put(connect_error(NAMESPACE, refusal.message, refusal.detail))
            return
        self._joining.add(socket.sid)
        try:
            subscriber = self._join(socket, await self._principal_of(socket, auth))
        except ApiError as error:
            socket.put(connect_error(NAMESPACE, error.message, error.detail))
        except Exception:  # noqa: BLE001 - the client is answered after any error
            _log.exception("socket.io connect failed")
            internal = ApiError("INTERNAL", "the gateway ran into an error of its own; try again")
            socket.put(connect_error(NAMESPACE, internal.message, internal.detail))
        else:
            if subscriber is not None:
                self._stop_waiting(socket)
                socket.put(connect_answer(subscriber.sid))
                subscriber.greet()
        finally:
            self._joining.discard(socket.sid)

    async def _principal_of(self, socket: EngineSocket, auth: object) -> Principal:
        token = token_of(auth)
        if token is not None:
            return await self._authenticator.authenticate(token)
        return await self._authenticator.principal_of(HTTPConnection(self._origins.credible(socket.handshake)))

    def _join(self, socket: EngineSocket, principal: Principal) -> Subscriber | None:
        """The client in the namespace; None if it went away while it was being authenticated."""
        if socket.is_closed:
            return None
        if self._is_closed:
            raise ApiError("UNAVAILABLE", CloseReason.SERVER_SHUTDOWN.text)
        lease = self._quota.enter(principal=principal.subject)
        session_id = secrets.token_urlsafe(_SESSION_ID_BYTES)
        subscriber = Subscriber(session_id, socket, principal, lease, self._context)
        self._subscribers[socket.sid] = subscriber
        return subscriber

    def _leave(self, socket: EngineSocket, reason: CloseReason) -> bool:
        """End what a client has in the namespace; False if it is not there."""
        subscriber = self._subscribers.pop(socket.sid, None)
        if subscriber is not None:
            subscriber.close(reason)
        return subscriber is not None

    def _wait_for_join(self, socket: EngineSocket) -> None:
        """Close a socket that stays outside of the namespace."""
        self._stop_waiting(socket)
        if not socket.is_closed:
            seconds = self.limits.engine.join_seconds
            self._join_ends[socket.sid] = asyncio.get_running_loop().call_later(seconds, socket.close)

    def _stop_waiting(self, socket: EngineSocket) -> None:
        timer = self._join_ends.pop(socket.sid, None)
        if timer is not None:
            timer.cancel()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
