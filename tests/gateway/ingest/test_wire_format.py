"""How much a message has in it, before it is parsed."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2 as otto

from gateway.ingest.wire_format import DecodeError, TooManyElementsError, check_elements, fields

ENTRY = otto.WorkerLogEntry.DESCRIPTOR
MEGABYTE = 1 << 20

HOSTILE: dict[str, bytes] = {
    "entries of a map": b"\x42\x00" * (MEGABYTE // 2),
    "unknown numbers": b"\x78\x01" * (MEGABYTE // 2),
    "unknown groups": b"\x7b\x7c" * (MEGABYTE // 2),
    "the same text": b"\x0a\x00" * (MEGABYTE // 2),
    "a number of many bytes": b"\x78" + b"\x80" * 9 + b"\x01",
}


def elements(count: int) -> Callable[[bytes], bool]:
    """Whether a message has more than so many elements."""

    def has_more(data: bytes) -> bool:
        try:
            check_elements(data, ENTRY, count)
        except TooManyElementsError:
            return True
        return False

    return has_more


def test_elements_are_counted_with_those_within() -> None:
    """Fields, entries of maps and their keys and values, and fields of nested messages."""
    entry = otto.WorkerLogEntry(task_id="t", metadata={"k": "v"}, pod_metadata=otto.WorkerMetadata(labels={"a": "b"}))
    data = entry.SerializeToString()
    assert not elements(8)(data)
    assert elements(7)(data)


def test_what_is_counted_is_bounded() -> None:
    """A message of a million elements is given up after a few."""
    looked_at = []
    data = HOSTILE["entries of a map"]
    for field in fields(data, 0, len(data)):
        looked_at.append(field)
        if len(looked_at) == 3:
            break
    assert [field.start for field in looked_at] == [0, 2, 4]


@pytest.mark.parametrize("data", [HOSTILE[name] for name in list(HOSTILE)[:4]], ids=list(HOSTILE)[:4])
def test_many_small_elements_are_too_many(data: bytes) -> None:
    """Whatever they are."""
    with pytest.raises(TooManyElementsError, match="more than 100 elements"):
        check_elements(data, ENTRY, 100)


@given(st.binary(max_size=200))
def test_what_protobuf_takes_is_counted(data: bytes) -> None:
    """Any bytes are counted or refused, and none that protobuf takes are refused."""
    try:
        check_elements(data, ENTRY, 1_000)
    except DecodeError:
        with pytest.raises(DecodeError):
            otto.WorkerLogEntry.FromString(data)


@given(st.binary(max_size=200))
def test_fields_are_all_of_a_message(data: bytes) -> None:
    """One begins where the other ends, from the first byte to the last."""
    with contextlib.suppress(DecodeError):
        found = list(fields(data, 0, len(data)))
        borders = [0, *(field.end for field in found)]
        assert [field.start for field in found] == borders[:-1]
        assert borders[-1] == len(data)


def test_large_native_requests_have_few_elements_outside_of_lines() -> None:
    """The check knows the types of all messages."""
    request = logs_pb2.PublishRequest(worker_status=logs_pb2.WorkerStatusReport(metadata={"k": "v"}))
    with pytest.raises(TooManyElementsError):
        check_elements(request.SerializeToString(), logs_pb2.PublishRequest.DESCRIPTOR, 3)
