"""Otto's wire over a real channel, to the letter of what its programs send."""

from typing import Any

import grpc
import pytest
from ottoscaler.v1 import log_streaming_pb2 as otto

from gateway.ingest.limits import IngestLimits
from storage.journal.interface import LineBatch, StreamClosed, WorkerRegistered, WorkerReport
from tests.support.producers import OttoProducer
from tests.support.waiting import until
from tests.support.watched_journal import WatchedJournal

METHODS = pytest.mark.parametrize("method", ["StreamLogs", "ForwardWorkerLogs"])


async def call(channel: grpc.aio.Channel, service: str, method: str, request: Any, response: Any) -> Any:
    multi: Any = channel.unary_unary(
        f"/ottoscaler.v1.{service}/{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=response.FromString,
    )
    return await multi(request)


async def register(channel: grpc.aio.Channel, **fields: Any) -> otto.RegistrationResponse:
    request = otto.WorkerRegistration(**{"worker_id": "w", "task_id": "t", **fields})
    return await call(channel, "LogStreamingService", "RegisterWorker", request, otto.RegistrationResponse)


async def notify(channel: grpc.aio.Channel, status: Any, **fields: Any) -> otto.WorkerStatusAck:
    request = otto.WorkerStatusNotification(**{"worker_id": "w", "task_id": "t", "status": status, **fields})
    return await call(channel, "OttoHandlerLogService", "NotifyWorkerStatus", request, otto.WorkerStatusAck)


@METHODS
async def test_each_line_gets_its_sequence(channel: grpc.aio.Channel, journal: WatchedJournal, method: str) -> None:
    """One response a line, in order, with the line's sequence in its task; nobody had to register."""
    producer = OttoProducer(channel, method)
    for text in ("a", "", "c"):
        await producer.send(text)
    responses = [await producer.read() for _ in range(3)]
    assert [(response.status, response.sequence) for response in responses] == [(0, 1), (0, 2), (0, 3)]
    assert [entry.message for entry in await journal.entries("t")] == ["a", "", "c"]


@METHODS
async def test_an_empty_identifier_is_dropped_with_its_name(
    channel: grpc.aio.Channel, journal: WatchedJournal, method: str
) -> None:
    """A line without task or worker is answered DROP, in its place; the lines around it are stored."""
    producer = OttoProducer(channel, method)
    await producer.send("a")
    await producer.send("b", task_id="")
    await producer.send("c", worker_id="")
    await producer.send("d")
    responses = [await producer.read() for _ in range(4)]
    assert [response.status for response in responses] == [0, 2, 2, 0]
    assert "task_id" in responses[1].message
    assert "worker_id" in responses[2].message
    assert [entry.message for entry in await journal.entries("t")] == ["a", "d"]


async def test_lines_that_arrive_during_a_commit_are_one_batch(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """While one group is committed the next gathers, and goes to the journal as one batch a worker."""
    producer = OttoProducer(channel)
    journal.hold()
    await producer.send("first")
    await journal.until(lambda: bool(journal.appended))
    for number in range(20):
        await producer.send(str(number))
    await producer.send("other", worker_id="w-2")
    await producer.call.done_writing()
    second = OttoProducer(channel)  # its line is taken after all of those
    await second.send("x", task_id="fence")
    await journal.until(lambda: len(journal.appended) == 2)
    journal.release()
    responses = [await producer.read() for _ in range(22)]
    assert [response.sequence for response in responses] == list(range(1, 23))
    batches = [batch for batch in journal.of_type(LineBatch) if batch.task_id == "t"]
    assert len(batches) < 10
    assert batches[-1].worker_id == "w-2"


async def test_acknowledges_after_the_commit_only(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """A line whose commit fails is answered RETRY and is not in the journal."""
    producer = OttoProducer(channel)
    journal.failure = "the disk is full"
    response = await producer.say("a")
    assert (response.status, response.message) == (otto.LogResponse.RETRY, "the disk is full")
    journal.failure = ""
    assert (await producer.say("b")).sequence == 1


async def test_only_the_last_of_a_group_asks_to_wait(serve: Any, journal: WatchedJournal) -> None:
    """The scaler sleeps once for each response that says so, so a group of lines asks once."""
    server, channel = await serve()
    producer = OttoProducer(channel, "ForwardWorkerLogs")
    journal.hold()
    await producer.send("first")
    await journal.until(lambda: bool(journal.appended))
    for number in range(5):
        await producer.send(str(number))
    await until(lambda: server.statistics.lines["otto"] >= 6, "the lines were read")
    journal.set_writable(False)
    journal.release()
    pauses = [(await producer.read()).throttle_ms for _ in range(6)]
    journal.set_writable(True)
    asked = [pause for pause in pauses if pause]
    assert 1 <= len(asked) <= 2
    assert set(asked) == {IngestLimits().wait_ms_max}
    assert pauses[-1]


async def test_fields_are_brought_into_form(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """Empty fields have their defaults; what is not understood is kept in the metadata, and no line is lost."""
    producer = OttoProducer(channel)
    await producer.say("a", timestamp="2024-05-06T07:08:09+02:00", level="warning", source="STDERR")
    await producer.say("b", timestamp="yesterday", level="loud", source="pipe", metadata={"k": "v", "level": "mine"})
    await producer.say("c")
    first, second, third = await journal.entries("t")
    assert (first.timestamp, first.level, first.source) == ("2024-05-06T05:08:09.000000000Z", "WARN", "stderr")
    assert (second.level, second.source) == ("INFO", "stdout")
    assert second.metadata == {"k": "v", "level": "mine", "timestamp": "yesterday", "source": "pipe"}
    assert (third.level, third.source, third.metadata) == ("INFO", "stdout", None)
    assert second.timestamp <= third.timestamp


async def test_a_line_without_level_has_the_one_that_it_shows(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """Where the producer says nothing the line does, a trace being one event; what the producer said stays."""
    producer = OttoProducer(channel)
    for text in ("starting", "Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no"):
        await producer.say(text)
    await producer.say("ERROR: no", level="info")
    entries = await journal.entries("t")

    assert [entry.level for entry in entries] == ["INFO", "ERROR", "ERROR", "ERROR", "INFO"]
    assert [entry.metadata for entry in entries] == [None, None, {"eventLine": "2"}, {"eventLine": "3"}, None]


async def test_pod_metadata_of_a_forwarded_line(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """What the scaler knows of the pod is in the entry, in camelCase, without what is empty."""
    producer = OttoProducer(channel, "ForwardWorkerLogs")
    pod = otto.WorkerMetadata(pod_name="pod-1", node_name="n", labels={"app": "build"})
    await producer.say("a", pod_metadata=pod)
    (entry,) = await journal.entries("t")
    assert entry.pod_metadata == {"podName": "pod-1", "nodeName": "n", "labels": {"app": "build"}}


async def test_registration_configures_and_describes(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """A worker that registers is told the limits, and its lines carry what it said of its pod."""
    first = await register(channel, metadata=otto.WorkerMetadata(pod_name="pod-1", namespace="ci"))
    again = await register(channel, metadata=otto.WorkerMetadata(pod_name="pod-1", namespace="ci"))
    assert (first.status, again.status) == (
        otto.RegistrationResponse.SUCCESS,
        otto.RegistrationResponse.ALREADY_REGISTERED,
    )
    assert first.session_id != again.session_id
    assert (first.config.max_message_size, first.config.include_metadata) == (65_536, True)
    assert journal.of_type(WorkerRegistered)[0].metadata == {"podName": "pod-1", "namespace": "ci"}
    await OttoProducer(channel).say("a")
    assert (await journal.entries("t"))[0].pod_metadata == {"podName": "pod-1", "namespace": "ci"}


async def test_a_registration_without_a_worker_is_invalid(channel: grpc.aio.Channel) -> None:
    """INVALID_REQUEST, with the field's name."""
    response = await register(channel, worker_id="")
    assert response.status == otto.RegistrationResponse.INVALID_REQUEST
    assert "worker_id" in response.message


async def test_worker_status_is_stored(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """A report is answered RECEIVED, a repeat IGNORED, one without a task ERROR; a repeat is stored as well."""
    running, completed = otto.WorkerStatusNotification.RUNNING, otto.WorkerStatusNotification.COMPLETED
    statuses = [
        (await notify(channel, running)).status,
        (await notify(channel, completed, reason="exit 0", timestamp="soon")).status,
        (await notify(channel, completed)).status,
        (await notify(channel, completed, task_id="")).status,
        (await notify(channel, 9)).status,
    ]
    assert statuses == [0, 0, 1, 2, 2]
    reports = journal.of_type(WorkerReport)
    assert [report.status for report in reports] == ["RUNNING", "COMPLETED", "COMPLETED"]
    assert (reports[1].reason, reports[1].metadata) == ("exit 0", {"timestamp": "soon"})


async def test_calls_say_when_nothing_can_be_stored(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """With the journal away a call ends with UNAVAILABLE and the reason."""
    journal.failure = "the disk is full"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await notify(channel, otto.WorkerStatusNotification.FAILED)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "the disk is full" in str(caught.value.details())


async def test_tasks_are_closed_with_the_last_stream(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """The journal hears that a task's lines have ended once no stream of it is open."""
    first, second = OttoProducer(channel), OttoProducer(channel, "ForwardWorkerLogs")
    await first.say("a")
    await second.say("b", worker_id="w-2")
    await second.say("c", task_id="u")
    await first.call.done_writing()
    await first.ended()
    assert journal.of_type(StreamClosed) == []
    second.call.cancel()
    await journal.until(lambda: len(journal.of_type(StreamClosed)) == 2)
    assert set(journal.of_type(StreamClosed)) == {StreamClosed("t"), StreamClosed("u")}


async def test_what_arrived_is_stored_though_its_sender_died(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """Lines that were read while a commit ran are stored though nobody waits, and only then is their task closed."""
    producer = OttoProducer(channel)
    journal.hold()
    await producer.send("a")
    await journal.until(lambda: bool(journal.appended))
    await producer.send("b")
    fence = OttoProducer(channel)
    await fence.send("x", task_id="fence")
    await journal.until(lambda: len(journal.appended) == 2)
    producer.call.cancel()
    await journal.until(lambda: len(journal.appended) == 3)
    assert journal.of_type(StreamClosed) == []
    journal.release()
    assert (await fence.read()).sequence == 1
    await journal.until(lambda: bool(journal.of_type(StreamClosed)))
    assert [entry.message for entry in await journal.entries("t")] == ["a", "b"]
