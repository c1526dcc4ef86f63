"""Writing and reading batch jobs on one connection; transactions are the caller's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, case, delete, func, insert, literal, or_, select, update

from components.batch_jobs.tables.records import ActiveJobsError, BatchItem, BatchJob, BegunItem, JobStatus, Priority
from components.batch_jobs.tables.schema import items, jobs

__all__ = [
    "begin_next",
    "create",
    "end",
    "find",
    "job_of",
    "record",
    "release_claims",
    "remove_finished",
    "retry_due",
    "set_published",
    "unpublished_ids",
]

_ACTIVE: Final = (JobStatus.PENDING.value, JobStatus.PROCESSING.value)
_FINAL: Final = (JobStatus.COMPLETED.value, JobStatus.FAILED.value)
_REMOVED_AT_A_TIME: Final = 20
_NOBODY: Final = {"claim": None, "claimed_by": None, "claimed_until": None}


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


def begin_next(connection: Connection, owner: str, *, now: int, claimed_until: int) -> BegunItem | None:
    """Claim the job that is first, and note that its next keyword is about to be asked for.

    Args:
        connection: in a transaction.
        owner: who works.
        now: milliseconds since the Unix epoch.
        claimed_until: when another owner may take the job.

    Returns:
        the keyword; None if nothing is to be done, or another owner works.
    """
    of_others = (jobs.c.claim == 1, jobs.c.claimed_by != owner, jobs.c.claimed_until > now)
    if connection.execute(select(jobs.c.job_id).where(*of_others)).first() is not None:
        return None
    order = (jobs.c.priority.desc(), jobs.c.created_at, jobs.c.job_id)
    job = connection.execute(select(jobs).where(jobs.c.status.in_(_ACTIVE)).order_by(*order).limit(1)).first()
    if job is None:
        return None
    is_it = (items.c.job_id == job.job_id, items.c.position == job.current)
    release_claims(connection, besides=job.job_id)
    connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job.job_id)
        .values(
            status=JobStatus.PROCESSING.value,
            started_at=func.coalesce(jobs.c.started_at, now),
            claim=1,
            claimed_by=owner,
            claimed_until=claimed_until,
        )
    )
    connection.execute(update(items).where(*is_it).values(begun=items.c.begun + 1))
    item = connection.execute(select(items).where(*is_it)).one()
    return BegunItem(
        job_id=job.job_id,
        position=item.position,
        keyword=item.keyword,
        begun=item.begun,
        is_first=item.position == job.first,
    )


def release_claims(connection: Connection, *, besides: str = "") -> None:
    """No job is worked on, except the one that is named."""
    is_claimed = (jobs.c.claim == 1, jobs.c.job_id != besides)
    connection.execute(update(jobs).where(*is_claimed).values(**_NOBODY))


def record(
    connection: Connection, item: BegunItem, counts: Mapping[str, int], error: str | None, *, took_ms: int, now: int
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
    values: dict[str, Any] = {
        "current": item.position + 1,
        "failed": jobs.c.failed + int(error is not None),
        "took_ms": jobs.c.took_ms + took_ms,
        "timed": jobs.c.timed + 1,
    }
    if item.position + 1 == job.total:
        values |= {"status": JobStatus.COMPLETED.value, "completed_at": now, **_NOBODY}
    connection.execute(update(jobs).where(is_job).values(**values))
    return find(connection, item.job_id, results_max=0)


def end(
    connection: Connection,
    job_id: str,
    error: str,
    *,
    now: int,
    retries_max: int = 0,
    retry_at: int | None = None,
) -> BatchJob | None:
    """Let a job fail that is active or to be tried again, and leave any other as it is; None if there is none.

    Args:
        connection: in a transaction.
        job_id: the job.
        error: why it fails.
        now: milliseconds since the Unix epoch.
        retries_max: how often a job is tried again.
        retry_at: when it is, if that has not been done so often; None: it is not.
    """
    is_open = (jobs.c.job_id == job_id, or_(jobs.c.status.in_(_ACTIVE), jobs.c.retry_at.is_not(None)))
    connection.execute(
        update(jobs)
        .where(*is_open)
        .values(
            status=JobStatus.FAILED.value,
            error=error,
            completed_at=func.coalesce(jobs.c.completed_at, now),
            retry_at=case((jobs.c.retries < retries_max, literal(retry_at, jobs.c.retry_at.type)), else_=None),
            **_NOBODY,
        )
    )
    return find(connection, job_id, results_max=0)


def retry_due(connection: Connection, *, now: int) -> tuple[list[str], int | None]:
    """Put failed jobs whose time has come back among those that are pending, as far as they have come.

    Returns:
        their ids, and when the next one is due.
    """
    is_due = jobs.c.retry_at <= now
    due = list(connection.execute(select(jobs.c.job_id).where(is_due).order_by(jobs.c.retry_at)).scalars())
    if due:
        connection.execute(
            update(jobs)
            .where(is_due)
            .values(
                status=JobStatus.PENDING.value,
                retries=jobs.c.retries + 1,
                first=jobs.c.current,
                queued_at=now,
                retry_at=None,
                error=None,
                started_at=None,
                completed_at=None,
            )
        )
        # It was answered when it was asked for: with the refusal that the job has failed with.
        connection.execute(update(items).where(items.c.job_id.in_(due), items.c.done_at.is_(None)).values(begun=0))
    following: int | None = connection.execute(select(func.min(jobs.c.retry_at))).scalar_one()
    return due, following


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
    return replace(job_of(row), repeated=repeated, results=[_item(each) for each in found], keywords=keywords)


def job_of(row: Row[Any]) -> BatchJob:
    """A job from its row alone."""
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
        retries=row.retries,
        retry_at=row.retry_at,
        queued_at=row.queued_at,
        first=row.first,
        failed=row.failed,
        took_ms=row.took_ms,
        timed=row.timed,
    )


def unpublished_ids(connection: Connection) -> list[str]:
    """Jobs that may have events which are not published, the oldest first."""
    query = select(jobs.c.job_id).where(jobs.c.published == 0).order_by(jobs.c.created_at, jobs.c.job_id)
    return list(connection.execute(query).scalars())


def set_published(connection: Connection, job_id: str) -> None:
    """A job has ended, and all of its events are published."""
    connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(published=1))


def remove_finished(connection: Connection, before: int) -> int | None:
    """Remove some jobs that ended at ``before`` or earlier; when the oldest ended that is left, None if none is."""
    has_ended = (jobs.c.status.in_(_FINAL), jobs.c.retry_at.is_(None))
    is_old = (*has_ended, jobs.c.completed_at <= before)
    old = list(connection.execute(select(jobs.c.job_id).where(*is_old).limit(_REMOVED_AT_A_TIME)).scalars())
    if old:
        connection.execute(delete(items).where(items.c.job_id.in_(old)))
        connection.execute(delete(jobs).where(jobs.c.job_id.in_(old)))
    left: int | None = connection.execute(select(func.min(jobs.c.completed_at)).where(*has_ended)).scalar_one()
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
