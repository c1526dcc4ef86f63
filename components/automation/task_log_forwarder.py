"""Sends the rows of ``task_logs`` to the stream, in their order, with the transitions of stages that they tell."""

import asyncio
import json
from typing import Any, Final, Protocol

from components.automation.tables import AutomationDatabase
from components.automation.tables.log import progress, rows_after, save_progress
from components.automation.tables.records import POSITION, QUEUE_TYPES, share_done

__all__ = ["Lines", "TaskLogForwarder"]

_ROWS_MAX: Final = 500
_STATUS: Final = {
    "start": "RUNNING",
    "progress": "RUNNING",
    "complete": "COMPLETED",
    "retry": "RETRYING",
    "fail": "FAILED",
    "stop": "FAILED",
    "skip": "SKIPPED",
}


class Lines(Protocol):
    """Where lines go; ``otto_logs.LogProducer`` is one."""

    async def log(
        self, task_id: str, worker_id: str, message: str, *, level: str, source: str, metadata: dict[str, object] | None
    ) -> None:
        """Take a line."""
        ...

    async def report_stage(
        self, pipeline_id: str, stage_id: str, status: str, *, message: str = "", percentage: int = 0
    ) -> None:
        """Take the state of a stage."""
        ...

    async def end_task(self, task_id: str, *, failed: bool = False, reason: str = "") -> None:
        """Take the end of a task."""
        ...

    async def flush(self, timeout_seconds: float | None = None) -> None:
        """Return once everything taken is on disk."""
        ...


class TaskLogForwarder:
    """Delivers each row at least once: a crash between the flush and its note sends those rows again.

    Args:
        database: where the rows are.
        lines: where they go.
        poll_seconds: how often to look; other processes write rows too.
    """

    def __init__(self, database: AutomationDatabase, lines: Lines, *, poll_seconds: float = 0.5) -> None:
        self._database = database
        self._lines = lines
        self._poll_seconds = poll_seconds

    def __repr__(self) -> str:
        return f"<TaskLogForwarder {self._database!r}>"

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            if not await self.deliver():
                await asyncio.sleep(self._poll_seconds)

    async def deliver(self) -> int:
        """Deliver what is next, at most 500 rows; returns how many."""
        rows = await asyncio.to_thread(self._next)
        for row in rows:
            await self._send(row)
        if rows:
            await self._lines.flush()
            await asyncio.to_thread(self._save, rows[-1]["id"])
        return len(rows)

    async def _send(self, row: dict[str, Any]) -> None:
        given = json.loads(row["metadata"] or "{}")
        if POSITION in given:
            return  # it came from a stream
        names = ("queue_type", "queue_id", "action_type", "pid", "process_name")
        metadata = {**given, **{name: row[name] for name in names if row[name] is not None}, "task_log_id": row["id"]}
        await self._lines.log(
            row["task_id"],
            f"automation-{row['queue_type'] or 'scheduler'}",
            row["message"],
            level=given.get("level", row["level"]),
            source=given.get("source", "stdout"),
            metadata=metadata,
        )
        status = _STATUS.get(row["action_type"] or "")
        for stage in _stages(row, given) if status else ():
            percentage = 100 if row["action_type"] == "complete" else _percentage(given)
            await self._lines.report_stage(
                row["task_id"], stage, status or "", message=row["message"][:200], percentage=percentage
            )
        is_done = row["action_type"] == "complete" and row["queue_type"] == QUEUE_TYPES[-1]
        if is_done or row["action_type"] in ("fail", "stop"):
            await self._lines.end_task(
                row["task_id"], failed=not is_done, reason="" if is_done else row["message"][:200]
            )

    def _next(self) -> list[dict[str, Any]]:
        with self._database.reading() as connection:
            return rows_after(connection, progress(connection, "stream"), _ROWS_MAX)

    def _save(self, log_id: int) -> None:
        with self._database.transaction() as connection:
            save_progress(connection, "stream", log_id)


def _stages(row: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """The stages whose state a row tells; a stop tells those that it ended."""
    stages = given.get("stages") if row["action_type"] == "stop" else [row["queue_type"]]
    return [stage for stage in stages if stage in QUEUE_TYPES] if isinstance(stages, list) else []


def _percentage(given: dict[str, Any]) -> int:
    return round(100 * (share_done(given) or 0.0))
