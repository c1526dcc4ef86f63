"""Messages of gRPC in the DATA of one stream."""

import gzip
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.grpc_server.messages import MessageReader, framed
from gateway.grpc_server.status import GrpcStatus, RefusedError
from tests.support.raw_http2 import grpc_message

BYTES_MAX = 400


def all_of(reader: MessageReader, *, count_max: int = 100, bytes_max: int = 1 << 16) -> list[bytes]:
    """Everything that is complete, taken in parts."""
    messages: list[bytes] = []
    while reader.has_message:
        messages += reader.take(count_max=count_max, bytes_max=bytes_max)
    return messages


@given(
    messages=st.lists(st.binary(max_size=BYTES_MAX), max_size=12),
    cuts=st.lists(st.integers(0, 300), max_size=20),
    count_max=st.integers(1, 4),
    bytes_max=st.integers(1, 500),
)
def test_every_message_is_given_out_once_and_in_order(
    messages: Sequence[bytes], cuts: Sequence[int], count_max: int, bytes_max: int
) -> None:
    """Wherever the stream is cut, and however little is taken at a time."""
    reader, data, taken = MessageReader(BYTES_MAX), framed(messages), []
    for size in [*cuts, len(data)]:
        reader.feed(data, 0, min(size, len(data)))
        data = data[size:]
        taken += all_of(reader, count_max=count_max, bytes_max=bytes_max)
    assert taken == messages
    assert reader.size == reader.missing == 0


@given(messages=st.lists(st.binary(max_size=BYTES_MAX), max_size=8), cut=st.integers(0, 500))
def test_reading_at_once_is_taking_after_feeding(messages: Sequence[bytes], cut: int) -> None:
    """``read`` gives out what ``feed`` and ``take`` would, also behind the beginning of a message."""
    data = framed(messages)
    reader = MessageReader(BYTES_MAX)
    taken = reader.read(data, 0, min(cut, len(data)), count_max=100, bytes_max=1 << 16)
    taken += reader.read(data, min(cut, len(data)), len(data), count_max=100, bytes_max=1 << 16)
    assert taken == messages


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ((BYTES_MAX + 1).to_bytes(5, "big"), GrpcStatus.RESOURCE_EXHAUSTED),
        (b"\x02\0\0\0\x01x", GrpcStatus.INTERNAL),
        (grpc_message(b"no gzip", compressed=True), GrpcStatus.INTERNAL),
        (grpc_message(gzip.compress(bytes(BYTES_MAX + 1)), compressed=True), GrpcStatus.RESOURCE_EXHAUSTED),
        (grpc_message(gzip.compress(b"cut off")[:-9], compressed=True), GrpcStatus.INTERNAL),
    ],
    ids=["too large", "an unknown flag", "not gzip", "too large decompressed", "cut off"],
)
def test_what_stands_before_a_refused_message_is_given_out_first(bad: bytes, status: GrpcStatus) -> None:
    """The refusal comes when there is nothing else."""
    reader = MessageReader(BYTES_MAX, "gzip")
    data = framed([b"one", b"two"]) + bad
    reader.feed(data, 0, len(data))
    assert reader.take(count_max=100, bytes_max=1 << 16) == [b"one", b"two"]
    with pytest.raises(RefusedError) as refused:
        reader.take(count_max=100, bytes_max=1 << 16)
    assert refused.value.status is status


def test_compressed_messages_are_given_out_one_at_a_time() -> None:
    """Each may be as large as a message may be, so one is as much as is held at once."""
    reader = MessageReader(BYTES_MAX, "deflate")
    messages = [bytes(BYTES_MAX), b"plain", b"y" * BYTES_MAX]
    data = b"".join(
        grpc_message(message if message == b"plain" else zlib.compress(message), compressed=message != b"plain")
        for message in messages
    )
    reader.feed(data, 0, len(data))
    assert reader.take(count_max=100, bytes_max=1 << 16) == messages[:1]
    assert all_of(reader) == messages[1:]


def test_what_an_incomplete_message_still_needs_is_known() -> None:
    """First its prefix, then its length; nothing where none has begun."""
    reader = MessageReader(BYTES_MAX)
    assert reader.missing == 0
    reader.feed(b"\0\0", 0, 2)
    assert reader.missing == 3
    reader.feed(b"\0\0\x0aabc", 0, 6)
    assert reader.take(count_max=100, bytes_max=1 << 16) == []
    assert reader.missing == 7
