"""What one message makes the event loop do in one go is bounded: counted, not timed.

The threat: a message of 4 MB that takes the loop a second, in which nobody else is served.
"""

from typing import Any

import grpc
import pytest
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2 as otto

from gateway.ingest import decoding
from gateway.ingest.native.large_batch import SLICED_FROM_BYTES
from gateway.ingest.native.requests import NativeItems
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.watched_journal import WatchedJournal

ENTRIES = b"\x42\x00" * 1_000_000
"""Of the map ``metadata``, field 8 of Otto's line."""


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the messages that protobuf has parsed."""
    sizes: list[int] = []
    decode = decoding.Decoder.decode

    def noting(self: Any, data: bytes) -> Any:
        message = decode(self, data)
        sizes.append(len(data))
        return message

    monkeypatch.setattr(decoding.Decoder, "decode", noting)
    return sizes


async def test_a_line_of_a_million_entries_is_dropped_in_its_place(
    channel: grpc.aio.Channel, journal: WatchedJournal, parsed: list[int]
) -> None:
    """It is not parsed, its answer is DROP, and the lines around it are stored."""
    producer = OttoProducer(channel)
    await producer.send("a")
    await producer.send_raw(otto.LogEntry(task_id="t", worker_id="w").SerializeToString() + ENTRIES)
    await producer.send("b")
    responses = [await producer.read() for _ in range(3)]
    assert [response.status for response in responses] == [0, otto.LogResponse.DROP, 0]
    assert "elements" in responses[1].message
    assert [entry.message for entry in await journal.entries("t")] == ["a", "b"]
    assert max(parsed) < 100


async def test_a_large_batch_is_read_in_slices(
    channel: grpc.aio.Channel, journal: WatchedJournal, parsed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line is stored once and in order, and no turn of the loop reads more than a slice."""
    turns: list[int] = []
    read = NativeItems.read_lines
    monkeypatch.setattr(
        NativeItems, "read_lines", lambda self, lines, into: (turns.append(len(lines)), read(self, lines, into))[1]
    )
    messages = [f"line {number}" for number in range(10_000)]
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, messages))
    await producer.acknowledged(1)
    assert [entry.message for entry in await journal.entries("t")] == messages
    assert sum(turns) == 10_000
    assert max(turns) < 1_500
    assert max(parsed) <= SLICED_FROM_BYTES


async def test_a_batch_of_a_million_lines_is_refused_unread(
    channel: grpc.aio.Channel, journal: WatchedJournal, parsed: list[int]
) -> None:
    """Its number is used up, the problem says why, and the stream continues."""
    batch = logs_pb2.LineBatch(task_id="t", worker_id="w").SerializeToString() + b"\x1a\x00" * 1_000_000
    producer = NativeProducer(channel)
    await producer.hello()
    request = logs_pb2.PublishRequest(number=1).SerializeToString() + _lines_field(batch)
    await producer.call.write(request)
    await producer.send(lines_request(2, ["good"]))
    response = await producer.acknowledged(2)
    assert [problem.field for problem in response.problems] == ["lines.lines"]
    assert max(parsed) < 100


async def test_a_line_of_many_entries_refuses_its_batch(channel: grpc.aio.Channel, parsed: list[int]) -> None:
    """A million entries of metadata in one line of a batch."""
    entry = b"\x2a\x00"
    line = entry * 500_000
    batch = logs_pb2.LineBatch(task_id="t", worker_id="w").SerializeToString() + b"\x1a" + _varint(len(line)) + line
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.call.write(logs_pb2.PublishRequest(number=1).SerializeToString() + _lines_field(batch))
    response = await producer.acknowledged(1)
    assert [problem.number for problem in response.problems] == [1]
    assert max(parsed) < 100


@pytest.mark.parametrize("more", [b"\x42\x00" * 40_000, b"\x0a\x00" * 40_000], ids=["entries", "texts"])
async def test_a_large_request_of_another_kind_is_no_request(channel: grpc.aio.Channel, more: bytes) -> None:
    """The stream ends with INVALID_ARGUMENT."""
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.call.write(logs_pb2.PublishRequest(number=1).SerializeToString() + more)
    assert (await producer.ended())[0] is grpc.StatusCode.INVALID_ARGUMENT


def _lines_field(batch: bytes) -> bytes:
    number = logs_pb2.PublishRequest.DESCRIPTOR.fields_by_name["lines"].number
    return bytes([number << 3 | 2]) + _varint(len(batch)) + batch


def _varint(value: int) -> bytes:
    data = b""
    while value >= 128:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])
