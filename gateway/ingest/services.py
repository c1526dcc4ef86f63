"""What the port of producers serves: the native wire and Otto's, as methods of any gRPC server."""

import importlib.util
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from google.protobuf.descriptor import FileDescriptor
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call, Handler, Method
from gateway.grpc_server.single import SingleRequest
from gateway.grpc_server.status import GrpcStatus, RefusedError
from gateway.ingest.counters import Dialect
from gateway.ingest.native.stream import NativeStream
from gateway.ingest.otlp.export import OTLP_MISSING, Exporter
from gateway.ingest.otto import unary_calls
from gateway.ingest.otto.streams import FORWARD_WORKER_LOGS, STREAM_LOGS, OttoMethod, OttoStream
from gateway.ingest.otto.workers import Workers
from gateway.ingest.registry import ProducerRegistry

__all__ = ["FILES", "contract_files", "has_otlp", "ingest_methods"]

FILES: Final[tuple[FileDescriptor, ...]] = (logs_pb2.DESCRIPTOR, log_streaming_pb2.DESCRIPTOR)
"""The contracts."""

_NATIVE: Final = logs_pb2.DESCRIPTOR.services_by_name["LogIngestService"].full_name
_WORKERS: Final = log_streaming_pb2.DESCRIPTOR.services_by_name["LogStreamingService"].full_name
_SCALER: Final = log_streaming_pb2.DESCRIPTOR.services_by_name["OttoHandlerLogService"].full_name
OTLP_PATH: Final = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_SINGLE_SECONDS_MAX: Final = 60.0
"""From the headers of a single call to its whole request."""

_Single = Callable[[bytes, Principal, ProducerRegistry, Workers], Awaitable[bytes]]


def has_otlp() -> bool:
    """Whether the package is installed that OTLP needs."""
    return importlib.util.find_spec("opentelemetry") is not None and (
        importlib.util.find_spec("opentelemetry.proto") is not None
    )


def contract_files(exporter: Exporter | None) -> list[FileDescriptor]:
    """The contracts of what is served."""
    if exporter is None:
        return [*FILES]
    from gateway.ingest.otlp.service import OTLP_FILE

    return [*FILES, OTLP_FILE]


def ingest_methods(registry: ProducerRegistry, exporter: Exporter | None = None) -> Iterator[Method]:
    """The methods of all wires; a call is admitted by its token, before any of its messages is looked at."""
    limits = registry.limits
    workers = Workers(limits.workers_max)

    def native(call: Call, principal: Principal) -> Handler:
        return NativeStream(call, principal, registry)

    def otto(method: OttoMethod) -> Callable[[Call, Principal], Handler]:
        return lambda call, principal: OttoStream(call, principal, registry, workers, method)

    def single(serve: _Single) -> Callable[[Call, Principal], Handler]:
        async def answer(data: bytes, principal: Principal) -> bytes:
            try:
                return await serve(data, principal, registry, workers)
            except ApiError as error:
                raise refusal(error) from error

        def make(call: Call, principal: Principal) -> Handler:
            call.count_bytes(registry.requests.open(principal=principal.subject, address=call.address))
            return SingleRequest(call, lambda data, _: answer(data, principal))

        return make

    def opening(dialect: Dialect, make: Callable[[Call, Principal], Handler]) -> Callable[[Call], Awaitable[Handler]]:
        async def open_call(call: Call) -> Handler:
            try:
                return make(call, await registry.principal(call, dialect))
            except ApiError as error:
                raise refusal(error) from error

        return open_call

    def method(service: str, name: str, dialect: Dialect, make: Callable[[Call, Principal], Handler]) -> Method:
        seconds_max = 0.0 if make is native or name in ("StreamLogs", "ForwardWorkerLogs") else _SINGLE_SECONDS_MAX
        return Method(f"/{service}/{name}", opening(dialect, make), limits.request_bytes_max, seconds_max=seconds_max)

    yield method(_NATIVE, "Publish", Dialect.NATIVE, native)
    yield method(_WORKERS, "StreamLogs", Dialect.OTTO, otto(STREAM_LOGS))
    yield method(_WORKERS, "RegisterWorker", Dialect.OTTO, single(unary_calls.register_worker))
    yield method(_SCALER, "ForwardWorkerLogs", Dialect.OTTO, otto(FORWARD_WORKER_LOGS))
    yield method(_SCALER, "NotifyWorkerStatus", Dialect.OTTO, single(unary_calls.notify_worker_status))
    if exporter is None:
        yield Method(OTLP_PATH, _refuse_otlp, 1)
    else:
        from gateway.ingest.otlp.service import export_method

        yield export_method(OTLP_PATH, exporter, limits.otlp_bytes_max)


async def _refuse_otlp(_: Call) -> Handler:
    raise RefusedError(GrpcStatus.UNIMPLEMENTED, OTLP_MISSING)


def refusal(error: ApiError) -> RefusedError:
    """A refusal of the gateway as the server of gRPC answers it."""
    return RefusedError(GrpcStatus(error.grpc_status.value[0]), error.message)
