"""A stage's progress as subscribers receive it: Otto's ``PipelineProgress`` in camelCase."""

import math
from typing import Annotated, Final

import msgspec
from otto.logs.v1 import logs_pb2

from filters import timestamps
from filters.identifiers import check_identifier
from filters.messages import cut_message
from storage.journal.interface import ProducerNumber, StageProgress

__all__ = ["FieldError", "PipelineProgress", "StageMetrics", "stage_progress"]

_STATUSES: Final = {
    number: "STAGE_" + name.removeprefix("STAGE_STATUS_") for name, number in logs_pb2.StageStatus.items() if number
}
_WORKERS_MAX: Final = 1_000


class FieldError(ValueError):
    """A request's field is not valid.

    Attributes:
        field: the field, as in the contract.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class StageMetrics(msgspec.Struct, rename="camel"):
    """Figures of a stage that has run."""

    duration_seconds: int
    successful_workers: int
    failed_workers: int
    total_workers: int
    avg_cpu_usage: float
    avg_memory_mb: float


class PipelineProgress(msgspec.Struct, rename="camel", omit_defaults=True):
    """The state of one stage of a pipeline."""

    pipeline_id: str
    stage_id: str
    status: Annotated[
        str, msgspec.Meta(extra_json_schema={"enum": list(_STATUSES.values())}, examples=["STAGE_RUNNING"])
    ]
    message: Annotated[str, msgspec.Meta(examples=["2 of 3 workers"])]
    worker_pod_names: list[str]
    progress_percentage: int
    timestamp: str
    started_at: str = ""
    completed_at: str = ""
    error_message: str = ""
    metrics: StageMetrics | None = None


def stage_progress(
    progress: logs_pb2.StageProgress, producer: ProducerNumber, arrival_nanos: int, message_bytes_max: int
) -> StageProgress:
    """Check a stage's progress and encode it.

    Raises:
        ValueError: an ``IdentifierError`` or ``FieldError``, with the ``field`` that is not valid.
    """
    pipeline_id = check_identifier("pipeline_id", progress.pipeline_id)
    stage_id = check_identifier("stage_id", progress.stage_id)
    status = _STATUSES.get(progress.status)
    if status is None:
        raise FieldError("status", f"{progress.status} is not a stage's status: give one of STAGE_STATUS_PENDING …")
    percentage = progress.progress_percentage
    if not 0 <= percentage <= 100:
        raise FieldError("progress_percentage", f"{percentage} is not a percentage: give 0 to 100")
    document = PipelineProgress(
        pipeline_id=pipeline_id,
        stage_id=stage_id,
        status=status,
        message=cut_message(progress.message, message_bytes_max)[0],
        worker_pod_names=list(progress.worker_pod_names[:_WORKERS_MAX]),
        progress_percentage=percentage,
        timestamp=timestamps.from_nanos(progress.time_unix_nano if progress.time_unix_nano > 0 else arrival_nanos),
        started_at=_time(progress.started_unix_nano),
        completed_at=_time(progress.completed_unix_nano),
        error_message=cut_message(progress.error_message, message_bytes_max)[0],
        metrics=_metrics(progress.metrics) if progress.HasField("metrics") else None,
    )
    return StageProgress(pipeline_id, stage_id, msgspec.json.encode(document), producer=producer)


def _time(nanos: int) -> str:
    return timestamps.from_nanos(nanos) if nanos > 0 else ""


def _metrics(metrics: logs_pb2.StageMetrics) -> StageMetrics:
    return StageMetrics(
        duration_seconds=metrics.duration_seconds,
        successful_workers=metrics.successful_workers,
        failed_workers=metrics.failed_workers,
        total_workers=metrics.total_workers,
        avg_cpu_usage=_number(metrics.avg_cpu_usage),
        avg_memory_mb=_number(metrics.avg_memory_mb),
    )


def _number(value: float) -> float:
    """The shortest number that is this 32-bit float, so that 0.1 stays 0.1; JSON has no infinity."""
    return float(f"{value:.7g}") if math.isfinite(value) else 0.0
