"""What is kept of batch jobs: a page of them, what they add up to, and calls by API and day."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from components.batch_jobs.tables.records import ApiCalls, BatchJob, JobStatus, JobTotals
from components.batch_jobs.tables.repository import job_of
from components.batch_jobs.tables.schema import calls, jobs

__all__ = ["Calls", "Place", "add_calls", "page", "remove_calls", "totals"]

Place = tuple[int, str]
"""Where a job is in the list: when it was created, and its id."""

Calls = Mapping[tuple[str, str], tuple[int, int]]
"""By day and API: how many there were, and how many of them failed."""

_ROWS_AT_A_TIME: Final = 200


def page(
    connection: Connection,
    *,
    status: JobStatus | None,
    below: Place | None,
    limit: int,
    may_read: Callable[[str], bool] | None,
) -> list[BatchJob]:
    """Jobs, the newest first, without their keywords and results.

    Args:
        connection: for reading.
        status: of this status; None: of any.
        below: older than this place; None: from the newest on.
        limit: so many at most.
        may_read: leaves out jobs by their ids; None: nothing is left out.
    """
    place = tuple_(jobs.c.created_at, jobs.c.job_id)
    is_wanted: list[ColumnElement[bool]] = [] if status is None else [jobs.c.status == status.value]
    query = select(jobs).where(*is_wanted).order_by(jobs.c.created_at.desc(), jobs.c.job_id.desc())
    found: list[BatchJob] = []
    while True:
        step = query if below is None else query.where(place < below)
        rows = connection.execute(step.limit(_ROWS_AT_A_TIME)).all()
        found += [job_of(row) for row in rows if may_read is None or may_read(row.job_id)]
        if len(found) >= limit or len(rows) < _ROWS_AT_A_TIME:
            return found[:limit]
        below = (rows[-1].created_at, rows[-1].job_id)


def totals(connection: Connection, *, days_max: int) -> JobTotals:
    """What all jobs that are there add up to, and the calls of the last ``days_max`` days that have some."""
    sums = (func.count(), *(func.sum(column) for column in (jobs.c.current, *_SUMMED)))
    by_status = dict.fromkeys(JobStatus, 0)
    done = failed = took_ms = timed = retries = 0
    for status, count, *summed in connection.execute(select(jobs.c.status, *sums).group_by(jobs.c.status)):
        by_status[JobStatus(status)] = count
        done, failed, took_ms, timed, retries = (
            a + b for a, b in zip((done, failed, took_ms, timed, retries), summed, strict=True)
        )
    days = select(calls.c.day).distinct().order_by(calls.c.day.desc()).limit(days_max)
    rows = connection.execute(
        select(calls).where(calls.c.day.in_(days)).order_by(calls.c.day.desc(), calls.c.api)
    ).all()
    return JobTotals(
        jobs=by_status,
        counted=done - failed,
        failed=failed,
        mean_ms=round(took_ms / timed) if timed else None,
        retries=retries,
        calls=[ApiCalls(day=row.day, api=row.api, calls=row.calls, failed=row.failed) for row in rows],
    )


def add_calls(connection: Connection, made: Calls) -> None:
    """Add calls, and how many of them have failed, by day and API."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for (day, api), (count, failed) in made.items():
        row = insert(calls).values(day=day, api=api, calls=count, failed=failed)
        sums = {"calls": calls.c.calls + row.excluded.calls, "failed": calls.c.failed + row.excluded.failed}
        connection.execute(row.on_conflict_do_update(index_elements=["day", "api"], set_=sums))


def remove_calls(connection: Connection, before: str) -> None:
    """Remove those of the days before one."""
    connection.execute(delete(calls).where(calls.c.day < before))


_SUMMED: Final = (jobs.c.failed, jobs.c.took_ms, jobs.c.timed, jobs.c.retries)
