"""Batch jobs on a real database, with a counter that answers by script, a journal in memory, and a clock."""

import time
from collections.abc import Callable
from pathlib import Path

from components.batch_jobs import (
    RetryPolicy,
)
from components.batch_jobs.jobs import BatchJobs, BatchLimits
from components.batch_jobs.tables import BatchJob, BatchJobStore
from filters.entry import decode_lines
from tests.support.memory_journal import MemoryJournal
from tests.support.scripted_counter import ScriptedCounter
from tests.support.waiting import attempts

__all__ = ["AGAIN", "FAST", "A", "B", "Bench", "C"]

A, B, C = "batch_1_00000001", "batch_2_00000002", "batch_3_00000003"


FAST = BatchLimits(interval_seconds=0, job_retries_max=0, retries=RetryPolicy(first_seconds=0.001, attempts_max=3))


AGAIN = BatchLimits(interval_seconds=0, job_retries_max=2, job_retry_seconds=0.01)


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = MemoryJournal()
        self.counter = ScriptedCounter()
        self.clock = lambda: time.time_ns() // 1_000_000
        self.on_progress: Callable[[BatchJob], None] = lambda _: None
        self.jobs = self.made(FAST)

    def made(self, limits: BatchLimits) -> BatchJobs:
        store = BatchJobStore(self.path, durability="process")
        return BatchJobs(
            *(store, self.counter, self.journal, limits),
            on_progress=lambda job: self.on_progress(job),
            clock=lambda: self.clock(),
        )

    async def again(self, limits: BatchLimits = FAST) -> None:
        """Another life on the same database."""
        await self.jobs.close()
        self.jobs = self.made(limits)
        self.jobs.start()

    async def ended(self, job_id: str) -> BatchJob:
        """The job once its end was told."""
        async for _ in attempts("the job's end is told"):
            if (await self.journal.task_state(job_id)).ended is not None:
                break
        job = await self.jobs.find(job_id)
        assert job is not None
        return job

    async def lines(self, job_id: str) -> list[str]:
        records = await self.journal.records(0, bytes_max=1 << 30)
        return [
            entry.message
            for record in records
            if record.task_id == job_id
            for entry in decode_lines(list(record.lines))
        ]
