"""Batch jobs in their database: whose turn it is, what counts as a result, how long a job is kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from components.batch_jobs.tables import BatchJobStore, Priority
from storage.errors import RecordRefusedError
from storage.tables import DatabaseLocation, TableDatabase


@pytest.fixture
async def store(location: DatabaseLocation) -> AsyncIterator[BatchJobStore]:
    opened = BatchJobStore(location, durability="process")
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
    assert [job.id for job in await store.page(limit=9)] == ["job-3", "job-2"]
    assert await store.remove_finished(30) is None
    assert [job.id for job in await store.page(limit=9)] == ["job-3"]


async def test_one_gateway_at_a_time_has_a_job(store: BatchJobStore) -> None:
    """Another one gets nothing while the claim counts, and the same keyword after that."""
    await create(store, "a", "one", now=1, priority=Priority.NORMAL)
    await create(store, "b", "two", now=2, priority=Priority.NORMAL)
    item = await store.begin_next("first", now=10, claimed_until=20)
    assert item is not None
    assert await store.begin_next("second", now=19, claimed_until=29) is None
    taken = await store.begin_next("second", now=20, claimed_until=30)
    assert taken is not None
    assert (taken.job_id, taken.position, taken.begun) == ("a", 0, 2)
    await store.record(taken, {}, None, now=21)
    following = await store.begin_next("first", now=22, claimed_until=32)
    assert following is not None
    assert following.job_id == "b"


async def test_the_database_lets_one_job_be_claimed(store: BatchJobStore, location: DatabaseLocation) -> None:
    """Also of a program that does not look."""
    for number in (1, 2):
        await create(store, f"job-{number}", "one", now=number, priority=Priority.NORMAL)
    claim = "UPDATE otto_batch_jobs SET claim = 1"
    other = TableDatabase(location)
    with pytest.raises(RecordRefusedError):
        await asyncio.to_thread(other.write, lambda found: found.exec_driver_sql(claim))
    await asyncio.to_thread(other.close)


async def test_a_failed_job_comes_back_at_its_time(store: BatchJobStore) -> None:
    """Pending, with what was done; it is not removed before, however old it is."""
    await create(store, "a", "one", "two", now=1, priority=Priority.NORMAL)
    item = await store.begin_next(now=2)
    assert item is not None
    await store.record(item, {"blog": 1}, None, now=3)
    await store.end("a", "refused", now=4, retries_max=1, retry_at=64)
    assert await store.remove_finished(1000) is None
    assert await store.retry_due(now=63) == ([], 64)
    assert await store.retry_due(now=64) == (["a"], None)
    job = await store.find("a", results_max=9)
    assert job is not None
    assert (job.status, job.current, job.first, job.retries, job.error) == ("pending", 1, 1, 1, None)
    await store.end("a", "refused", now=70, retries_max=1, retry_at=130)
    assert await store.retry_due(now=200) == ([], None)
