"""``LogsService/Export`` of OTLP, as a method of any gRPC server."""

from typing import Final

from google.protobuf.descriptor import FileDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call, Handler, Metadata, Method
from gateway.grpc_server.single import SingleRequest
from gateway.grpc_server.status import GrpcStatus, Headers
from gateway.ingest.counters import Dialect
from gateway.ingest.otlp.export import Exporter
from gateway.ingest.otlp.protobuf_requests import groups_of_protobuf
from gateway.ingest.otlp.statuses import refusal, retriable
from gateway.ingest.placed import Place

__all__ = ["OTLP_FILE", "export_method", "response_bytes"]

OTLP_FILE: Final[FileDescriptor] = logs_service_pb2.DESCRIPTOR
"""The contract."""
_SECONDS_MAX: Final = 60.0
"""From the headers of a call to its whole request."""


def export_method(path: str, exporter: Exporter, request_bytes_max: int) -> Method:
    """The method; a call is admitted by its token before any of its messages is looked at."""

    async def open_call(call: Call) -> Handler:
        try:
            principal = await exporter.registry.principal(call, Dialect.OTLP)
            placed = _PlacedCall(call, Place(exporter.registry, Dialect.OTLP, principal, call.address))
        except ApiError as error:
            raise refusal(retriable(error)) from error
        return SingleRequest(placed, lambda data, _: _serve(exporter, data, principal))

    return Method(path, open_call, request_bytes_max, seconds_max=_SECONDS_MAX)


async def _serve(exporter: Exporter, data: bytes, principal: Principal) -> bytes:
    try:
        exporter.check_room()
        exporter.budget.take(len(data))
        try:
            outcome = await exporter.export(groups_of_protobuf(data), len(data), principal)
        finally:
            exporter.budget.give_back(len(data))
    except ApiError as error:
        raise refusal(retriable(error)) from error
    return response_bytes(*outcome)


def response_bytes(rejected: int, problem: str) -> bytes:
    """The answer; empty where everything was stored."""
    response = logs_service_pb2.ExportLogsServiceResponse()
    if rejected:
        response.partial_success.rejected_log_records = rejected
        response.partial_success.error_message = problem
    return response.SerializeToString()


class _PlacedCall:
    """A call that gives its place back when it ends."""

    def __init__(self, call: Call, place: Place) -> None:
        self._call = call
        self._place = place
        self.send = call.send
        self.count_bytes = call.count_bytes
        self.pause = call.pause
        self.resume = call.resume

    @property
    def metadata(self) -> Metadata:
        """What the client sent beside its messages."""
        return self._call.metadata

    @property
    def address(self) -> str:
        """The address of the peer."""
        return self._call.address

    def end(self, status: GrpcStatus, text: str = "", metadata: Headers = ()) -> None:
        """End the call."""
        self._place.leave()
        self._call.end(status, text, metadata)
