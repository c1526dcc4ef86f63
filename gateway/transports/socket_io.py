"""The log stream over Socket.IO: namespace ``/log-streaming``, below ``/socket.io/``.

One client is one ``Subscriber`` with one session per subscription. Nothing ever emits to a room: lines are made into
packets once per channel and handed to each socket within its credit.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

import socketio
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from gateway.addresses import address_key
from gateway.errors import ApiError, error_response
from gateway.quota import Quota
from gateway.transports.engine_io import EngineLimits
from gateway.transports.refusal import refusals
from gateway.transports.socket_io_encoding import NAMESPACE, disconnection
from gateway.transports.socket_io_protocol import SocketIoProtocol
from gateway.transports.socket_io_requests import token_of
from gateway.transports.socket_io_subscriber import SocketIoPrincipal, Subscriber, Surroundings
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.pipelines import PipelineHub
from sessions.updates import Update

__all__ = ["PATH", "SocketIoAuthenticator", "SocketIoLimits", "SocketIoServer", "SocketIoStatistics"]

PATH: Final = "/socket.io/"
RETRY_AFTER_SECONDS: Final = 5

_log = logging.getLogger(__name__)

# The libraries log whole packets, tokens included, at INFO, and whatever a stranger sends at WARNING.
_library_log = logging.getLogger(__name__ + ".library")
_library_log.setLevel(logging.ERROR)


class SocketIoAuthenticator(Protocol):
    """Tells who asks, or raises ``ApiError``."""

    async def authenticate(self, token: str | None) -> SocketIoPrincipal: ...  # noqa: D102
    async def principal_of(self, connection: HTTPConnection) -> SocketIoPrincipal: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIoLimits:
    """What clients may use.

    Attributes:
        sockets_max: open Engine.IO sockets, in the namespace or not.
        subscriptions_max: tasks and pipelines that one client may watch at once.
        message_bytes_max: of one packet from a client.
        ping_interval_seconds: pause between two pings; a client that is not pinged for longer than this and the
            time-out gives up.
        ping_timeout_seconds: how long the answer to a ping may take. A ping waits behind the lines that were sent
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
    """What there is now, and counts since the start."""

    sockets: int = 0
    clients: int = 0
    subscriptions: int = 0
    bytes_in_flight: int = 0
    malformed: int = 0
    refused: int = 0


class LogNamespace(socketio.AsyncNamespace):  # type: ignore[misc] # the library has no types
    """Lets clients in and sees them leave; their events come through ``SocketIoProtocol``."""

    def __init__(self, server: "SocketIoServer") -> None:
        super().__init__(NAMESPACE)
        self._server = server

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        """Let a client in, or refuse it with ``{message, data: {code, message, field?}}``."""
        try:
            await self._server.admit(sid, environ, auth)
        except ApiError as error:
            raise Refused(error.message, error.fields()) from error
        except Exception as error:
            _log.exception("socket.io connect failed")
            internal = ApiError("INTERNAL", "the gateway ran into an error of its own; try again")
            raise Refused(internal.message, internal.fields()) from error

    async def on_disconnect(self, sid: str, _reason: str | None = None) -> None:
        """A client has left."""
        self._server.left(sid)


class _Borrowed:
    """A connection's ``receive`` until its request is over.

    The library makes a class for each request whose methods hold it, and a class refers to itself: what ``receive``
    belongs to would stay in memory until the garbage collector looks at its oldest generation.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive: Receive | None = receive

    async def __call__(self) -> Message:
        if self._receive is None:
            raise OSError("the request is over")
        return await self._receive()

    def give_back(self) -> None:
        self._receive = None


class SocketIoServer:
    """An ASGI application for everything below ``/socket.io/``, on as many ports as there are.

    Args:
        hub: gives the lines.
        pipelines: gives stage transitions.
        authenticator: tells who asks.
        server_stats: the numbers that ``get-server-stats`` answers with.
        cors_origins: origins besides its own from which browsers may connect; ``*`` is any, without cookies.
        limits: see ``SocketIoLimits``.
        quota: what one principal and one address may hold.
    """

    def __init__(
        self,
        hub: Hub,
        pipelines: PipelineHub,
        authenticator: SocketIoAuthenticator,
        *,
        server_stats: Callable[[], Mapping[str, Any]],
        cors_origins: Sequence[str] = (),
        limits: SocketIoLimits | None = None,
        quota: Quota | None = None,
    ) -> None:
        self.limits = limits or SocketIoLimits()
        self._quota = quota if quota is not None else Quota()
        self._authenticator = authenticator
        self._origins = frozenset(origin.rstrip("/") for origin in cors_origins)
        self._subscribers: dict[str, Subscriber] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._refused = 0
        self._surroundings = Surroundings(
            hub=hub,
            pipelines=pipelines,
            server_stats=server_stats,
            subscriptions_max=self.limits.subscriptions_max,
            spawn=self._spawn,
            dismiss=self.dismiss,
        )
        self._protocol = SocketIoProtocol(
            self,
            self.limits.engine,
            async_mode="asgi",
            logger=_library_log,
            engineio_logger=_library_log,
            # A function, because the library takes an empty list for "do not check at all".
            cors_allowed_origins=self._is_allowed,
            cors_credentials="*" not in self._origins,
            ping_interval=self.limits.ping_interval_seconds,
            ping_timeout=self.limits.ping_timeout_seconds,
            max_http_buffer_size=self.limits.message_bytes_max,
        )
        self._protocol.register_namespace(LogNamespace(self))

    def __repr__(self) -> str:
        return f"<SocketIoServer {len(self._protocol.eio.sockets)} sockets {len(self._subscribers)} clients>"

    @property
    def statistics(self) -> SocketIoStatistics:
        """A frozen picture."""
        sockets = self._protocol.eio.sockets
        return SocketIoStatistics(
            sockets=len(sockets),
            clients=len(self._subscribers),
            subscriptions=sum(subscriber.subscriptions for subscriber in self._subscribers.values()),
            bytes_in_flight=sum(subscriber.socket.bytes_in_flight for subscriber in self._subscribers.values()),
            malformed=self._protocol.eio.malformed,
            refused=self._refused,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a long-polling request or a WebSocket."""
        refusal = self._refusal(scope)
        if refusal is not None:
            self._refused += 1
            await error_response(refusal)(scope, receive, send)
            return
        borrowed = _Borrowed(receive)
        try:
            await self._protocol.handle_request(scope, borrowed, refusals(scope, receive, send))
        finally:
            borrowed.give_back()

    async def admit(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        """Let a client in.

        Raises:
            ApiError: it may not come in.
        """
        token = token_of(auth)
        if token is not None:
            principal = await self._authenticator.authenticate(token)
        else:
            principal = await self._authenticator.principal_of(HTTPConnection(self._credible(environ["asgi.scope"])))
        if self._is_closed:
            raise ApiError("UNAVAILABLE", CloseReason.SERVER_SHUTDOWN.text)
        socket = self._protocol.socket_of(sid)
        place = self._quota.enter(principal=principal.subject)
        self._subscribers[sid] = Subscriber(sid, socket, principal, place, self._surroundings)

    def joined(self, sid: str) -> None:
        """The client was told that it is connected."""
        subscriber = self._subscribers.get(sid)
        if subscriber is not None:
            subscriber.greet()

    def left(self, sid: str) -> None:
        """The client is gone."""
        subscriber = self._subscribers.pop(sid, None)
        if subscriber is not None:
            subscriber.close(CloseReason.CLIENT_GONE)

    def received(self, sid: str, name: object, arguments: tuple[Any, ...], acknowledge: int | None) -> None:
        """An event of a client."""
        subscriber = self._subscribers.get(sid)
        if subscriber is not None:
            subscriber.received(name, arguments, acknowledge)

    def updated(self, updates: Sequence[Update]) -> int:
        """Tell every client that may see them of changed records; how many updates were dropped."""
        return sum(subscriber.updated(updates) for subscriber in tuple(self._subscribers.values()))

    def dismiss(self, subscriber: Subscriber, reason: CloseReason) -> None:
        """End a client's subscriptions and its connection to the namespace, and say why."""
        if self._subscribers.pop(subscriber.sid, None) is None:
            return
        subscriber.close(reason)
        subscriber.socket.put(disconnection())
        self._spawn(self._protocol.leave(subscriber.sid))

    async def close(self, seconds_max: float = math.inf) -> None:
        """Tell every client to come back later, and return when they are gone; idempotent.

        The connections of clients that do not read are dropped after ``EngineLimits.close_seconds``, or after
        ``seconds_max`` where that is less.
        """
        if self._is_closed:
            return
        self._is_closed = True
        for subscriber in tuple(self._subscribers.values()):
            subscriber.close(CloseReason.SERVER_SHUTDOWN)
        sockets = tuple(self._protocol.eio.sockets.values())
        await asyncio.gather(*(socket.close(reason=self._protocol.reason.SERVER_DISCONNECT) for socket in sockets))
        try:
            async with asyncio.timeout(min(seconds_max, self.limits.engine.close_seconds)):
                await asyncio.gather(*(socket.wait_gone() for socket in sockets))
        except TimeoutError:
            for socket in sockets:
                socket.abort()
            await asyncio.gather(*(socket.wait_gone() for socket in sockets))
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._protocol.shutdown()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _refusal(self, scope: Scope) -> ApiError | None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self.limits.message_bytes_max:
            text = f"the body is longer than {self.limits.message_bytes_max} bytes; send less at once"
            return ApiError("PAYLOAD_TOO_LARGE", text)
        if "j" in query:  # readable from any page, whatever its origin
            return ApiError("INVALID_ARGUMENT", "JSONP is not offered; use XMLHttpRequest or WebSocket", field="j")
        if "sid" in query:
            socket = self._protocol.eio.sockets.get(query["sid"][0])
            if socket is not None and socket.closed and scope.get("method") == "POST":
                # The library finds out as well, and fails at it; what still waits for the client, GET gives it.
                return ApiError("INVALID_ARGUMENT", "this session has ended; open another one", field="sid")
            return None
        if self._is_closed:
            return ApiError("UNAVAILABLE", CloseReason.SERVER_SHUTDOWN.text, retry_after_seconds=RETRY_AFTER_SECONDS)
        if len(self._protocol.eio.sockets) >= self.limits.sockets_max:
            message = f"the gateway holds as many Socket.IO connections as it may ({self.limits.sockets_max})"
            return ApiError("SERVER_FULL", message, retry_after_seconds=RETRY_AFTER_SECONDS)
        return self._crowding(scope["client"][0]) if scope.get("client") else None

    def _crowding(self, address: str) -> ApiError | None:
        """Why an address may open no further socket; counted here and now, because every socket has several ends."""
        key = address_key(address)
        held = sum(not each.closed and each.address == key for each in self._protocol.eio.sockets.values())
        try:
            self._quota.check_address(address, held)
        except ApiError as refusal:
            return refusal
        return None

    def _is_allowed(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return bool({"*", origin} & self._origins) or _is_same(origin, environ.get("HTTP_HOST", ""))

    def _credible(self, scope: Scope) -> Scope:
        """The scope, without its cookie where any origin may connect and this one was not named.

        A browser sends the cookie along whichever page opens the socket.
        """
        headers = dict(scope["headers"])
        origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
        if not origin or origin in self._origins or _is_same(origin, host):
            return scope
        return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"cookie"]}


def _is_same(origin: str, host: str) -> bool:
    """Whether a page comes from the address that it connects to; the scheme is the proxy's business."""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # it is no address, like http://[
        return False
