"""The store of batch jobs: one thread that reads and writes, asked from the event loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import Connection

from components.batch_jobs.tables import repository
from components.batch_jobs.tables.records import BatchJob, BegunItem, Priority
from components.batch_jobs.tables.schema import metadata
from storage.tables import TableDatabase

__all__ = ["BatchJobStore"]

T = TypeVar("T")


class BatchJobStore:
    """Batch jobs in the journal's database; belongs to one event loop. What a method has returned is on the disk.

    Every method raises ``StorageUnavailableError`` where the database cannot be used now.
    """

    def __init__(self, path: Path, *, durability: Literal["full", "process"] = "full") -> None:
        self._database = TableDatabase(path, create=metadata.create_all, durability=durability)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch-jobs")

    def __repr__(self) -> str:
        return f"<BatchJobStore {self._database.path}>"

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

    async def begin_next(self, *, now: int) -> BegunItem | None:
        """The keyword to ask for now: the next of the first job of high priority, or else of normal."""
        return await self._write(lambda found: repository.begin_next(found, now=now))

    async def record(
        self, item: BegunItem, counts: Mapping[str, int], error: str | None, *, now: int
    ) -> BatchJob | None:
        """Store what became of a keyword; None where its job has ended meanwhile."""
        return await self._write(lambda found: repository.record(found, item, counts, error, now=now))

    async def end(self, job_id: str, error: str, *, now: int) -> BatchJob | None:
        """Let an active job fail; one that has ended stays as it is, None if there is none."""
        return await self._write(lambda found: repository.end(found, job_id, error, now=now))

    async def find(
        self, job_id: str, *, first: int = 0, results_max: int, with_keywords: bool = False
    ) -> BatchJob | None:
        """A job with at most so many of its results, from position ``first`` on, and with its keywords if asked for."""
        return await self._read(
            lambda found: repository.find(
                found, job_id, first=first, results_max=results_max, with_keywords=with_keywords
            )
        )

    async def job_ids(self) -> list[str]:
        """All jobs that there are, the oldest first."""
        return await self._read(repository.job_ids)

    async def remove_finished(self, before: int) -> int | None:
        """Remove some jobs that ended at ``before`` or earlier; when the oldest of the others that have ended did."""
        return await self._write(lambda found: repository.remove_finished(found, before))

    async def close(self) -> None:
        """End the thread; idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        self._database.close()

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._database.read, query)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._database.write, work)
