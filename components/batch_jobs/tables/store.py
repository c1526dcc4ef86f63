"""The store of batch jobs: one thread that reads and writes, asked from the event loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Literal, TypeVar

from sqlalchemy import Connection

from components.batch_jobs.tables import history, repository
from components.batch_jobs.tables.records import BatchJob, BegunItem, JobStatus, JobTotals, Priority
from components.batch_jobs.tables.schema import metadata
from storage.tables import DatabaseLocation, TableDatabase

__all__ = ["BatchJobStore"]

T = TypeVar("T")


class BatchJobStore:
    """Batch jobs in the journal's database; belongs to one event loop. What a method has returned is on the disk.

    Every method raises ``StorageUnavailableError`` if the database is unavailable.
    """

    def __init__(self, location: DatabaseLocation, *, durability: Literal["full", "process"] = "full") -> None:
        self._database = TableDatabase(location, create=metadata.create_all, durability=durability, name="batch jobs")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch-jobs")

    def __repr__(self) -> str:
        return f"<BatchJobStore {self._database.location}>"

    @property
    def is_shared(self) -> bool:
        """Whether several gateways may use the tables."""
        return self._database.is_shared

    async def create(
        self, job_id: str, keywords: Sequence[str], priority: Priority, *, active_max: int, now: int
    ) -> None:
        """Store a new job.

        Raises:
            ActiveJobsError: ``active_max`` are active.
        """
        await self._write(
            lambda found: repository.create(found, job_id, keywords, priority, active_max=active_max, now=now)
        )

    async def take_over(self) -> None:
        """Start as the only worker. Claims of other workers become invalid."""
        await self._write(repository.release_claims)

    async def begin_next(self, owner: str = "", *, now: int, claimed_until: int = 0) -> BegunItem | None:
        """The keyword to ask for now: the next of the first job of high priority, or else of normal.

        None if there is none, or while the claim of another owner counts.
        """
        return await self._write(
            lambda found: repository.begin_next(found, owner, now=now, claimed_until=claimed_until)
        )

    async def record(
        self,
        item: BegunItem,
        counts: Mapping[str, int],
        error: str | None,
        *,
        calls: history.Calls = MappingProxyType({}),
        took_ms: int = 0,
        now: int,
    ) -> BatchJob | None:
        """Store what became of a keyword, and the calls made until then; None if its job has ended meanwhile."""

        def write(connection: Connection) -> BatchJob | None:
            history.add_calls(connection, calls)
            return repository.record(connection, item, counts, error, took_ms=took_ms, now=now)

        return await self._write(write)

    async def end(
        self, job_id: str, error: str, *, now: int, retries_max: int = 0, retry_at: int | None = None
    ) -> BatchJob | None:
        """Let a job fail, until it is tried again at ``retry_at`` if that was done less than ``retries_max`` times.

        One that has ended stays as it is; None if there is none.
        """
        return await self._write(
            lambda found: repository.end(found, job_id, error, now=now, retries_max=retries_max, retry_at=retry_at)
        )

    async def retry_due(self, *, now: int) -> tuple[list[str], int | None]:
        """Make failed jobs whose time has come pending again; their ids, and when the next one is due."""
        return await self._write(lambda found: repository.retry_due(found, now=now))

    async def page(
        self,
        *,
        status: JobStatus | None = None,
        below: history.Place | None = None,
        limit: int,
        may_read: Callable[[str], bool] | None = None,
    ) -> list[BatchJob]:
        """Jobs, the newest first, without their keywords and results: see ``history.page``."""
        return await self._read(
            lambda found: history.page(found, status=status, below=below, limit=limit, may_read=may_read)
        )

    async def totals(self, *, days_max: int) -> JobTotals:
        """What the jobs add up to, and the calls of the last so many days."""
        return await self._read(lambda found: history.totals(found, days_max=days_max))

    async def add_calls(self, made: history.Calls) -> None:
        """Add calls, and how many of them have failed, by day and API."""
        await self._write(lambda found: history.add_calls(found, made))

    async def remove_calls(self, before: str) -> None:
        """Remove the calls of the days before one."""
        await self._write(lambda found: history.remove_calls(found, before))

    async def find(
        self, job_id: str, *, first: int = 0, results_max: int, with_keywords: bool = False
    ) -> BatchJob | None:
        """A job with at most so many of its results, from position ``first`` on, and with its keywords if asked for."""
        return await self._read(
            lambda found: repository.find(
                found, job_id, first=first, results_max=results_max, with_keywords=with_keywords
            )
        )

    async def unpublished_ids(self) -> list[str]:
        """Jobs that may have events which are not published, the oldest first."""
        return await self._read(repository.unpublished_ids)

    async def set_published(self, job_id: str) -> None:
        """Note that a job has ended, and all of its events are published."""
        await self._write(lambda found: repository.set_published(found, job_id))

    async def remove_finished(self, before: int) -> int | None:
        """Remove some jobs that ended at ``before`` or earlier; when the oldest of the others that have ended did."""
        return await self._write(lambda found: repository.remove_finished(found, before))

    async def close(self) -> None:
        """End the thread; idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._database.close)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._database.read, query)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._database.write, work)
