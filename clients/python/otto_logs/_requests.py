"""What programs give to a producer, checked and brought into the form of the wire."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from otto.logs.v1 import logs_pb2

from otto_logs._values import StageStatus, WorkerStatus, check_identifier

__all__ = ["end_of_task", "message_bytes", "stage_progress", "text_map", "worker_status"]

_PERCENT_MAX: Final = 100


def message_bytes(message: str | bytes, bytes_max: int) -> tuple[bytes, int]:
    """A message as bytes without its line end, cut at a character boundary, and its size before (0: not cut)."""
    if isinstance(message, str):
        try:
            data = message.encode()
        except UnicodeEncodeError:
            # Bytes that Python could not decode come back as they were; what else is not Unicode, the gateway replaces.
            data = message.encode("utf-8", "surrogateescape" if _only_escapes(message) else "surrogatepass")
    else:
        data = bytes(message)
    if data.endswith(b"\n"):
        data = data[:-2] if data.endswith(b"\r\n") else data[:-1]
    if len(data) <= bytes_max:
        return data, 0
    end = bytes_max
    while end > bytes_max - 4 and data[end] & 0xC0 == 0x80:  # the rest of a character that starts before
        end -= 1
    return data[:end], len(data)


def _only_escapes(message: str) -> bool:
    return all(not "\ud800" <= character <= "\udfff" or "\udc80" <= character <= "\udcff" for character in message)


def text_map(metadata: Mapping[str, object]) -> dict[str, str]:
    """Metadata with every value as text; what is not Unicode is replaced."""
    return {_text(key): _text(value) for key, value in metadata.items()}


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def worker_status(
    task_id: str, worker_id: str, status: WorkerStatus | str, reason: str, metadata: Mapping[str, object] | None
) -> logs_pb2.PublishRequest:
    """A worker's status.

    Raises:
        ValueError: an argument is wrong; the text names it.
    """
    return logs_pb2.PublishRequest(
        worker_status=logs_pb2.WorkerStatusReport(
            task_id=check_identifier("task_id", task_id),
            worker_id=check_identifier("worker_id", worker_id),
            status=int(WorkerStatus.of(status)),  # type: ignore[arg-type]  # the same numbers
            time_unix_nano=time.time_ns(),
            reason=_text(reason),
            metadata=text_map(metadata or {}),
        )
    )


def end_of_task(task_id: str, *, failed: bool, reason: str) -> logs_pb2.PublishRequest:
    """The end of a task.

    Raises:
        ValueError: an argument is wrong; the text names it.
    """
    return logs_pb2.PublishRequest(
        end_of_task=logs_pb2.EndOfTask(
            task_id=check_identifier("task_id", task_id),
            failed=failed,
            time_unix_nano=time.time_ns(),
            reason=_text(reason),
        )
    )


def stage_progress(
    pipeline_id: str,
    stage_id: str,
    status: StageStatus | str,
    *,
    message: str,
    percentage: int,
    workers: Sequence[str],
    started_unix_nano: int,
    completed_unix_nano: int,
    error: str,
) -> logs_pb2.PublishRequest:
    """The state of one stage of a pipeline.

    Raises:
        ValueError: an argument is wrong; the text names it.
    """
    if not 0 <= percentage <= _PERCENT_MAX:
        raise ValueError(f"percentage must be 0 to {_PERCENT_MAX}, not {percentage}")
    duration = (completed_unix_nano - started_unix_nano) // 1_000_000_000
    return logs_pb2.PublishRequest(
        stage_progress=logs_pb2.StageProgress(
            pipeline_id=check_identifier("pipeline_id", pipeline_id),
            stage_id=check_identifier("stage_id", stage_id),
            status=int(StageStatus.of(status)),  # type: ignore[arg-type]  # the same numbers
            message=_text(message),
            worker_pod_names=[_text(worker) for worker in workers],
            progress_percentage=percentage,
            time_unix_nano=time.time_ns(),
            started_unix_nano=started_unix_nano,
            completed_unix_nano=completed_unix_nano,
            error_message=_text(error),
            metrics=logs_pb2.StageMetrics(duration_seconds=max(0, duration))
            if started_unix_nano and completed_unix_nano
            else None,
        )
    )
