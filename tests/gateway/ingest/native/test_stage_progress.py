"""Stage progress as subscribers receive it."""

import json

import pytest
from otto.logs.v1 import logs_pb2

from gateway.ingest.native.stage_progress import stage_progress
from storage.journal.interface import ProducerNumber

PRODUCER = ProducerNumber("p", 1)
NOW = 1_700_000_000_000_000_000


def made(**fields: object) -> dict[str, object]:
    fields = {"pipeline_id": "p", "stage_id": "s", "status": logs_pb2.STAGE_STATUS_RUNNING} | fields
    progress = logs_pb2.StageProgress(**fields)  # type: ignore[arg-type]
    return json.loads(stage_progress(progress, PRODUCER, NOW, 100).document)


def test_the_document_is_ottos_message_in_camel_case() -> None:
    """Every field of PipelineProgress, with the status by its name and times in RFC 3339."""
    assert made(
        message="building",
        worker_pod_names=["a", "b"],
        progress_percentage=40,
        time_unix_nano=1,
        started_unix_nano=2,
        completed_unix_nano=3,
        error_message="none",
        metrics=logs_pb2.StageMetrics(duration_seconds=1, successful_workers=2, total_workers=3, avg_cpu_usage=0.1),
    ) == {
        "pipelineId": "p",
        "stageId": "s",
        "status": "STAGE_RUNNING",
        "message": "building",
        "workerPodNames": ["a", "b"],
        "progressPercentage": 40,
        "timestamp": "1970-01-01T00:00:00.000000001Z",
        "startedAt": "1970-01-01T00:00:00.000000002Z",
        "completedAt": "1970-01-01T00:00:00.000000003Z",
        "errorMessage": "none",
        "metrics": {
            "durationSeconds": 1,
            "successfulWorkers": 2,
            "failedWorkers": 0,
            "totalWorkers": 3,
            "avgCpuUsage": 0.1,
            "avgMemoryMb": 0.0,
        },
    }


def test_what_has_not_happened_is_absent() -> None:
    """A stage that has not started has no times; without a time of its own it gets that of its arrival."""
    document = made(message="x" * 200, metrics=None)
    assert document["timestamp"] == "2023-11-14T22:13:20.000000000Z"
    assert document["message"] == "x" * 100
    assert not {"startedAt", "completedAt", "errorMessage", "metrics"} & set(document)


@pytest.mark.parametrize("name", [name for name in logs_pb2.StageStatus.keys() if "UNSPECIFIED" not in name])  # noqa: SIM118
def test_statuses_have_ottos_names(name: str) -> None:
    """STAGE_STATUS_RUNNING of the native wire is STAGE_RUNNING to subscribers."""
    assert made(status=logs_pb2.StageStatus.Value(name))["status"] == name.replace("STAGE_STATUS_", "STAGE_")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pipeline_id", ""),
        ("stage_id", "a\nb"),
        ("status", 0),
        ("status", 99),
        ("progress_percentage", 101),
        ("progress_percentage", -1),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    """The error has the field, as in the contract."""
    with pytest.raises(ValueError) as caught:
        made(**{field: value})
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_numbers_that_json_cannot_write_are_zero() -> None:
    """No NaN reaches a subscriber."""
    metrics = made(metrics=logs_pb2.StageMetrics(avg_cpu_usage=float("nan"), avg_memory_mb=float("inf")))["metrics"]
    assert isinstance(metrics, dict)
    assert (metrics["avgCpuUsage"], metrics["avgMemoryMb"]) == (0.0, 0.0)
