"""The gRPC server: every dialect, health and reflection on one port."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

from gateway.errors import ApiError
from gateway.ingest.authentication import Authenticator, Principal
from gateway.ingest.counters import Counters, Dialect, IngestStatistics, Observer
from gateway.ingest.health_service import HealthService
from gateway.ingest.limits import IngestLimits
from gateway.ingest.malformed_requests import UndecodableRequests
from gateway.ingest.native.stream import NativeStream
from gateway.ingest.otto import unary_calls
from gateway.ingest.otto.streams import FORWARD_WORKER_LOGS, STREAM_LOGS, OttoMethod, OttoStream
from gateway.ingest.registry import ProducerRegistry, StreamEnd
from gateway.ingest.tls import ListenError, Tls
from gateway.quota import Quota
from storage.journal.interface import Journal

__all__ = ["GrpcServer"]

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_NATIVE: Final = logs_pb2.DESCRIPTOR.services_by_name["LogIngestService"]
_OTTO_WORKERS: Final = log_streaming_pb2.DESCRIPTOR.services_by_name["LogStreamingService"]
_OTTO_SCALER: Final = log_streaming_pb2.DESCRIPTOR.services_by_name["OttoHandlerLogService"]
_SERVICES: Final[tuple[ServiceDescriptor, ...]] = (_NATIVE, _OTTO_WORKERS, _OTTO_SCALER)
_HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_STOPPING: Final = StreamEnd(
    grpc.StatusCode.UNAVAILABLE,
    "the gateway is shutting down; come back and go on behind the last answer",
    away_milliseconds=(500, 3_000),
)
METADATA_BYTES_MAX: Final = 32 << 10
_HANDSHAKE_SECONDS: Final = 20
_IDLE_SECONDS: Final = 900
_CUT_OFF_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class GrpcServer:
    """Takes producers' lines.

    Args:
        journal: where everything goes.
        authenticator: who may write.
        limits: see ``IngestLimits``.
        observer: is told what arrives and what is refused.
        host: an address, or a name that has one.
        port: 0: any free one.
        tls: None: plain text.
        quota: what one principal and one address may hold.
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
    ) -> None:
        self._limits = limits or IngestLimits()
        self._counters = Counters(observer)
        self._registry = ProducerRegistry(journal, authenticator, self._limits, self._counters, quota)
        self._host = host
        self._port = port
        self._tls = tls
        self._renewal: Tls | None = None
        self._health = HealthService(service.full_name for service in _SERVICES)
        self._server: grpc.aio.Server | None = None

    def __repr__(self) -> str:
        state = "listening" if self._server is not None else "closed"
        return f"<GrpcServer {state} {self._host}:{self._port} {self._counters.streams} streams>"

    @property
    def port(self) -> int:
        """The port: the one that was given, or the one that was found free."""
        return self._port

    @property
    def statistics(self) -> IngestStatistics:
        """A frozen picture of the counts."""
        return self._counters.statistics

    async def start(self) -> int:
        """Listen; the port.

        Raises:
            ListenError: the port is taken, or the address is not this machine's.
        """
        server = grpc.aio.server(interceptors=[UndecodableRequests()], options=_options(self._limits))
        server.add_generic_rpc_handlers(self._handlers())
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [service.full_name for service in _SERVICES]
        reflection.enable_server_reflection([*names, _HEALTH, reflection.SERVICE_NAME], server)
        address = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        try:
            if self._tls is None:
                self._port = server.add_insecure_port(address)
            else:
                self._port = server.add_secure_port(address, self._tls.credentials(self._renewed))
        except RuntimeError as error:
            raise ListenError(await self._why_not()) from error
        await server.start()
        self._server = server
        await self.set_serving(True)
        return self._port

    async def set_serving(self, serving: bool) -> None:
        """What the health service answers for the whole server and for each service."""
        self._health.set_serving(serving)

    def renew(self, tls: Tls) -> None:
        """Use another certificate for the connections that are still to come."""
        self._tls = self._renewal = tls

    def _renewed(self) -> Tls | None:
        """The certificate to use from now on, once; gRPC asks in threads of its own, at every handshake."""
        renewal, self._renewal = self._renewal, None
        return renewal

    async def stop(self, grace: float | None = 5.0) -> None:
        """Stop in order; idempotent.

        1. Health says NOT_SERVING, and every new stream is refused.
        2. Open streams answer what they took and end with UNAVAILABLE.
        3. What is left after ``grace`` seconds is cut off; its handlers get a moment to leave.
        """
        server, self._server = self._server, None
        if server is None:
            return
        await self.set_serving(False)
        self._registry.close(_STOPPING)
        await server.stop(grace)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CUT_OFF_SECONDS):
                await self._registry.wait_empty()
        self._registry.tasks.stop()

    def _handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Handlers over bytes: decoding is ours, so that text that is not UTF-8 can be repaired."""
        stream = grpc.stream_stream_rpc_method_handler
        single = grpc.unary_unary_rpc_method_handler
        methods: dict[ServiceDescriptor, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = {
            _NATIVE: {"Publish": stream(self._publish)},
            _OTTO_WORKERS: {
                "StreamLogs": stream(self._otto_stream(STREAM_LOGS)),
                "RegisterWorker": single(self._otto_call(unary_calls.register_worker)),
            },
            _OTTO_SCALER: {
                "ForwardWorkerLogs": stream(self._otto_stream(FORWARD_WORKER_LOGS)),
                "NotifyWorkerStatus": single(self._otto_call(unary_calls.notify_worker_status)),
            },
        }
        return tuple(
            grpc.method_handlers_generic_handler(service.full_name, handlers) for service, handlers in methods.items()
        )

    async def _publish(self, _requests: object, context: Context) -> None:
        async with _refusals(context):
            principal = await self._registry.principal(context, Dialect.NATIVE)
            await NativeStream(context, principal, self._registry).run()

    def _otto_stream(self, method: OttoMethod) -> Callable[[object, Context], Awaitable[None]]:
        async def handle(_requests: object, context: Context) -> None:
            async with _refusals(context):
                principal = await self._registry.principal(context, Dialect.OTTO)
                await OttoStream(context, principal, self._registry, method).run()

        return handle

    def _otto_call(
        self, call: Callable[[bytes, Principal, ProducerRegistry], Awaitable[bytes]]
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(data: bytes, context: Context) -> bytes:
            async with _refusals(context):
                principal = await self._registry.principal(context, Dialect.OTTO)
                return await call(data, principal, self._registry)

        return handle

    async def _why_not(self) -> str:
        """Bind as gRPC tried to, because it does not say why it failed."""
        place = f"port {self._port} of {self._host}"
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
                probe.bind(address)
        except socket.gaierror:
            return f"{self._host!r} is neither an address nor a name that has one; set HOST to one of this machine's"
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{place} is taken by another program; end it, or set GRPC_PORT to a free port"
            if error.errno == errno.EADDRNOTAVAIL:
                return f"{self._host} is not an address of this machine; set HOST to one that is"
            return f"cannot listen on {place}: {error.strerror}"
        return f"cannot listen on {place}" + (" with this certificate and key" if self._tls is not None else "")


def _options(limits: IngestLimits) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # on by default, and then a taken port goes unnoticed
        ("grpc.max_receive_message_length", limits.request_bytes_max),
        # More than the streams that may be: a client that has opened them all can still make the single calls, and the
        # next stream is refused instead of waiting at the client.
        ("grpc.max_concurrent_streams", limits.streams_max + 100),
        # Room for the longest token; what is longer is refused by gRPC, always and not by chance as between its two
        # limits of 8 and 16 KB.
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        # A client that connects and says nothing, and one that has not called for a while.
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_SECONDS * 1000),
        ("grpc.max_connection_idle_ms", _IDLE_SECONDS * 1000),
        # A dead peer is noticed within 80 s; TCP alone would take hours.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients ping every 10 s at the fastest (Go's least); a server that wants longer pauses cuts them off.
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ]


@asynccontextmanager
async def _refusals(context: Context) -> AsyncIterator[None]:
    """End the RPC with the status of an ``ApiError``; an error of our own is logged and says nothing of itself."""
    try:
        yield
    except ApiError as error:
        await context.abort(error.grpc_status, error.message)
    except grpc.aio.BaseError:  # the abort itself, or a connection that is gone
        raise
    except Exception:  # noqa: BLE001  (the edge: what no one foresaw becomes INTERNAL, and is logged)
        _log.exception("an RPC failed")
        await context.abort(grpc.StatusCode.INTERNAL, "the gateway ran into an error of its own; come back and resume")
