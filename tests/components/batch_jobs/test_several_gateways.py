"""Batch jobs that several gateways share on PostgreSQL."""

import asyncio
from collections.abc import Callable

from components.batch_jobs import RetryPolicy
from components.batch_jobs.jobs import BatchJobs, BatchLimits
from components.batch_jobs.tables import BatchJobStore, JobStatus, Priority
from tests.support.memory_journal import MemoryJournal
from tests.support.postgres_server import PostgresServer
from tests.support.scripted_counter import ScriptedCounter
from tests.support.waiting import attempts

FAST = BatchLimits(
    interval_seconds=0, active_max=9, job_retries_max=0, retries=RetryPolicy(first_seconds=0.001, attempts_max=3)
)
WORDS = ("one", "two", "three")


def _gateway(url: str, journal: MemoryJournal, is_leader: Callable[[], bool]) -> tuple[BatchJobs, ScriptedCounter]:
    counter = ScriptedCounter()
    return BatchJobs(BatchJobStore(url), counter, journal, FAST, is_leader=is_leader), counter


async def _completed(jobs: BatchJobs, job_id: str) -> None:
    async for _ in attempts(f"{job_id} is completed"):
        job = await jobs.find(job_id)
        if job is not None and job.status is JobStatus.COMPLETED:
            return


async def test_the_leader_works_on_jobs_of_every_gateway(postgres: PostgresServer) -> None:
    """One that takes over continues with the next keyword: none is asked for twice or left out."""
    url, journal, leader = await postgres.add_schema(), MemoryJournal(), "a"
    first, asked = _gateway(url, journal, lambda: leader == "a")
    second, asked_then = _gateway(url, journal, lambda: leader == "b")
    first.start()
    second.start()
    await second.create("batch_1_00000001", WORDS, Priority.NORMAL)
    await _completed(second, "batch_1_00000001")
    leader = "b"
    await first.create("batch_2_00000002", WORDS, Priority.NORMAL)
    await _completed(first, "batch_2_00000002")
    await asyncio.gather(first.close(), second.close())
    wanted = [(word, category) for word in WORDS for category in ScriptedCounter.categories]
    assert asked.asked[: len(wanted)] == wanted
    assert asked.asked[len(wanted) :] + asked_then.asked == wanted  # it ends a keyword that it has begun
    assert asked_then.asked
