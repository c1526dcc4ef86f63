"""Schedules that other programs store in ``task_schedules``: their items in the queue, when they are due."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from components.automation.tables.log import append
from components.automation.tables.records import QueueItem, TaskLine
from components.automation.tables.schema import task_logs, task_queue, task_schedules, tasks
from components.automation.tables.times import moment, stored_text, time_like

__all__ = ["enqueue_due", "next_schedule_time", "schedule_again"]

_SCHEDULES_MAX: Final = 500
"""Of one transaction; the rest comes with the next pass."""


def enqueue_due(connection: Connection, now: datetime) -> int:
    """Put each active schedule whose time has come, or that has none, into the queue; returns how many.

    One that repeats waits for the end of its run; one that does not runs once. Items that wait for a schedule which was
    switched off or moved follow it.
    """
    _refuse_unreadable(connection, now)
    _fail_without_task(connection, now)
    _follow_changes(connection, now)
    due = _due_time()
    found = connection.execute(
        select(task_schedules.c.id, task_schedules.c.task_id)
        .where(_is_idle(), or_(due.is_(None), moment(due) <= now))
        .order_by(moment(due), task_schedules.c.id)
        .limit(_SCHEDULES_MAX)
    ).all()
    if found:
        rows = [
            {"task_id": task_id, "schedule_id": schedule_id, "created_at": now, "updated_at": now}
            for schedule_id, task_id in found
        ]
        connection.execute(insert(task_queue).values(queue_type="schedule", status="waiting"), rows)
    return len(found)


def next_schedule_time(connection: Connection) -> datetime | None:
    """When the next schedule without an item is due; None if there is none."""
    due: datetime | None = connection.execute(select(func.min(moment(_due_time()))).where(_is_idle())).scalar()
    return due


def schedule_again(connection: Connection, item: QueueItem, now: datetime, next_run_at: datetime | None) -> None:
    """The item of the next due time, or the end of the schedule.

    ``next_run_at`` is stored in the form that the schedule's times have: other programs read it.
    """
    mine = task_schedules.c.id == item.schedule_id
    time: Any = next_run_at
    if next_run_at is not None and connection.dialect.name == "sqlite":
        raw = select(*(stored_text(task_schedules.c[name]) for name in ("next_run_at", "scheduled_time")))
        found = connection.execute(raw.where(mine)).first()
        form = next((each for each in found or () if each), None)
        time = literal(time_like(form, next_run_at), Text)
    values: dict[str, Any] = {"next_run_at": time, "is_active": int(next_run_at is not None)}
    connection.execute(update(task_schedules).where(mine).values(values))
    if next_run_at is not None:
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


def _due_time() -> ColumnElement[Any]:
    """``next_run_at``, or ``scheduled_time`` if that is not set; as text, for it may be in any form."""
    columns = (task_schedules.c.next_run_at, task_schedules.c.scheduled_time)
    return func.coalesce(*(func.nullif(stored_text(each), literal("", Text)) for each in columns))


def _is_idle() -> ColumnElement[bool]:
    """Active, and without an item: an open one of a schedule that repeats, any of one that does not."""
    repeats = task_schedules.c.repeat_type.in_(("daily", "weekly", "monthly"))
    is_open = task_queue.c.status.in_(("waiting", "processing"))
    has_item = exists().where(
        task_queue.c.schedule_id == task_schedules.c.id, or_(is_open, func.coalesce(~repeats, True))
    )
    has_task = exists().where(tasks.c.id == task_schedules.c.task_id)
    return and_(task_schedules.c.is_active == 1, has_task, ~has_item)


def _refuse_unreadable(connection: Connection, now: datetime) -> None:
    """A schedule whose time cannot be read is switched off, and its task says why."""
    due = _due_time()
    query = select(task_schedules.c.id, task_schedules.c.task_id, due.label("time")).where(
        _is_idle(), due.is_not(None), moment(due).is_(None)
    )
    for row in connection.execute(query).all():
        message = f"task_schedules {row.id}: {str(row.time)[:64]!r} is no time"
        connection.execute(update(task_schedules).where(task_schedules.c.id == row.id).values(is_active=0))
        connection.execute(update(tasks).where(tasks.c.id == row.task_id).values(last_error=message, updated_at=now))
        append(connection, now, [TaskLine(row.task_id, message, level="error", queue_type="schedule")])


def _fail_without_task(connection: Connection, now: datetime) -> None:
    """An item whose task is not there cannot run; it would keep its queue for ever."""
    orphaned = and_(task_queue.c.status == "waiting", ~exists().where(tasks.c.id == task_queue.c.task_id))
    values = {"status": "failed", "error_message": "there is no such task", "completed_at": now, "updated_at": now}
    connection.execute(update(task_queue).where(orphaned).values(values))


def _follow_changes(connection: Connection, now: datetime) -> None:
    """Items that wait for a later time: without their schedule they go, and they move with it."""
    waits = and_(
        task_queue.c.queue_type == "schedule",
        task_queue.c.status == "waiting",
        task_queue.c.retry_count == 0,
        moment(task_queue.c.next_retry_at) > now,
    )
    of = select(task_schedules).where(task_schedules.c.id == task_queue.c.schedule_id)
    off = select(task_queue.c.id).where(waits, of.where(task_schedules.c.is_active == 0).exists())
    _delete_items(connection, connection.execute(off).scalars().all())
    due = moment(_due_time())
    time = select(due).where(task_schedules.c.id == task_queue.c.schedule_id).scalar_subquery()
    moved = of.where(task_schedules.c.is_active == 1, due != moment(task_queue.c.next_retry_at)).exists()
    connection.execute(update(task_queue).where(waits, moved).values(next_retry_at=time, updated_at=now))


def _delete_items(connection: Connection, queue_ids: Sequence[int]) -> None:
    if queue_ids:
        connection.execute(update(task_logs).where(task_logs.c.queue_id.in_(queue_ids)).values(queue_id=None))
        connection.execute(delete(task_queue).where(task_queue.c.id.in_(queue_ids)))
