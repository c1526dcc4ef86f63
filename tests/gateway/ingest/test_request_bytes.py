"""What single calls of one client may hold. Threat: many large requests that are never completed."""

import asyncio
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from ottoscaler.v1 import log_streaming_pb2 as otto

from gateway.ingest.limits import IngestLimits
from gateway.ingest.server import GrpcServer
from gateway.ingest.services import OTLP_PATH
from gateway.quota import Quota
from tests.support.raw_http2 import RawHttp2, data, grpc_message
from tests.support.tokens import WordAuthenticator, WordPrincipal
from tests.support.waiting import until
from tests.support.watched_journal import WatchedJournal

NOTIFY = "/ottoscaler.v1.OttoHandlerLogService/NotifyWorkerStatus"
EXHAUSTED = "8"
LIMITS = IngestLimits(request_bytes_max=20_000)  # so that 40,000 bytes may be held


@pytest.fixture
def carrier() -> str:
    """What is incomplete is seen by the gateway's own server alone."""
    return "h2"


@pytest.fixture
async def server(serve: Any) -> Any:
    tokens = WordAuthenticator(alice=WordPrincipal("alice"), bob=WordPrincipal("bob"))
    server, _ = await serve(LIMITS, tokens, quota=Quota(per_principal=100))
    return server


def part_of_a_message(stream_id: int, size: int) -> bytes:
    """The beginning of a message of 20,000 bytes."""
    return data(stream_id, grpc_message(b"\0" * 20_000)[:size])


def report(worker: str) -> bytes:
    notification = otto.WorkerStatusNotification(task_id="t", worker_id=worker, status=1)
    return grpc_message(notification.SerializeToString())


async def test_what_single_calls_of_a_subject_hold_is_limited(server: GrpcServer) -> None:
    """Incomplete requests count as they arrive; the refusal names the setting, and others are served."""
    async with await RawHttp2.connect(server.port) as client, await RawHttp2.connect(server.port) as other:
        for stream_id in (1, 3, 5):
            client.open(stream_id, NOTIFY, authorization="Bearer alice")
            client.send(part_of_a_message(stream_id, 15_000))
        refused = await client.ended(5)
        assert refused["grpc-status"] == EXHAUSTED
        assert "REQUEST_BYTES_MAX" in refused["grpc-message"]
        client.open(7, NOTIFY, authorization="Bearer alice")
        client.send(data(7, report("w"), end=True))
        assert (await client.ended(7))["grpc-status"] == "0"
        other.open(1, NOTIFY, authorization="Bearer bob")
        other.send(part_of_a_message(1, 15_000))
        other.open(3, NOTIFY, authorization="Bearer bob")
        other.send(data(3, report("w2"), end=True))
        assert (await other.ended(3))["grpc-status"] == "0"


async def test_it_is_given_back_however_a_call_ends(server: GrpcServer, journal: WatchedJournal) -> None:
    """By an answer, a reset, a lost connection or a refusal."""
    requests = server.registry.requests
    async with await RawHttp2.connect(server.port) as client:
        client.open(1, NOTIFY, authorization="Bearer alice")
        client.send(part_of_a_message(1, 15_000))
        client.open(3, NOTIFY, authorization="Bearer alice")
        journal.hold()
        client.send(data(3, report("w"), end=True))
        await journal.until(lambda: bool(journal.appended))
        held = sum(requests.held.values())
        assert held == 15_000 + len(report("w"))
        journal.release()
        await client.ended(3)
        await until(lambda: sum(requests.held.values()) == 15_000, "the answered request is given back")
        client.open(5, NOTIFY, authorization="Bearer alice")
        client.send(data(5, report("w") * 2, end=True))
        assert (await client.ended(5))["grpc-status"] != "0"
        await until(lambda: sum(requests.held.values()) == 15_000, "the refused request is given back")
    await until(lambda: not requests.held, "all is given back with the connection")


async def test_a_second_request_in_a_call_costs_no_place(server: GrpcServer) -> None:
    """A call of OTLP has a place among the producers' streams, which it leaves when it is refused."""
    request = grpc_message(ExportLogsServiceRequest().SerializeToString())
    async with await RawHttp2.connect(server.port) as client:
        client.open(1, OTLP_PATH, authorization="Bearer alice")
        client.send(data(1, request * 2, end=True))
        assert (await client.ended(1))["grpc-status"] == "12"
        async with asyncio.timeout(60):
            await server.registry.wait_empty()
