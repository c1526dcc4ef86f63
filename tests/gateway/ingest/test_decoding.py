"""Decoding with text that is not UTF-8."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

from gateway.ingest.decoding import DecodeError, Decoder


@given(st.binary(max_size=20), st.dictionaries(st.text(max_size=3), st.binary(max_size=8), max_size=3))
def test_any_bytes_in_text_are_repaired(text: bytes, labels: dict[str, bytes]) -> None:
    """Whatever bytes stand in a text, the message is read, with just what is wrong replaced."""
    # The wire form is made by hand, because protobuf refuses to make it: field 6 and the entries of the map, field 8.
    data = b"".join(
        [b"\x32", bytes([len(text)]), text]
        + [b"\x42" + _sized(b"\x0a" + _sized(key.encode()) + b"\x12" + _sized(value)) for key, value in labels.items()]
    )
    entry = Decoder(log_streaming_pb2.WorkerLogEntry).decode(data)
    assert entry.message == text.decode("utf-8", "replace")
    assert dict(entry.metadata) == {key: value.decode("utf-8", "replace") for key, value in labels.items()}


def _sized(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def test_a_whole_request_survives_the_repair() -> None:
    """Nested messages, lists, numbers and bytes are the same after the repair of one text."""
    request = logs_pb2.PublishRequest(
        number=7,
        lines=logs_pb2.LineBatch(
            task_id="tXX",
            worker_id="w",
            lines=[logs_pb2.Line(message=b"\xff", time_unix_nano=-1, level=logs_pb2.LEVEL_WARN), logs_pb2.Line()],
            pod_metadata=logs_pb2.PodMetadata(labels={"a": "b"}),
        ),
    )
    decoder = Decoder(logs_pb2.PublishRequest)
    repaired = decoder.decode(request.SerializeToString().replace(b"XX", b"\xc3\x28"))
    request.lines.task_id = "t\ufffd("
    assert repaired == request
    assert decoder.repaired == 1


def test_repeated_text_and_floats_survive_the_repair() -> None:
    """Lists of text are repaired one by one."""
    progress = logs_pb2.StageProgress(
        pipeline_id="XX", worker_pod_names=["a", "bXX"], metrics=logs_pb2.StageMetrics(avg_cpu_usage=0.5)
    )
    repaired = Decoder(logs_pb2.StageProgress).decode(progress.SerializeToString().replace(b"XX", b"\xff\xff"))
    assert (repaired.pipeline_id, list(repaired.worker_pod_names)) == ("\ufffd\ufffd", ["a", "b\ufffd\ufffd"])
    assert repaired.metrics.avg_cpu_usage == 0.5


@given(st.binary(max_size=64))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Bytes are a message or a DecodeError."""
    decoder = Decoder(logs_pb2.PublishRequest)
    with contextlib.suppress(DecodeError):
        decoder.decode(data)


def test_what_is_no_message_is_an_error() -> None:
    """A length beyond the end is no message in either type."""
    with pytest.raises(DecodeError):
        Decoder(log_streaming_pb2.LogEntry).decode(b"\x0a\x7fx")
