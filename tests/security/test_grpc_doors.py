"""Every RPC and everything that may be shown at it; the server itself says which RPCs there are."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc import StatusCode
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

from tests.support.credentials import BAD, KINDS, OURS, credential
from tests.support.gateway_process import GatewayProcess
from tests.support.producers import lines_request

pytestmark = pytest.mark.xdist_group("security doors")

WRITES = dict.fromkeys(BAD, StatusCode.UNAUTHENTICATED) | {
    "wrong scope": StatusCode.PERMISSION_DENIED,
    "other task": StatusCode.PERMISSION_DENIED,
    "right": StatusCode.OK,
}
OPEN = dict.fromkeys(KINDS, StatusCode.OK)
HELLO = logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id="p"))
LINE = log_streaming_pb2.LogEntry(task_id=OURS, worker_id="w", message="m")
FORWARDED = LINE
WORKER = {"task_id": OURS, "worker_id": "w"}
EXPORT = ExportLogsServiceRequest(
    resource_logs=[
        ResourceLogs(
            resource=Resource(attributes=[KeyValue(key="otto.task_id", value=AnyValue(string_value=OURS))]),
            scope_logs=[ScopeLogs(log_records=[LogRecord(body=AnyValue(string_value="a line"))])],
        )
    ]
)
REFLECTION = [reflection_pb2.ServerReflectionRequest(list_services="")]

DOORS: dict[str, tuple[dict[str, StatusCode], list[Any]]] = {
    "/otto.logs.v1.LogIngestService/Publish": (WRITES, [HELLO, lines_request(1, ["m"], task_id=OURS)]),
    "/ottoscaler.v1.LogStreamingService/StreamLogs": (WRITES, [LINE]),
    "/ottoscaler.v1.LogStreamingService/RegisterWorker": (WRITES, [log_streaming_pb2.WorkerRegistration(**WORKER)]),
    "/ottoscaler.v1.OttoHandlerLogService/ForwardWorkerLogs": (WRITES, [FORWARDED]),
    "/ottoscaler.v1.OttoHandlerLogService/NotifyWorkerStatus": (
        WRITES,
        [log_streaming_pb2.WorkerStatusNotification(**WORKER, status="RUNNING")],
    ),
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": (WRITES, [EXPORT]),
    "/grpc.health.v1.Health/Check": (OPEN, [health_pb2.HealthCheckRequest()]),
    "/grpc.health.v1.Health/Watch": (OPEN, [health_pb2.HealthCheckRequest()]),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": (OPEN, REFLECTION),
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": (OPEN, REFLECTION),
}


@pytest.fixture(scope="module")
def channel(gateway: GatewayProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        yield channel


def ask(channel: grpc.Channel, request: reflection_pb2.ServerReflectionRequest) -> Any:
    (response,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
    return response


def test_every_rpc_has_a_row(channel: grpc.Channel) -> None:
    """A new RPC says in this table who may call it."""
    listed = ask(channel, reflection_pb2.ServerReflectionRequest(list_services=""))
    found = set()
    for service in listed.list_services_response.service:
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=service.name)
        for data in ask(channel, request).file_descriptor_response.file_descriptor_proto:
            file = FileDescriptorProto.FromString(data)
            for described in file.service:
                name = f"{file.package}.{described.name}"
                found |= {f"/{name}/{method.name}" for method in described.method}
    assert found == set(DOORS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", DOORS)
def test_who_may_call(channel: grpc.Channel, method: str, kind: str) -> None:
    """As the table says; the status text has nothing of the token."""
    expected, messages = DOORS[method]
    token = credential(kind, scope="logs:write")
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    call: Any = channel.stream_stream(method)(iter([each.SerializeToString() for each in messages]), metadata=metadata)
    try:
        if method.endswith("Watch"):
            next(call)
            call.cancel()
            return
        list(call)
    except grpc.RpcError:
        pass
    assert call.code() is expected[kind], call.details()
    assert token is None or token not in call.details()


@pytest.mark.parametrize("text", ["Basic x", "Bearer", "", "Bearer " + "a" * 9000])
def test_odd_metadata_is_refused(channel: grpc.Channel, text: str) -> None:
    """Whatever stands where a token belongs, the answer is UNAUTHENTICATED."""
    call: Any = channel.stream_stream("/otto.logs.v1.LogIngestService/Publish")
    ended = call(iter([HELLO.SerializeToString()]), metadata=(("authorization", text),))
    with pytest.raises(grpc.RpcError):
        list(ended)
    assert ended.code() is StatusCode.UNAUTHENTICATED


def test_metadata_that_ends_with_a_space_is_no_header(gateway: GatewayProcess) -> None:
    """HTTP/2 forbids it: that call is refused, which says why without the value, and other calls continue."""
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        call: Any = channel.stream_stream("/otto.logs.v1.LogIngestService/Publish")
        ended = call(iter([HELLO.SerializeToString()]), metadata=(("authorization", "Bearer secret "),))
        with pytest.raises(grpc.RpcError):
            list(ended)
        assert ended.code() is StatusCode.INTERNAL
        assert "white space" in ended.details()
        assert "secret" not in ended.details()


def test_metadata_has_a_limit(channel: grpc.Channel) -> None:
    """Refused at the headers, before anything of ours looks at it; what a token may have passes always."""
    for size, code in ((20_000, StatusCode.UNAUTHENTICATED), (60_000, StatusCode.RESOURCE_EXHAUSTED)):
        call: Any = channel.stream_stream("/otto.logs.v1.LogIngestService/Publish")
        ended = call(iter([HELLO.SerializeToString()]), metadata=(("x-padding", "a" * size),))
        with pytest.raises(grpc.RpcError):
            list(ended)
        assert ended.code() is code
