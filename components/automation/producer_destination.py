"""Sends the events of ``task_logs`` over gRPC, each at least once."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from components.automation.task_log_events import RowEvents, StageState

__all__ = ["Producer", "ProducerDestination"]


class Producer(Protocol):
    """What is needed of ``otto_logs.LogProducer``."""

    async def log(
        self,
        task_id: str,
        worker_id: str,
        message: str,
        *,
        level: str,
        source: str,
        time_unix_nano: int | None,
        metadata: Mapping[str, object] | None,
    ) -> None:
        """Take a line."""
        ...

    async def report_stage(
        self,
        pipeline_id: str,
        stage_id: str,
        status: str,
        *,
        message: str = "",
        percentage: int = 0,
        workers: Sequence[str] = (),
        started_unix_nano: int = 0,
        completed_unix_nano: int = 0,
        error: str = "",
    ) -> None:
        """Take the state of a stage."""
        ...

    async def end_task(self, task_id: str, *, failed: bool = False, reason: str = "") -> None:
        """Take the end of a task."""
        ...

    async def flush(self, timeout_seconds: float | None = None) -> None:
        """Return once everything taken is on disk."""
        ...


class ProducerDestination:
    """A producer numbers what it sends itself, so a crash before the note of a delivery sends those rows again."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def __repr__(self) -> str:
        return f"<ProducerDestination {self._producer!r}>"

    async def resume(self, noted: int) -> int:
        """What the database's note says; the gateway does not know rows."""
        return noted

    async def store(self, rows: Sequence[RowEvents]) -> None:
        """Send the rows and wait until the gateway has them on disk."""
        for row in rows:
            await self._send(row)
        if rows:
            await self._producer.flush()

    async def _send(self, row: RowEvents) -> None:
        await self._producer.log(
            row.task_id,
            row.worker_id,
            row.message,
            level=row.level,
            source=row.source,
            time_unix_nano=_nanoseconds(row),
            metadata=row.metadata,
        )
        for stage in row.stages:
            await self._report(row, stage)
        if row.end is not None:
            await self._producer.end_task(row.task_id, failed=row.end.failed, reason=row.end.reason)

    async def _report(self, row: RowEvents, stage: StageState) -> None:
        await self._producer.report_stage(
            row.task_id,
            stage.stage_id,
            stage.status,
            message=stage.message,
            percentage=stage.percentage,
            workers=(f"automation-{stage.stage_id}",),
            started_unix_nano=_nanoseconds(row) if stage.is_start else 0,
            completed_unix_nano=_nanoseconds(row) if stage.is_final else 0,
            error=stage.message if stage.status == "FAILED" else "",
        )


def _nanoseconds(row: RowEvents) -> int:
    return int(row.created_at.timestamp()) * 1_000_000_000
