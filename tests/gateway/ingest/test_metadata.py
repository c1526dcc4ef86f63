"""Metadata within its limits."""

from hypothesis import given
from hypothesis import strategies as st
from ottoscaler.v1 import log_streaming_pb2

from gateway.ingest.limits import IngestLimits
from gateway.ingest.metadata import metadata_within, pod_metadata


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=40), max_size=12))
def test_metadata_is_never_more_than_its_limits(fields: dict[str, str]) -> None:
    """What is kept is part of what came, within the keys and bytes; what fits is kept whole."""
    kept, is_trimmed = metadata_within(fields, IngestLimits(metadata_keys_max=8, metadata_bytes_max=120))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in kept.items())
    assert kept.items() <= fields.items()
    assert len(kept) <= 8
    assert size <= 120
    assert is_trimmed == (kept != fields)


def test_a_pod_is_described_in_camel_case() -> None:
    """What is set of a pod, and its size; a pod of which nothing is known is none."""
    pod = log_streaming_pb2.WorkerMetadata(pod_name="p", created_at="now", labels={"k": "v"})
    assert pod_metadata(pod, IngestLimits()) == ({"podName": "p", "createdAt": "now", "labels": {"k": "v"}}, 22)
    assert pod_metadata(log_streaming_pb2.WorkerMetadata(), IngestLimits()) == (None, 0)


def test_a_pod_of_many_labels_is_bounded() -> None:
    """Every line repeats the pod, so its description is small, whatever its labels."""
    pod = log_streaming_pb2.WorkerMetadata(pod_name="p", labels={f"label-{i:03}": "x" * 60 for i in range(500)})
    description, size = pod_metadata(pod, IngestLimits())
    assert description is not None
    assert size <= IngestLimits().pod_metadata_bytes_max
    assert description["labels"]["label-000"] == "x" * 60
