"""The queue, as its scheduler writes it: each method is one transaction, and only for the holder of the lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, or_, select, update

from components.automation.tables.due_schedules import enqueue_due, next_schedule_time, schedule_again
from components.automation.tables.lock import SchedulerLock, whole
from components.automation.tables.log import append, storable
from components.automation.tables.records import (
    RETRY_SECONDS,
    QueueItem,
    TaskLine,
    media_mode,
    next_queue_type,
    whole_number,
)
from components.automation.tables.results import record_results
from components.automation.tables.schema import contents, stage_processes, task_queue, task_schedules, tasks
from components.automation.tables.times import moment

__all__ = ["QueueRepository"]


class QueueRepository:
    """All changes of an item's state.

    Raises:
        LockLostError: by every method that writes, if the lock is no longer held; nothing was stored.
    """

    def __init__(self, lock: SchedulerLock) -> None:
        self.lock = lock

    def __repr__(self) -> str:
        return f"<QueueRepository {self.lock!r}>"

    def enqueue_due(self) -> int:
        """Put schedules that are due into the queue; how many."""
        with self.lock.held() as connection:
            return enqueue_due(connection, self.lock.now())

    def dequeue(self, queue_type: str) -> QueueItem | None:
        """Take the oldest item that is due, in one statement; None if there is none, or one is running."""
        now = self.lock.now()
        running, ending = task_queue.alias(), task_queue.alias()
        is_ending = exists().where(stage_processes.c.queue_id == ending.c.id, ending.c.queue_type == queue_type)
        oldest = (
            select(task_queue.c.id)
            .where(
                task_queue.c.queue_type == queue_type,
                task_queue.c.status == "waiting",
                or_(moment(task_queue.c.next_retry_at).is_(None), moment(task_queue.c.next_retry_at) <= now),
                exists().where(tasks.c.id == task_queue.c.task_id),
                ~exists().where(running.c.queue_type == queue_type, running.c.status == "processing"),
                ~is_ending,  # of a stopped item something may still run
            )
            .order_by(moment(task_queue.c.created_at), task_queue.c.id)
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
            append(connection, now, [_line(item, f"{queue_type} 시작", "start")])
            return item

    def next_due(self) -> datetime | None:
        """When the next waiting item or schedule falls due; None if nothing waits for a time."""
        with self.lock.database.reading() as connection:
            item: datetime | None = connection.execute(
                select(func.min(moment(task_queue.c.next_retry_at))).where(task_queue.c.status == "waiting")
            ).scalar()
            return min(filter(None, (item, next_schedule_time(connection))), default=None)

    def complete(self, item: QueueItem, result: dict[str, Any], *, next_run_at: datetime | None = None) -> bool:
        """End a stage well and enqueue the next one; False if it was stopped meanwhile.

        Args:
            item: what ran.
            result: the stage's results.
            next_run_at: when its schedule is due again; None: not again.
        """
        now = self.lock.now()
        with self.lock.held() as connection:
            if not _leave(connection, item, now, status="completed", completed_at=now, error_message=None):
                return False
            task = connection.execute(select(tasks).where(tasks.c.id == item.task_id)).mappings().one()
            following = next_queue_type(item.queue_type, media_mode(task["settings"]))
            message = f"{item.queue_type} 완료" + (f" → {following} 대기" if following else "")
            lines = [*record_results(connection, item, task, result, now)]
            lines.append(_line(item, message, "complete", metadata=result))
            if item.queue_type == "script" and following == "video":
                lines.append(TaskLine(item.task_id, "image 건너뜀", queue_type="image", action_type="skip"))
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
            if item.queue_type == "schedule" or (following is None and _is_due_still(connection, item, now)):
                schedule_again(connection, item, now, next_run_at)
            if following is None and task["last_error"] is not None:  # of an earlier run of a repeating schedule
                connection.execute(update(tasks).where(tasks.c.id == item.task_id).values(last_error=None))
            append(connection, now, lines)
            return True

    def fail(self, item: QueueItem, error: str) -> bool | None:
        """End a stage badly: True if it is tried again, False if not, None if it was stopped meanwhile."""
        with self.lock.held() as connection:
            return _fail(connection, item, storable(error), self.lock.now())

    def give_up(self, item: QueueItem, error: str) -> None:
        """End an item badly of which nothing else can be stored, such as a row of ``task_logs``."""
        with self.lock.held() as connection:
            now = self.lock.now()
            _leave(connection, item, now, status="failed", completed_at=now, error_message=storable(error))

    def orphans(self) -> list[tuple[QueueItem, tuple[str, int, int] | None]]:
        """Items of a dead scheduler: those that are ``processing``, and stopped ones whose processes may still run.

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
        """Note a stage's process before it may begin; False if the item was stopped meanwhile."""
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
        """Whether the item has not been stopped."""
        with self.lock.database.reading() as connection:
            query = select(task_queue.c.id).where(task_queue.c.id == item.id, task_queue.c.status == "processing")
            return connection.execute(query).first() is not None

    def write(self, lines: Sequence[TaskLine]) -> None:
        """Store lines of one stage; of an item that was deleted meanwhile nothing is stored."""
        with self.lock.held() as connection:
            query = select(task_queue.c.id).where(task_queue.c.id == lines[0].queue_id)
            if connection.execute(query).first() is not None:
                append(connection, self.lock.now(), lines)


def _item(row: Any) -> QueueItem:
    return QueueItem(
        row["id"],
        row["task_id"],
        row["schedule_id"],
        row["queue_type"],
        whole_number(row["retry_count"], 0),
        whole_number(row["max_retry"], 3),
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
        message = f"실패 (시도 {retries}/{item.max_retry}): {error}"
        again = {"retryCount": retries, "maxRetry": item.max_retry, "error": error, "delaySeconds": seconds}
        append(connection, now, [_line(item, message, "retry", level="warn", metadata=again)])
        return True
    if not _leave(connection, item, now, status="failed", completed_at=now, error_message=error):
        return None
    connection.execute(update(tasks).where(tasks.c.id == item.task_id).values(last_error=error, updated_at=now))
    connection.execute(
        update(contents)
        .where(contents.c.id == select(tasks.c.content_id).where(tasks.c.id == item.task_id).scalar_subquery())
        .values(status="failed", error=error, updated_at=now)
    )
    if item.queue_type == "schedule":  # it cannot be read, and would be due for ever
        connection.execute(update(task_schedules).where(task_schedules.c.id == item.schedule_id).values(is_active=0))
    append(connection, now, [_line(item, f"영구 실패 (최대 재시도 초과): {error}", "fail", level="error")])
    return False


def _is_due_still(connection: Connection, item: QueueItem, now: datetime) -> bool:
    """Whether a run has ended whose schedule still names its time: another program has put that run in the queue."""
    due = func.coalesce(moment(task_schedules.c.next_run_at), moment(task_schedules.c.scheduled_time))
    query = select(task_schedules.c.id).where(
        task_schedules.c.id == item.schedule_id, task_schedules.c.is_active == 1, or_(due.is_(None), due <= now)
    )
    waits = (task_queue.c.schedule_id == item.schedule_id, task_queue.c.queue_type == "schedule")
    return (
        connection.execute(query.where(~exists().where(*waits, task_queue.c.status == "waiting"))).first() is not None
    )
