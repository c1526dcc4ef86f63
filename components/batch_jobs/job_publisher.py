"""Publishes what is stored of batch jobs: lines and stages to the journal, and progress to those who watch jobs."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from components.batch_jobs import job_events
from components.batch_jobs.tables import BatchJob, BatchJobStore
from storage.journal.interface import Journal

__all__ = ["JobPublisher", "ignore_error"]

_RESULTS_AT_A_TIME: Final = 200


class JobPublisher:
    """Appends the events of jobs that have changed, each once.

    Args:
        store: where jobs are.
        journal: gets lines, stages and ends.
        on_progress: gets a job whose new events are in the journal.
    """

    def __init__(self, store: BatchJobStore, journal: Journal, on_progress: Callable[[BatchJob], None]) -> None:
        self._store = store
        self._journal = journal
        self._on_progress = on_progress
        self._changed: dict[str, None] = {}
        self._numbers: dict[str, int] = {}  # of the last event of a job, if it is known

    def __repr__(self) -> str:
        return f"<JobPublisher changed={len(self._changed)}>"

    def add(self, job_ids: Iterable[str]) -> None:
        """These jobs may have events that are not published."""
        self._changed |= dict.fromkeys(job_ids)

    def restart(self, job_ids: Iterable[str]) -> None:
        """These jobs are tried again: their events are numbered anew."""
        for job_id in job_ids:
            self._numbers.pop(job_id, None)
            self._changed[job_id] = None

    def warn(self, job_id: str, message: str, milliseconds: int) -> None:
        """Append a line that is lost if the process ends now."""
        self._journal.append(job_events.line(job_id, "WARN", message, milliseconds)).add_done_callback(ignore_error)

    async def publish(self) -> None:
        """Append what is stored of changed jobs and was not published.

        Raises:
            StorageError: the journal cannot take it now; it is published later.
        """
        for job_id in list(self._changed):
            del self._changed[job_id]
            try:
                await self._publish(job_id)
            except BaseException:
                self._changed[job_id] = None
                self._numbers.pop(job_id, None)
                raise

    async def _publish(self, job_id: str) -> None:
        job = await self._store.find(job_id, results_max=0)
        if job is None:
            self._numbers.pop(job_id, None)
            return
        after = self._numbers.get(job_id)
        if after is None:
            after = await self._journal.last_number(job_events.producer_id(job))
        is_changed = False
        while True:
            first = job_events.first_position(job, after)
            job = await self._store.find(job_id, first=first, results_max=_RESULTS_AT_A_TIME)
            if job is None:
                break
            if not self._journal.is_writable:
                await self._journal.wait_writable()
            receipts = [self._journal.append(each) for each in job_events.appends(job, after)]
            if not receipts:
                break
            try:
                await asyncio.gather(*receipts)
            finally:
                for receipt in receipts:
                    receipt.add_done_callback(ignore_error)
            after += len(receipts)
            is_changed = True
        self._numbers[job_id] = after
        if job is None:
            del self._numbers[job_id]
        elif job.is_over:
            await self._store.set_published(job_id)
            del self._numbers[job_id]
        if job is not None and is_changed:
            self._on_progress(job)


def ignore_error(future: "asyncio.Future[Any]") -> None:
    """What was wrong is known by then, or shown elsewhere: the journal's troubles are in its own statistics."""
    if not future.cancelled():
        future.exception()
