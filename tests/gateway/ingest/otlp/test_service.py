"""OTLP over gRPC."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from gateway.ingest.limits import IngestLimits
from tests.support.otlp import export_request, log_record
from tests.support.tokens import WordAuthenticator, WordPrincipal
from tests.support.waiting import WAIT_SECONDS_MAX
from tests.support.watched_journal import WatchedJournal


async def export(channel: grpc.aio.Channel, request: Any, **options: Any) -> ExportLogsServiceResponse:
    answer: ExportLogsServiceResponse = await LogsServiceStub(channel).Export(
        request, timeout=WAIT_SECONDS_MAX, **options
    )
    return answer


def retry_info(error: grpc.aio.AioRpcError) -> Duration | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            assert (status.code, status.message) == (error.code().value[0], error.details())
            info = error_details_pb2.RetryInfo()
            assert status.details[0].Unpack(info)
            return info.retry_delay
    return None


async def test_what_is_acknowledged_is_stored(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """Not before; and a full success says nothing of a partial one."""
    journal.hold()
    request = export_request([log_record(f"line {number}", severity_number=9) for number in range(3)])
    answering = asyncio.ensure_future(export(channel, request))
    await journal.until(lambda: bool(journal.appended))
    assert not answering.done()
    journal.release()
    answer = await answering
    assert not answer.HasField("partial_success")
    assert [entry.message for entry in await journal.entries("build")] == ["line 0", "line 1", "line 2"]


async def test_only_what_can_never_be_stored_is_a_partial_success(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """The count and the reason are answered, and the others are stored."""
    request = export_request([log_record("lost"), log_record("kept", {"otto.task_id": "build"})], resource={})
    answer = await export(channel, request)
    assert answer.partial_success.rejected_log_records == 1
    assert "otto.task_id" in answer.partial_success.error_message
    assert [entry.message for entry in await journal.entries("build")] == ["kept"]


async def test_overload_asks_to_come_back(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """UNAVAILABLE with RetryInfo, without which exporters drop what they have; nothing was stored."""
    journal.set_writable(False)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await export(channel, export_request([log_record("x")]))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert 1 <= retry_info(refused.value).seconds <= 3  # type: ignore[union-attr]
    assert journal.appended == []


async def test_what_storage_does_not_take_is_to_be_sent_again(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """A failure of the journal is no success, neither whole nor partial."""
    journal.failure = "the disk is full"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await export(channel, export_request([log_record("x")]))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_info(refused.value) is not None


async def test_want_of_a_place_asks_to_come_back(serve: Any, journal: WatchedJournal) -> None:
    """Requests count among the streams of producers."""
    _, channel = await serve(IngestLimits(streams_max=1))
    journal.hold()
    first = asyncio.ensure_future(export(channel, export_request([log_record("x")])))
    await journal.until(lambda: bool(journal.appended))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await export(channel, export_request([log_record("y")]))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_info(refused.value) is not None
    journal.release()
    await first
    await export(channel, export_request([log_record("z")]))


async def test_tokens_cover_tasks(serve: Any, journal: WatchedJournal) -> None:
    """A record of another task is rejected; where that is all there is, the request is refused."""
    server, channel = await serve(authenticator=WordAuthenticator(good=WordPrincipal(tasks=frozenset({"mine"}))))
    metadata = [("authorization", "Bearer good")]
    both = export_request([log_record("a", {"otto.task_id": "mine"}), log_record("b")])
    answer = await export(channel, both, metadata=metadata)
    assert (answer.partial_success.rejected_log_records, len(await journal.entries("mine"))) == (1, 1)
    for given, code in ((metadata, grpc.StatusCode.PERMISSION_DENIED), ([], grpc.StatusCode.UNAUTHENTICATED)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(channel, export_request([log_record("b")]), metadata=given)
        assert refused.value.code() is code
        assert retry_info(refused.value) is None
    assert server.statistics.refused["authentication"] == 3


async def test_a_request_may_have_twenty_mebibytes_decompressed(serve: Any, journal: WatchedJournal) -> None:
    """More is refused for good; up to there it is stored, in parts, whatever its size on the wire."""
    server, channel = await serve(IngestLimits(otlp_bytes_max=6 << 20))
    request = export_request([log_record("x" * 1_000) for _ in range(5_000)])
    await export(channel, request, compression=grpc.Compression.Gzip)
    assert (await journal.inner.task_state("build")).last == 5_000
    assert len(journal.appended) >= 5
    request = export_request([log_record("x" * 1_000) for _ in range(7_000)])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await export(channel, request, compression=grpc.Compression.Gzip)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_info(refused.value) is None
    assert server.statistics.lines["otlp"] == 5_000


async def test_bytes_that_are_no_request_are_refused(channel: grpc.aio.Channel) -> None:
    """INVALID_ARGUMENT, which exporters do not try again."""
    call = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
    for data in (b"\x0a\xff", b"\x0a\x02\x12\x05", b"\xff" * 20):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(data, timeout=WAIT_SECONDS_MAX)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
