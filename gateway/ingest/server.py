"""The port of producers: every dialect, health and reflection, on the server that the settings name."""

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.grpc_server.health import HEALTH_FILE, Health
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.public import public_methods
from gateway.grpc_server.reflection import Contracts
from gateway.grpc_server.server import Http2Server, Lease, ServerStatistics
from gateway.grpc_server.status import GrpcStatus
from gateway.http.sockets import ListenError, close_all, listen
from gateway.ingest.counters import Counters, IngestStatistics, Observer
from gateway.ingest.limits import IngestLimits
from gateway.ingest.masking.task_masks import TaskMasks
from gateway.ingest.otlp.export import Exporter
from gateway.ingest.otlp.mapping import OtlpMapping
from gateway.ingest.registry import ProducerRegistry, StreamEnd
from gateway.ingest.services import contract_files, has_otlp, ingest_methods
from gateway.ingest.tls import Tls
from gateway.quota import Quota
from storage.journal.interface import Journal

if TYPE_CHECKING:
    from gateway.ingest.grpcio_server import GrpcioServer

__all__ = ["Carrier", "GrpcServer"]

Carrier: TypeAlias = Literal["h2", "grpcio"]
"""Which server carries the calls: the gateway's own on h2, or grpcio's."""

_STOPPING: Final = StreamEnd(
    GrpcStatus.UNAVAILABLE,
    "the gateway is shutting down; come back and continue after the last answer",
    away_milliseconds=(500, 3_000),
)
_CUT_OFF_SECONDS: Final = 2.0


class GrpcServer:
    """Takes producers' lines.

    Args:
        journal: where everything goes.
        authenticator: who may write.
        limits: see ``IngestLimits``.
        observer: notified of what arrives and what is refused.
        host: an address, or a name that has one.
        port: 0: any free one.
        tls: None: plain text.
        quota: what one principal and one address may hold in streams.
        connections: what one address may hold in connections; the gateway's own server alone can limit them.
        carrier: see ``Carrier``.
        server_limits: what one peer may do to the server itself; None: derived from ``limits``.
        masks: secrets of tasks; None: those that this server's producers name.
        otlp: how attributes of OTLP are read; None: by its conventions.
    """

    def __init__(
        self,
        journal: Journal,
        authenticator: Authenticator,
        limits: IngestLimits | None = None,
        observer: Observer | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 9090,
        tls: Tls | None = None,
        quota: Quota | None = None,
        connections: Quota | None = None,
        carrier: Carrier = "h2",
        server_limits: ServerLimits | None = None,
        masks: TaskMasks | None = None,
        otlp: OtlpMapping | None = None,
    ) -> None:
        self._limits = limits or IngestLimits()
        self._counters = Counters(observer)
        self._registry = ProducerRegistry(journal, authenticator, self._limits, self._counters, quota, masks)
        self._host = host
        self._port = port
        self._tls = tls
        self._renewal: Tls | None = None
        self._carrier: Carrier = carrier
        streams_max = self._limits.streams_max
        # More than the streams that may be: a client that has opened them all can still make the single calls, and the
        # next stream is refused instead of waiting at the client.
        self._server_limits = server_limits or ServerLimits(
            streams_max=streams_max + 100, connections_max=2 * streams_max + 100
        )
        self._connections = connections
        self._exporter = Exporter(self._registry, otlp or OtlpMapping()) if has_otlp() else None
        own = tuple(ingest_methods(self._registry, self._exporter))
        contracts = Contracts([*contract_files(self._exporter), HEALTH_FILE])
        self._health = Health(contracts.services)
        self._methods = (*own, *public_methods(self._health, contracts))
        self._http2: Http2Server | None = None
        self._grpcio: GrpcioServer | None = None
        self._tls_context: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        state = "closed" if (self._http2 or self._grpcio) is None else "listening"
        return f"<GrpcServer {state} {self._carrier} {self._host}:{self._port} {self._counters.streams} streams>"

    @property
    def port(self) -> int:
        """The port: the one that was given, or the one that was found free."""
        return self._port

    @property
    def registry(self) -> ProducerRegistry:
        """Everyone who sends lines, over HTTP too."""
        return self._registry

    @property
    def exporter(self) -> Exporter | None:
        """What takes OTLP; None: its package is not installed."""
        return self._exporter

    @property
    def statistics(self) -> IngestStatistics:
        """An immutable snapshot of the counts."""
        return self._counters.statistics

    @property
    def server_statistics(self) -> ServerStatistics:
        """An immutable snapshot of what the gateway's own server has open and refused."""
        return self._http2.statistics if self._http2 is not None else ServerStatistics()

    async def start(self) -> int:
        """Listen; the port.

        Raises:
            ListenError: the port is taken, or the address is not this machine's.
        """
        if self._carrier == "grpcio":
            await self._start_grpcio()
        else:
            await self._start_http2()
        await self.set_serving(True)
        return self._port

    async def set_serving(self, serving: bool) -> None:
        """What the health service answers for the whole server and for each service."""
        self._health.set_serving(serving)

    def renew(self, tls: Tls) -> None:
        """Use another certificate for the connections that are still to come."""
        self._tls = self._renewal = tls
        if self._tls_context is not None:
            tls.load(self._tls_context)

    async def stop(self, grace: float | None = 5.0) -> None:
        """Stop in order; idempotent.

        1. Health says NOT_SERVING, and every new stream is refused.
        2. Open streams answer what they took and end with UNAVAILABLE.
        3. The remaining streams are aborted after ``grace`` seconds; their handlers get a moment to return.
        """
        await self.set_serving(False)
        self._registry.close(_STOPPING)
        grpcio, self._grpcio = self._grpcio, None
        http2, self._http2 = self._http2, None
        if grpcio is not None:
            await grpcio.stop(grace)
        if http2 is not None:
            await _stop_http2(http2, grace)
        if grpcio is not None or http2 is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CUT_OFF_SECONDS):
                    await self._registry.wait_empty()
            self._registry.tasks.stop()

    async def _start_http2(self) -> None:
        sockets = listen(self._host, self._port, setting="GRPC_PORT")
        try:
            if self._tls is not None:
                self._tls_context = self._tls.context()
            places = self._place if self._connections is not None else None
            http2 = Http2Server(self._methods, self._server_limits, places=places)
            await http2.start(sockets, self._tls_context)
        except BaseException:
            close_all(sockets)
            raise
        self._http2 = http2
        self._port = sockets[0].getsockname()[1]

    async def _start_grpcio(self) -> None:
        # Here: a gateway that carries its calls itself does not load grpcio's server.
        from gateway.ingest.grpcio_server import GrpcioServer

        server = GrpcioServer(self._methods, self._server_limits)
        address = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        try:
            self._port = server.listen(address, self._tls, self._renewed)
        except RuntimeError as error:
            close_all(listen(self._host, self._port, setting="GRPC_PORT"))  # raises with the reason if this fails too
            with_tls = " with this certificate and key" if self._tls is not None else ""
            raise ListenError(f"cannot listen on port {self._port} of {self._host}{with_tls}") from error
        await server.start()
        self._grpcio = server

    def _renewed(self) -> Tls | None:
        """The certificate to use from now on, once; gRPC asks in threads of its own, at every handshake."""
        renewal, self._renewal = self._renewal, None
        return renewal

    def _place(self, address: str) -> Lease | None:
        assert self._connections is not None  # noqa: S101  (it is only used then)
        try:
            return self._connections.enter(address=address)
        except ApiError:
            return None


async def _stop_http2(server: Http2Server, grace: float | None) -> None:
    server.drain()
    try:
        async with asyncio.timeout(grace):
            await server.wait_empty()
    except TimeoutError:
        server.abort()
    finally:
        server.close()
