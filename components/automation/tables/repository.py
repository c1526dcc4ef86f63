"""The queue, as its scheduler writes it: each method is one transaction, and only for the holder of the lock."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, exists, func, insert, or_, select, update

from components.automation.tables.lock import SchedulerLock, whole
from components.automation.tables.log import append
from components.automation.tables.records import RETRY_SECONDS, QueueItem, TaskLine, next_queue_type
from components.automation.tables.schema import contents, stage_processes, task_queue, task_schedules, tasks

__all__ = ["QueueRepository"]


class QueueRepository:
    """Everything that moves an item on.

    Raises:
        LockLostError: by every method that writes, where the lock is not held any more; nothing was stored.
    """

    def __init__(self, lock: SchedulerLock) -> None:
        self.lock = lock

    def __repr__(self) -> str:
        return f"<QueueRepository {self.lock!r}>"

    def dequeue(self, queue_type: str) -> QueueItem | None:
        """Take the oldest item that is due, in one statement; None where there is none, or one is running."""
        now = self.lock.now()
        running, ending = task_queue.alias(), task_queue.alias()
        is_ending = exists().where(stage_processes.c.queue_id == ending.c.id, ending.c.queue_type == queue_type)
        oldest = (
            select(task_queue.c.id)
            .where(
                task_queue.c.queue_type == queue_type,
                task_queue.c.status == "waiting",
                or_(task_queue.c.next_retry_at.is_(None), task_queue.c.next_retry_at <= now),
                ~exists().where(running.c.queue_type == queue_type, running.c.status == "processing"),
                ~is_ending,  # of a stopped item something may still run
            )
            .order_by(task_queue.c.created_at, task_queue.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer and leaves it out
            .scalar_subquery()
        )
        with self.lock.held() as connection:
            row = connection.execute(
                update(task_queue)
                .where(task_queue.c.id == oldest)
                .values(status="processing", next_retry_at=None, updated_at=now)
                .returning(task_queue)
            ).first()
            if row is None:
                return None
            item = _item(row._mapping)
            append(connection, now, [_line(item, f"{queue_type} started", "start")])
            return item

    def next_due(self) -> datetime | None:
        """When the next waiting item falls due; None where nothing waits for a time."""
        with self.lock.database.reading() as connection:
            due: datetime | None = connection.execute(
                select(func.min(task_queue.c.next_retry_at)).where(task_queue.c.status == "waiting")
            ).scalar()
            return due

    def complete(self, item: QueueItem, result: dict[str, Any], *, next_run_at: datetime | None = None) -> bool:
        """End a stage well and enqueue the next one; False where it was stopped meanwhile.

        Args:
            item: what ran.
            result: the stage's results.
            next_run_at: for ``schedule``: when the schedule is due again.
        """
        now = self.lock.now()
        with self.lock.held() as connection:
            if not _leave(connection, item, now, status="completed", completed_at=now, error_message=None):
                return False
            task = connection.execute(select(tasks).where(tasks.c.id == item.task_id)).mappings().one()
            following = next_queue_type(item.queue_type, json.loads(task["settings"] or "{}").get("mediaMode"))
            lines = [_line(item, f"{item.queue_type} completed", "complete", metadata=result)]
            if item.queue_type == "script" and following == "video":
                lines.append(TaskLine(item.task_id, "image skipped", queue_type="image", action_type="skip"))
            if following is not None:
                connection.execute(
                    insert(task_queue).values(
                        task_id=item.task_id,
                        schedule_id=item.schedule_id,
                        queue_type=following,
                        status="waiting",
                        max_retry=item.max_retry,
                        created_at=now,
                        updated_at=now,
                    )
                )
            if item.queue_type == "schedule" and item.schedule_id is not None:
                _schedule_again(connection, item, now, next_run_at)
            _record(connection, item, task, result, now)
            if following is None and task["last_error"] is not None:  # of an earlier run of a repeating schedule
                connection.execute(update(tasks).where(tasks.c.id == item.task_id).values(last_error=None))
            append(connection, now, lines)
            return True

    def fail(self, item: QueueItem, error: str) -> bool | None:
        """End a stage badly: True where it is tried again, False where not, None where it was stopped meanwhile."""
        with self.lock.held() as connection:
            return _fail(connection, item, error, self.lock.now())

    def orphans(self) -> list[tuple[QueueItem, tuple[str, int, int] | None]]:
        """What a dead scheduler left: items that are ``processing``, and those stopped whose processes nobody saw end.

        With each the boot, pid and start of what may still run.
        """
        with self.lock.held() as connection:
            found = connection.execute(
                select(task_queue, stage_processes.c.boot_id, stage_processes.c.pid, stage_processes.c.start_ticks)
                .outerjoin(stage_processes, stage_processes.c.queue_id == task_queue.c.id)
                .where(or_(task_queue.c.status == "processing", stage_processes.c.queue_id.is_not(None)))
                .order_by(task_queue.c.id)
            ).mappings()
            return [
                (_item(row), (row["boot_id"], row["pid"], row["start_ticks"]) if row["pid"] is not None else None)
                for row in found
            ]

    def started(self, item: QueueItem, boot_id: str, pid: int, start_ticks: int) -> bool:
        """Note a stage's process before it may begin; False where the item was stopped meanwhile."""
        with self.lock.held() as connection:
            if connection.execute(
                select(task_queue.c.id).where(task_queue.c.id == item.id, task_queue.c.status == "processing")
            ).first():
                connection.execute(delete(stage_processes).where(stage_processes.c.queue_id == item.id))
                connection.execute(
                    insert(stage_processes).values(queue_id=item.id, boot_id=boot_id, pid=pid, start_ticks=start_ticks)
                )
                return True
            return False

    def ended(self, item: QueueItem) -> None:
        """Note that nothing of a stage runs any more."""
        with self.lock.held() as connection:
            connection.execute(delete(stage_processes).where(stage_processes.c.queue_id == item.id))

    def is_processing(self, item: QueueItem) -> bool:
        """Whether nobody has stopped the item."""
        with self.lock.database.reading() as connection:
            query = select(task_queue.c.id).where(task_queue.c.id == item.id, task_queue.c.status == "processing")
            return connection.execute(query).first() is not None

    def write(self, lines: Sequence[TaskLine]) -> None:
        """Store lines of one stage; of an item that was deleted meanwhile there is nothing to tell."""
        with self.lock.held() as connection:
            query = select(task_queue.c.id).where(task_queue.c.id == lines[0].queue_id)
            if connection.execute(query).first() is not None:
                append(connection, self.lock.now(), lines)


def _item(row: Any) -> QueueItem:
    return QueueItem(
        row["id"], row["task_id"], row["schedule_id"], row["queue_type"], row["retry_count"], row["max_retry"]
    )


def _line(
    item: QueueItem, message: str, action: str, *, level: str = "info", metadata: dict[str, Any] | None = None
) -> TaskLine:
    return TaskLine(
        item.task_id,
        message,
        level=level,
        queue_id=item.id,
        queue_type=item.queue_type,
        action_type=action,
        metadata=metadata or {},
    )


def _leave(connection: Connection, item: QueueItem, now: datetime, **values: object) -> bool:
    connection.execute(delete(stage_processes).where(stage_processes.c.queue_id == item.id))
    return bool(
        connection.execute(
            update(task_queue)
            .where(task_queue.c.id == item.id, task_queue.c.status == "processing")
            .values(updated_at=now, **values)
        ).rowcount
    )


def _fail(connection: Connection, item: QueueItem, error: str, now: datetime) -> bool | None:
    retries = item.retry_count + 1
    if item.retry_count < item.max_retry:
        seconds = RETRY_SECONDS[min(item.retry_count, len(RETRY_SECONDS) - 1)]
        values = {"status": "waiting", "retry_count": retries, "next_retry_at": whole(now, seconds)}
        if not _leave(connection, item, now, error_message=error, **values):
            return None
        message = f"{item.queue_type} is tried again in {seconds} s ({retries}/{item.max_retry}): {error}"
        append(connection, now, [_line(item, message, "retry", level="warn")])
        return True
    if not _leave(connection, item, now, status="failed", completed_at=now, error_message=error):
        return None
    connection.execute(update(tasks).where(tasks.c.id == item.task_id).values(last_error=error, updated_at=now))
    connection.execute(
        update(contents)
        .where(contents.c.id == select(tasks.c.content_id).where(tasks.c.id == item.task_id).scalar_subquery())
        .values(status="failed", error=error, updated_at=now)
    )
    append(connection, now, [_line(item, f"{item.queue_type} failed: {error}", "fail", level="error")])
    return False


def _schedule_again(connection: Connection, item: QueueItem, now: datetime, next_run_at: datetime | None) -> None:
    """The item of the next due time, or the end of the schedule, with the run that is beginning."""
    is_active = next_run_at is not None
    connection.execute(
        update(task_schedules)
        .where(task_schedules.c.id == item.schedule_id)
        .values(next_run_at=next_run_at, is_active=int(is_active))
    )
    if is_active:
        connection.execute(
            insert(task_queue).values(
                task_id=item.task_id,
                schedule_id=item.schedule_id,
                queue_type="schedule",
                status="waiting",
                max_retry=item.max_retry,
                next_retry_at=next_run_at,
                created_at=now,
                updated_at=now,
            )
        )


def _format(task: Any) -> str:
    """``settings.format`` where the task says one."""
    given = json.loads(task["settings"] or "{}").get("format")
    return given if isinstance(given, str) and given else str(task["type"])


def _record(connection: Connection, item: QueueItem, task: Any, result: dict[str, Any], now: datetime) -> None:
    """What a completed stage leaves in ``contents`` and ``tasks``."""
    if item.queue_type == "script":
        content_id = str(uuid4())
        connection.execute(
            insert(contents).values(
                id=content_id,
                user_id=task["user_id"],
                type="script",
                format=_format(task),
                title=result.get("title", task["title"]),
                content=json.dumps(result.get("content", result), ensure_ascii=False),
                status="completed",
                progress=100,
                task_id=task["id"],
                created_at=now,
                updated_at=now,
            )
        )
        connection.execute(update(tasks).where(tasks.c.id == task["id"]).values(content_id=content_id, updated_at=now))
    elif item.queue_type in ("video", "youtube"):
        names = ("video_path", "thumbnail_path", "youtube_url")
        values: dict[str, Any] = {name: result[name] for name in names if name in result}
        values |= {"type": "video"} if item.queue_type == "video" else {"published": 1}
        values |= {"status": "completed", "progress": 100, "error": None}  # an earlier try may have failed
        connection.execute(update(contents).where(contents.c.id == task["content_id"]).values(updated_at=now, **values))
        if "youtube_url" in result:
            connection.execute(
                update(tasks).where(tasks.c.id == task["id"]).values(youtube_url=result["youtube_url"], updated_at=now)
            )
