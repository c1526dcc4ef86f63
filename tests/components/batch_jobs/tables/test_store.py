"""Batch jobs in their database: whose turn it is, what counts as a result, how long a job is kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.batch_jobs.tables import BatchJobStore, Priority


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[BatchJobStore]:
    opened = BatchJobStore(tmp_path / "a.db", durability="process")
    yield opened
    await opened.close()


async def create(store: BatchJobStore, job_id: str, *keywords: str, now: int, priority: Priority) -> None:
    await store.create(job_id, keywords, priority, active_max=10, now=now)


async def test_turns_go_by_priority_and_then_by_age(store: BatchJobStore) -> None:
    """Whatever the jobs' ids are; a job has the turn until its last keyword."""
    await create(store, "b", "old", "older", now=1, priority=Priority.NORMAL)
    await create(store, "a", "young", now=2, priority=Priority.NORMAL)
    await create(store, "c", "urgent", now=3, priority=Priority.HIGH)
    asked = []
    while (item := await store.begin_next(now=4)) is not None:
        asked.append(item.keyword)
        await store.record(item, {}, None, now=5)
    assert asked == ["urgent", "old", "older", "young"]


async def test_a_result_is_stored_once(store: BatchJobStore) -> None:
    """A second one of the same keyword changes neither the first nor how far the job is."""
    await create(store, "a", "one", "two", now=1, priority=Priority.NORMAL)
    item = await store.begin_next(now=2)
    assert item is not None
    await store.record(item, {"blog": 1}, None, now=3)
    assert await store.record(item, {"blog": 2}, None, now=4) is None
    job = await store.find("a", results_max=10)
    assert job is not None
    assert (job.current, [result.counts for result in job.results]) == (1, [{"blog": 1}])


async def test_a_result_of_a_job_that_has_ended_is_not_stored(store: BatchJobStore) -> None:
    """What it ended with stays."""
    await create(store, "a", "one", now=1, priority=Priority.NORMAL)
    item = await store.begin_next(now=2)
    assert item is not None
    await store.end("a", "cancelled", now=3)
    assert await store.record(item, {"blog": 1}, None, now=4) is None
    job = await store.find("a", results_max=10)
    assert job is not None
    assert (job.status, job.error, job.current, job.completed_at) == ("failed", "cancelled", 0, 3)


async def test_jobs_are_removed_by_their_end(store: BatchJobStore) -> None:
    """Those that ended by then and no others, and what is left says when to look again."""
    for number, ended in enumerate([20, 30, None], start=1):
        await create(store, f"job-{number}", "one", now=number, priority=Priority.NORMAL)
        if ended is not None:
            await store.end(f"job-{number}", "x", now=ended)
    assert await store.remove_finished(19) == 20
    assert await store.remove_finished(20) == 30
    assert await store.job_ids() == ["job-2", "job-3"]
    assert await store.remove_finished(30) is None
    assert await store.job_ids() == ["job-3"]
