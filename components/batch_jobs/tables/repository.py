"""Writing and reading batch jobs on one connection; transactions are the caller's."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from components.batch_jobs.tables.records import ActiveJobsError, BatchItem, BatchJob, BegunItem, JobStatus, Priority
from components.batch_jobs.tables.schema import items, jobs

__all__ = ["begin_next", "create", "end", "find", "job_ids", "record", "remove_finished"]

_ACTIVE: Final = (JobStatus.PENDING.value, JobStatus.PROCESSING.value)
_FINAL: Final = (JobStatus.COMPLETED.value, JobStatus.FAILED.value)
_REMOVED_AT_A_TIME: Final = 20


def create(
    connection: Connection, job_id: str, keywords: Sequence[str], priority: Priority, *, active_max: int, now: int
) -> None:
    """Store a new job.

    Raises:
        ActiveJobsError: ``active_max`` are active; nothing is stored.
    """
    active = connection.execute(select(func.count()).select_from(jobs).where(jobs.c.status.in_(_ACTIVE))).scalar_one()
    if active >= active_max:
        raise ActiveJobsError
    connection.execute(
        insert(jobs).values(
            job_id=job_id, priority=int(priority), status=_ACTIVE[0], current=0, total=len(keywords), created_at=now
        )
    )
    rows = [{"job_id": job_id, "position": position, "keyword": word} for position, word in enumerate(keywords)]
    connection.execute(insert(items), rows)


def begin_next(connection: Connection, *, now: int) -> BegunItem | None:
    """Note that the next keyword of the job that is first is about to be asked for; None: there is nothing to do."""
    order = (jobs.c.priority.desc(), jobs.c.created_at, jobs.c.job_id)
    job = connection.execute(select(jobs).where(jobs.c.status.in_(_ACTIVE)).order_by(*order).limit(1)).first()
    if job is None:
        return None
    is_it = (items.c.job_id == job.job_id, items.c.position == job.current)
    started = func.coalesce(jobs.c.started_at, now)
    connection.execute(
        update(jobs).where(jobs.c.job_id == job.job_id).values(status=JobStatus.PROCESSING.value, started_at=started)
    )
    connection.execute(update(items).where(*is_it).values(begun=items.c.begun + 1))
    item = connection.execute(select(items).where(*is_it)).one()
    return BegunItem(job_id=job.job_id, position=item.position, keyword=item.keyword, begun=item.begun)


def record(
    connection: Connection, item: BegunItem, counts: Mapping[str, int], error: str | None, *, now: int
) -> BatchJob | None:
    """Store what became of a keyword; the last one completes its job. None if the job has ended meanwhile."""
    is_job = jobs.c.job_id == item.job_id
    job = connection.execute(select(jobs).where(is_job, jobs.c.status.in_(_ACTIVE))).first()
    if job is None or job.current != item.position:
        return None
    connection.execute(
        update(items)
        .where(items.c.job_id == item.job_id, items.c.position == item.position)
        .values(counts=json.dumps(dict(counts)), error=error, done_at=now)
    )
    values: dict[str, Any] = {"current": item.position + 1}
    if item.position + 1 == job.total:
        values |= {"status": JobStatus.COMPLETED.value, "completed_at": now}
    connection.execute(update(jobs).where(is_job).values(**values))
    return find(connection, item.job_id, results_max=0)


def end(connection: Connection, job_id: str, error: str, *, now: int) -> BatchJob | None:
    """Let an active job fail, and leave any other as it is; the job, or None if there is none."""
    is_active = (jobs.c.job_id == job_id, jobs.c.status.in_(_ACTIVE))
    connection.execute(
        update(jobs).where(*is_active).values(status=JobStatus.FAILED.value, error=error, completed_at=now)
    )
    return find(connection, job_id, results_max=0)


def find(
    connection: Connection, job_id: str, *, first: int = 0, results_max: int, with_keywords: bool = False
) -> BatchJob | None:
    """A job with at most so many of its results, from position ``first`` on, and with its keywords if asked for."""
    row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).first()
    if row is None:
        return None
    is_repeated = (items.c.job_id == job_id, items.c.begun > 1)
    repeated = connection.execute(select(func.count()).select_from(items).where(*is_repeated)).scalar_one()
    found: Sequence[Row[Any]] = ()
    if results_max:
        done = (items.c.job_id == job_id, items.c.position >= first, items.c.position < row.current)
        found = connection.execute(select(items).where(*done).order_by(items.c.position).limit(results_max)).all()
    keywords: Sequence[str] = ()
    if with_keywords:
        of_job = select(items.c.keyword).where(items.c.job_id == job_id).order_by(items.c.position)
        keywords = connection.execute(of_job).scalars().all()
    return BatchJob(
        id=row.job_id,
        priority=Priority(row.priority),
        status=JobStatus(row.status),
        current=row.current,
        total=row.total,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        repeated=repeated,
        results=[_item(each) for each in found],
        keywords=keywords,
    )


def job_ids(connection: Connection) -> list[str]:
    """All jobs, the oldest first."""
    return list(connection.execute(select(jobs.c.job_id).order_by(jobs.c.created_at, jobs.c.job_id)).scalars())


def remove_finished(connection: Connection, before: int) -> int | None:
    """Remove some jobs that ended at ``before`` or earlier; when the oldest ended that is left, None if none is."""
    is_old = (jobs.c.status.in_(_FINAL), jobs.c.completed_at <= before)
    old = list(connection.execute(select(jobs.c.job_id).where(*is_old).limit(_REMOVED_AT_A_TIME)).scalars())
    if old:
        connection.execute(delete(items).where(items.c.job_id.in_(old)))
        connection.execute(delete(jobs).where(jobs.c.job_id.in_(old)))
    left: int | None = connection.execute(
        select(func.min(jobs.c.completed_at)).where(jobs.c.status.in_(_FINAL))
    ).scalar_one()
    return left


def _item(row: Row[Any]) -> BatchItem:
    return BatchItem(
        position=row.position,
        keyword=row.keyword,
        begun=row.begun,
        counts=json.loads(row.counts or "{}"),
        error=row.error,
        done_at=row.done_at or 0,
    )
