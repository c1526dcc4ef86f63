"""Producers that break the rules or die; each test names the threat."""

import asyncio
import contextlib
from typing import Any

import grpc
import pytest
from otto.logs.v1 import logs_pb2

from gateway.ingest.limits import IngestLimits
from storage.journal.interface import LineBatch, StreamClosed
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.waiting import until
from tests.support.watched_journal import WatchedJournal

METHODS = pytest.mark.parametrize("method", ["StreamLogs", "ForwardWorkerLogs"])


@METHODS
async def test_text_that_is_not_utf8_is_repaired(
    channel: grpc.aio.Channel, journal: WatchedJournal, method: str
) -> None:
    """A line cut in the middle of a character is stored with a replacement character."""
    # Protobuf refuses such a message as a whole; a worker that prints one must not lose its stream.
    producer = OttoProducer(channel, method)
    good = producer.line_type(task_id="t", worker_id="w", message="abXX", metadata={"k": "vXX"}).SerializeToString()
    await producer.send_raw(good.replace(b"XX", b"\xe2\x82"))
    assert (await producer.read()).sequence == 1
    (entry,) = await journal.entries("t")
    assert entry.message.startswith("ab\ufffd")
    assert entry.metadata is not None
    assert entry.metadata["k"].startswith("v\ufffd")


async def test_native_text_that_is_not_utf8_is_repaired(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """Messages are bytes on the native wire; other text is repaired as well, and its number counts."""
    producer = NativeProducer(channel)
    await producer.hello()
    data = lines_request(1, [b"a\xff\x00\x1b[1m"], worker_id="wXX").SerializeToString().replace(b"wXX", b"w\xff\xfe")
    await producer.call.write(data)
    await producer.acknowledged(1)
    (entry,) = await journal.entries("t")
    assert (entry.message, entry.worker_id) == ("a\ufffd\x00\x1b[1m", "w\ufffd\ufffd")


@METHODS
async def test_what_is_no_message_ends_the_stream(channel: grpc.aio.Channel, method: str) -> None:
    """Bytes that are not protobuf end the stream, after the lines before them were answered."""
    producer = OttoProducer(channel, method)
    await producer.send("a")
    await producer.send_raw(b"\xff\xff\xff\xff")
    assert (await producer.read()).sequence == 1
    code, details = await producer.ended()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "this is not a" in details


async def test_what_is_no_request_ends_the_native_stream(channel: grpc.aio.Channel) -> None:
    """INVALID_ARGUMENT, with the name of the message that was expected."""
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.call.write(b"\xff\xff\xff\xff")
    code, details = await producer.ended()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "PublishRequest" in details


async def test_a_request_that_is_too_large_is_refused(serve: Any) -> None:
    """RESOURCE_EXHAUSTED: a message is never buffered beyond its limit."""
    _, channel = await serve(IngestLimits(request_bytes_max=10_000))
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, ["x" * 20_000]))
    assert (await producer.ended())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_message_that_is_refused_costs_its_stream_no_place(serve: Any, journal: WatchedJournal) -> None:
    """What came before it is stored and answered, the stream ends, and its place is free."""
    server, channel = await serve(IngestLimits(request_bytes_max=10_000))
    producer = OttoProducer(channel)
    await producer.say("a")
    await producer.send("x" * 20_000)
    assert (await producer.ended())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    await until(lambda: server.statistics.streams == {"otto": 0}, "the stream is forgotten")
    await journal.until(lambda: StreamClosed("t") in journal.appended)


async def test_a_long_message_is_cut(serve: Any, journal: WatchedJournal) -> None:
    """A message over the limit is cut at a character boundary and marked with its original size."""
    server, channel = await serve(IngestLimits(message_bytes_max=10))
    native = NativeProducer(channel)
    await native.hello()
    await native.send(lines_request(1, ["€" * 4, b"\xff" * 6, "x" * 10]))
    await native.acknowledged(1)
    await OttoProducer(channel).say("€" * 4)
    euro, broken, whole, otto = await journal.entries("t")
    assert (euro.message, euro.truncated, euro.original_size) == ("€€€", True, 12)
    assert (broken.message, broken.truncated, broken.original_size) == ("\ufffd" * 3, True, 6)
    assert (whole.message, whole.truncated) == ("x" * 10, False)
    assert (otto.message, otto.truncated, otto.original_size) == ("€€€", True, 12)
    assert server.statistics.truncated == 3


async def test_too_much_metadata_is_left_out(serve: Any, journal: WatchedJournal) -> None:
    """A line with too much metadata is stored without the rest of it, and its producer is told."""
    _, channel = await serve(IngestLimits(metadata_keys_max=2, metadata_bytes_max=100))
    producer = NativeProducer(channel)
    await producer.hello()
    request = lines_request(1, ["a", "b"])
    request.lines.lines[0].metadata.update({"a": "1", "b": "2", "c": "3"})
    request.lines.lines[1].metadata.update({"a": "x" * 100, "b": "2"})
    await producer.send(request)
    (problem,) = (await producer.acknowledged(1)).problems
    assert (problem.field, problem.message[:7]) == ("lines.lines.metadata", "2 lines")
    assert [entry.metadata for entry in await journal.entries("t")] == [{"a": "1", "b": "2"}, {"b": "2"}]


@METHODS
async def test_a_flood_without_reading_is_bounded(serve: Any, journal: WatchedJournal, method: str) -> None:
    """A producer that writes and never reads its answers is stopped by flow control."""
    # Threat: answers, or lines after them, pile up in the gateway's memory.
    limits = IngestLimits(inflight_lines_max=50, inflight_requests_max=50)
    server, channel = await serve(limits)
    producer = OttoProducer(channel, method)
    journal.hold()
    for _ in range(300):
        await producer.send("x" * 100)
    fence = OttoProducer(channel)
    await fence.send("x", task_id="fence")
    await journal.until(lambda: any(batch.task_id == "fence" for batch in journal.of_type(LineBatch)))
    assert server.statistics.lines["otto"] <= 50 + 1
    journal.release()
    assert [(await producer.read()).sequence for _ in range(300)] == list(range(1, 301))


async def test_a_native_flood_is_bounded_in_bytes(serve: Any, journal: WatchedJournal) -> None:
    """A native producer that ignores its credit is read no further than the limits allow."""
    server, channel = await serve(IngestLimits(inflight_bytes_max=10_000))
    producer = NativeProducer(channel)
    await producer.hello()
    journal.hold()

    async def flood_native() -> None:
        for number in range(1, 101):
            await producer.send(lines_request(number, ["x" * 1_000]))

    sending = asyncio.create_task(flood_native())  # flow control may reach it
    fence = OttoProducer(channel)
    await fence.send("x", task_id="fence")
    await journal.until(lambda: any(batch.task_id == "fence" for batch in journal.of_type(LineBatch)))
    assert server.statistics.bytes["native"] < 10_000 + 1_100
    journal.release()
    await sending
    await producer.acknowledged(100)
    assert len(await journal.entries("t")) == 100


async def test_a_producer_that_vanishes_leaves_nothing_behind(serve: Any, journal: WatchedJournal) -> None:
    """A cancelled native stream is forgotten; what it had sent is stored, and its tasks wait for it to come back."""
    server, channel = await serve()
    producer = NativeProducer(channel)
    await producer.hello()
    journal.hold()
    await producer.send(lines_request(1, ["a"]))
    await journal.until(lambda: bool(journal.appended))
    producer.call.cancel()
    journal.release()
    # Or the answer may be of before the commit, and what is sent again a duplicate.
    await until(lambda: journal.statistics.lines, "the line is stored")
    again = NativeProducer(channel)
    assert (await again.hello()).acknowledged_number == 1
    again.call.cancel()
    await server.stop(1)
    await until(lambda: server.statistics.streams == {"native": 0}, "gRPC has let go of the handlers")
    assert journal.of_type(StreamClosed) == []


async def test_streams_are_limited(serve: Any) -> None:
    """One stream more than there may be is refused with RESOURCE_EXHAUSTED; a place that gets free is given away."""
    _, channel = await serve(IngestLimits(streams_max=2))
    first, second = OttoProducer(channel), OttoProducer(channel)
    await first.say("a")
    await second.say("b")
    code, _ = await OttoProducer(channel).ended()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    await first.call.done_writing()
    await first.ended()
    third = OttoProducer(channel)
    assert (await third.say("c")).sequence == 3


async def test_a_stream_of_many_tasks_is_bounded(serve: Any, journal: WatchedJournal) -> None:
    """A stream that writes task after task is remembered for the last of them only."""
    # Threat: a producer that invents task ids fills the gateway's memory.
    _, channel = await serve(IngestLimits(stream_tasks_max=2))
    producer = OttoProducer(channel)
    for number in range(4):
        await producer.say("a", task_id=f"t-{number}")
    assert journal.of_type(StreamClosed) == [StreamClosed("t-0"), StreamClosed("t-1")]


async def test_a_broken_text_in_a_huge_message_is_refused(channel: grpc.aio.Channel) -> None:
    """A batch of very many lines is not repaired at Python's pace, but refused by their number."""
    # Threat: one bad byte and a million blank lines would hold the event loop for seconds.
    producer = NativeProducer(channel)
    await producer.hello()
    batch = logs_pb2.LineBatch(task_id="t", worker_id="wXX", lines=[logs_pb2.Line()] * 60_000)
    data = logs_pb2.PublishRequest(number=1, lines=batch).SerializeToString().replace(b"wXX", b"w\xff\xfe")
    await producer.call.write(data)
    (problem,) = (await producer.acknowledged(1)).problems
    assert problem.field == "lines.lines"
    assert "more than 10000 lines" in problem.message


async def test_a_producer_that_reads_no_answers_cannot_hold_up_the_stop(serve: Any, journal: WatchedJournal) -> None:
    """A stream that is stuck writing answers is cut off when the server's grace is over."""
    # Threat: the client's window is full, so that neither an answer nor the end of the stream can be written.
    server, channel = await serve(IngestLimits(settle_seconds_max=0.05, inflight_requests_max=10))
    producer = OttoProducer(channel)
    journal.failure = "x" * 1_000_000  # long answers fill the window soon
    stuck = asyncio.create_task(flood(producer))
    await until(lambda: server.statistics.lines.get("otto"), "a line was counted")
    await server.stop(0.2)
    await until(lambda: server.statistics.streams == {"otto": 0}, "gRPC has let go of the handler")
    stuck.cancel()  # grpc.aio may leave a write waiting on a connection that is gone
    await asyncio.wait([stuck])


async def flood(producer: OttoProducer) -> None:
    """Send lines until the stream breaks, and read nothing."""
    with contextlib.suppress(grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
        for _ in range(2_000):
            await producer.send("x" * 1_000)
