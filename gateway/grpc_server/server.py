"""The server: connections and calls of one port, their limits, their clock, and the end of them all."""

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from h2.errors import ErrorCodes

from gateway.grpc_server.calls import ServerCall
from gateway.grpc_server.connection import Connection
from gateway.grpc_server.interface import Method
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.requests import Request
from gateway.grpc_server.status import OWN_FAULT, GrpcStatus, RefusedError
from gateway.grpc_server.windows import WindowPool

__all__ = ["AddressPlaces", "Http2Server", "Lease", "ServerStatistics"]

_TICK_SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)


class Lease(Protocol):
    """A connection's place."""

    def leave(self) -> None:
        """Give it back."""


class AddressPlaces(Protocol):
    """Counts connections by address."""

    def __call__(self, address: str) -> Lease | None:
        """A place; None: the address has as many as it may."""


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """What is open now, and what was refused since the start.

    Attributes:
        refused_connections: by reason: ``full``, ``address``.
        faults: connections that were ended because their peer broke a rule, by the error code of HTTP/2.
        window_bytes: by which windows have grown.
    """

    connections: int = 0
    calls: int = 0
    refused_connections: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    window_bytes: int = 0


class Http2Server:
    """Serves methods over HTTP/2.

    Args:
        methods: what is served.
        limits: see ``ServerLimits``.
        places: limits connections by address; None: no limit.
    """

    def __init__(
        self,
        methods: Iterable[Method],
        limits: ServerLimits | None = None,
        *,
        places: AddressPlaces | None = None,
    ) -> None:
        self.limits = limits or ServerLimits()
        self.pool = WindowPool(self.limits.window_pool_bytes)
        self._places = places
        self._methods = {method.path: method for method in methods}
        self._connections: dict[Connection, Lease | None] = {}
        self._unflushed: dict[Connection, None] = {}
        self._servers: list[asyncio.Server] = []
        self._tick: asyncio.TimerHandle | None = None
        self._refused: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._is_stopping = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __repr__(self) -> str:
        return f"<Http2Server {len(self._connections)} connections, {self.pool!r}>"

    @property
    def statistics(self) -> ServerStatistics:
        """An immutable snapshot."""
        return ServerStatistics(
            connections=len(self._connections),
            calls=sum(len(tuple(connection.calls)) for connection in self._connections),
            refused_connections=dict(self._refused),
            faults=dict(self._faults),
            window_bytes=self.pool.used,
        )

    async def start(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Serve on sockets that are bound; they are closed with the server."""
        loop = asyncio.get_running_loop()
        handshake = self.limits.handshake_seconds_max if tls is not None else None
        self._servers = [
            await loop.create_server(lambda: Connection(self), sock=each, ssl=tls, ssl_handshake_timeout=handshake)
            for each in sockets
        ]
        self._tick = loop.call_later(_TICK_SECONDS, self._check)

    def stop_accepting(self) -> None:
        """Take no new connections; idempotent."""
        for server in self._servers:
            server.close()

    def drain(self) -> None:
        """Take no new connections and calls; those that are open answer what has arrived, and end."""
        self._is_stopping = True
        self.stop_accepting()
        for connection in tuple(self._connections):
            connection.drain()

    async def wait_empty(self) -> None:
        """Return once no connection is open, and no call."""
        await self._empty.wait()

    def abort(self) -> None:
        """Close what is open."""
        for connection in tuple(self._connections):
            connection.abort()

    def close(self) -> None:
        """The clock stops."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    # For connections

    def admit(self, connection: Connection, address: str) -> bool:
        """Whether there may be this connection."""
        if self._is_stopping:
            return False
        if len(self._connections) >= self.limits.connections_max:
            self._refused["full"] += 1
            return False
        lease = None
        if self._places is not None:
            lease = self._places(address)
            if lease is None:
                self._refused["address"] += 1
                return False
        self._connections[connection] = lease
        self._empty.clear()
        return True

    def forget(self, connection: Connection) -> None:
        """The connection and its calls are over."""
        self._unflushed.pop(connection, None)
        lease = self._connections.pop(connection, None)
        if lease is not None:
            lease.leave()
        if not self._connections:
            self._empty.set()

    def method(self, request: Request, connection: Connection) -> Method:
        """The method of a request.

        Raises:
            RefusedError: there is none, or no place.
        """
        method = self._methods.get(request.path)
        if method is None:
            raise RefusedError(GrpcStatus.UNIMPLEMENTED, "there is no such method here")
        if method.is_public:
            limits, shares = self.limits, 1 + method.is_brief
            everywhere = sum(each.public_calls for each in self._connections)
            if (
                connection.public_calls >= shares * limits.public_calls_per_connection_max
                or everywhere >= shares * limits.public_calls_max
            ):
                raise RefusedError(GrpcStatus.RESOURCE_EXHAUSTED, "too many calls without credentials are open")
        return method

    def open(self, call: ServerCall, connection: Connection) -> None:
        """Have the method admit a call."""
        call.opening = asyncio.get_running_loop().create_task(self._open(call, connection))

    async def _open(self, call: ServerCall, connection: Connection) -> None:
        try:
            handler = await call.method.open(call)
        except RefusedError as error:
            call.end(error.status, error.text, error.metadata)
        except asyncio.CancelledError:
            call.end(GrpcStatus.UNAVAILABLE, "the gateway is shutting down; try again")
            raise
        except Exception:  # noqa: BLE001 - the edge
            _log.exception("call failed", method=call.method.path)
            call.end(GrpcStatus.INTERNAL, OWN_FAULT)
        else:
            connection.opened(call, handler)
        finally:
            call.opening = None

    def count_fault(self, code: ErrorCodes, text: str) -> None:
        """A connection ends because its peer broke a rule."""
        self._faults[code.name] += 1
        _log.debug("connection ended for a fault of its peer", code=code.name, text=text)

    def flush_soon(self, connection: Connection) -> None:
        """Flush a connection once, after what else happens in this turn of the loop: a commit answers many calls."""
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unflushed[connection] = None

    def _flush(self) -> None:
        unflushed, self._unflushed = self._unflushed, {}
        for connection in unflushed:
            connection.flush()

    def _check(self) -> None:
        self._tick = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._check)
        now = time.monotonic()
        for connection in tuple(self._connections):
            connection.check(now)
