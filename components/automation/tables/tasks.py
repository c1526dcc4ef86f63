"""Tasks, as their users see them: creating, listing, stopping, trying again, deleting."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from components.automation.tables.database import AutomationDatabase
from components.automation.tables.log import append
from components.automation.tables.records import StopReport, TaskLine, media_mode, next_queue_type, whole_number
from components.automation.tables.schema import contents, stage_processes, task_logs, task_queue, task_schedules, tasks
from components.automation.tables.times import moment

__all__ = ["STOPPED", "TaskRepository"]

STOPPED: Final = "사용자가 작업을 중지했습니다"
_STOP_MESSAGE: Final = "🛑 사용자에 의해 작업이 중지되었습니다"


class TaskRepository:
    """What any program may do to a task, beside any scheduler; each method is one transaction."""

    def __init__(self, database: AutomationDatabase, now: Callable[[], datetime]) -> None:
        self.database = database
        self.now = now

    def __repr__(self) -> str:
        return f"<TaskRepository {self.database!r}>"

    def create(
        self,
        title: str,
        kind: str,
        *,
        settings: dict[str, Any] | None = None,
        schedule: dict[str, Any] | None = None,
        due_at: datetime | None = None,
        max_retry: int = 3,
        task_id: str | None = None,
        **columns: Any,
    ) -> str:
        """Add a task and its first item, due at once or at ``due_at`` (UTC); returns the task's id."""
        now = self.now()
        task_id = task_id or str(uuid4())
        with self.database.transaction() as connection:
            connection.execute(
                insert(tasks).values(
                    id=task_id,
                    title=title,
                    type=kind,
                    settings=json.dumps(settings or {}, ensure_ascii=False),
                    created_at=now,
                    updated_at=now,
                    **columns,
                )
            )
            row = {"next_run_at": due_at or now, "repeat_type": "once", **(schedule or {})}
            schedule_id = connection.execute(
                insert(task_schedules).values(task_id=task_id, created_at=now, **row).returning(task_schedules.c.id)
            ).scalar_one()
            _enqueue(connection, task_id, "schedule", now, schedule_id, max_retry, due_at)
        return task_id

    def schedule(self, schedule_id: int) -> dict[str, Any] | None:
        """A row of ``task_schedules``."""
        return self._one(select(task_schedules).where(task_schedules.c.id == schedule_id))

    def task(self, task_id: str) -> dict[str, Any] | None:
        """A row of ``tasks``."""
        return self._one(select(tasks).where(tasks.c.id == task_id))

    def queue(self, task_id: str) -> list[dict[str, Any]]:
        """A task's items, oldest first."""
        query = select(task_queue).where(task_queue.c.task_id == task_id).order_by(task_queue.c.id)
        with self.database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def logs(
        self,
        task_id: str,
        *,
        level: str | None = None,
        queue_type: str | None = None,
        action_type: str | None = None,
        limit: int = 500,
    ) -> list[dict[str, Any]]:
        """A task's rows of ``task_logs``, newest first."""
        wanted: list[ColumnElement[bool]] = [task_logs.c.task_id == task_id]
        given = (
            (task_logs.c.level, level),
            (task_logs.c.queue_type, queue_type),
            (task_logs.c.action_type, action_type),
        )
        wanted += [column == value for column, value in given if value is not None]
        query = select(task_logs).where(*wanted).order_by(moment(task_logs.c.created_at).desc(), task_logs.c.id.desc())
        with self.database.reading() as connection:
            return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]

    def stop(self, task_id: str) -> StopReport | None:
        """Stop everything of a task in one transaction; None for an unknown one. Its processes are the caller's."""
        now = self.now()
        with self.database.transaction() as connection:
            if not connection.execute(select(tasks.c.id).where(tasks.c.id == task_id)).first():
                return None
            mine = task_queue.c.task_id == task_id
            waiting = delete(task_queue).where(mine, task_queue.c.status == "waiting")
            connection.execute(
                update(task_logs)
                .where(task_logs.c.queue_id.in_(select(task_queue.c.id).where(mine, task_queue.c.status == "waiting")))
                .values(queue_id=None)
            )
            deleted = connection.execute(waiting).rowcount
            processing = connection.execute(
                update(task_queue)
                .where(mine, task_queue.c.status == "processing")
                .values(status="failed", error_message=STOPPED, completed_at=now, updated_at=now)
                .returning(task_queue.c.id, task_queue.c.queue_type)
            ).all()
            report = StopReport(tuple(row.id for row in processing), deleted)
            connection.execute(update(tasks).where(tasks.c.id == task_id).values(last_error=STOPPED, updated_at=now))
            connection.execute(
                update(task_schedules).where(task_schedules.c.task_id == task_id).values(is_active=0, next_run_at=None)
            )
            connection.execute(
                update(contents)
                .where(contents.c.task_id == task_id, contents.c.published == 0)
                .values(status="failed", error=STOPPED, updated_at=now)
            )
            append(connection, now, [_stop_line(task_id, processing, deleted)])
            return report

    def processes(self, queue_ids: tuple[int, ...]) -> list[tuple[str, int, int]]:
        """Boot, pid and start of the processes that were noted for items."""
        table = stage_processes.c
        query = select(table.boot_id, table.pid, table.start_ticks).where(table.queue_id.in_(queue_ids))
        with self.database.reading() as connection:
            return [(row.boot_id, row.pid, row.start_ticks) for row in connection.execute(query)]

    def listed(self, limit: int = 50) -> list[dict[str, Any]]:
        """The newest tasks."""
        with self.database.reading() as connection:
            query = select(tasks).order_by(moment(tasks.c.created_at).desc(), tasks.c.id).limit(limit)
            return [dict(row) for row in connection.execute(query).mappings()]

    def retry(self, task_id: str) -> tuple[str, int] | None:
        """Put the stage that a task ended with in the queue anew: its type and the new item's number.

        That is its failed last item, or the one that a stop took out of the queue before it began; None if the task
        is under way or has not failed.
        """
        now = self.now()
        with self.database.transaction() as connection:
            task = connection.execute(select(tasks).where(tasks.c.id == task_id)).mappings().first()
            is_next_run = and_(task_queue.c.queue_type == "schedule", task_queue.c.status == "waiting")
            query = select(task_queue).where(task_queue.c.task_id == task_id, ~is_next_run)
            last = connection.execute(query.order_by(task_queue.c.id.desc()).limit(1)).mappings().first()
            if task is None:
                return None
            kind = _to_retry(task, last, self._waits(connection, task_id))
            if kind is None:
                return None
            schedule_id, max_retry = (last["schedule_id"], whole_number(last["max_retry"], 3)) if last else (None, 3)
            if schedule_id is None:
                of = select(func.max(task_schedules.c.id)).where(task_schedules.c.task_id == task_id)
                schedule_id = connection.execute(of).scalar()
            queue_id = _enqueue(connection, task_id, kind, now, schedule_id, max_retry, None)
            connection.execute(update(tasks).where(tasks.c.id == task_id).values(last_error=None, updated_at=now))
            line = TaskLine(task_id, f"{kind} 다시 시도", queue_id=queue_id, queue_type=kind, action_type="retry")
            append(connection, now, [line])
            return kind, queue_id

    @staticmethod
    def _waits(connection: Connection, task_id: str) -> bool:
        waiting = select(task_queue.c.id).where(task_queue.c.task_id == task_id, task_queue.c.status == "waiting")
        return connection.execute(waiting.limit(1)).first() is not None

    def delete(self, task_id: str) -> bool:
        """Remove a stopped task with all that is of it; its content stays. False for an unknown one."""
        with self.database.transaction() as connection:
            items = select(task_queue.c.id).where(task_queue.c.task_id == task_id)
            connection.execute(delete(stage_processes).where(stage_processes.c.queue_id.in_(items)))
            connection.execute(update(contents).where(contents.c.task_id == task_id).values(task_id=None))
            for table in (task_logs, task_queue, task_schedules):
                connection.execute(delete(table).where(table.c.task_id == task_id))
            return bool(connection.execute(delete(tasks).where(tasks.c.id == task_id)).rowcount)

    def _one(self, query: Any) -> dict[str, Any] | None:
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else dict(row)


def _stop_line(task_id: str, processing: Sequence[Any], deleted: int) -> TaskLine:
    """The one row of a stop; its columns name the stage that was running, its metadata several of them."""
    counts: dict[str, Any] = {"stopped_processing": len(processing), "deleted_waiting": deleted}
    if len(processing) > 1:
        counts["stages"] = [row.queue_type for row in processing]
    of = {"queue_id": processing[0].id, "queue_type": processing[0].queue_type} if processing else {}
    return TaskLine(task_id, _STOP_MESSAGE, level="warn", action_type="stop", metadata=counts, **of)


def _to_retry(task: Any, last: Any, waits: bool) -> str | None:
    """The queue type that a task ended with, given its last item; None if there is nothing to try again."""
    if last is not None and last["status"] == "failed":
        return str(last["queue_type"])
    if waits or task["last_error"] != STOPPED:
        return None
    if last is None:
        return "schedule"  # stopped before its time came
    if last["status"] != "completed":
        return None
    return next_queue_type(last["queue_type"], media_mode(task["settings"]))


def _enqueue(
    connection: Connection,
    task_id: str,
    queue_type: str,
    now: datetime,
    schedule_id: int | None,
    max_retry: int,
    due_at: datetime | None,
) -> int:
    added = insert(task_queue).values(
        task_id=task_id,
        schedule_id=schedule_id,
        queue_type=queue_type,
        status="waiting",
        max_retry=max_retry,
        next_retry_at=due_at,
        created_at=now,
        updated_at=now,
    )
    return int(connection.execute(added.returning(task_queue.c.id)).scalar_one())
