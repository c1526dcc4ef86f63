"""What is kept of batch jobs: pages of the list, what jobs add up to, and calls by day."""

from collections.abc import AsyncIterator

import pytest

from components.batch_jobs.tables import BatchJobStore, JobStatus, Priority
from storage.tables import DatabaseLocation


@pytest.fixture
async def store(location: DatabaseLocation) -> AsyncIterator[BatchJobStore]:
    opened = BatchJobStore(location, durability="process")
    for number in range(5):
        await opened.create(f"job-{number}", ["one"], Priority.NORMAL, active_max=9, now=number // 2)
    yield opened
    await opened.close()


async def test_pages_of_jobs_have_each_once(store: BatchJobStore) -> None:
    """The newest first, by their ids where they are as old, whatever is created or removed between two pages."""
    first = await store.page(limit=2)
    await store.create("job-5", ["one"], Priority.NORMAL, active_max=9, now=9)
    second = await store.page(limit=2, below=(first[-1].created_at, first[-1].id))
    third = await store.page(limit=2, below=(second[-1].created_at, second[-1].id))
    assert [job.id for job in (*first, *second, *third)] == [f"job-{number}" for number in (4, 3, 2, 1, 0)]


async def test_a_page_of_jobs_is_filtered(store: BatchJobStore) -> None:
    """By status, and by what one may read, so that a page is full although others are left out."""
    await store.end("job-3", "x", now=9)
    assert [job.id for job in await store.page(status=JobStatus.FAILED, limit=9)] == ["job-3"]
    found = await store.page(limit=2, may_read=lambda job_id: job_id in {"job-0", "job-1"})
    assert [job.id for job in found] == ["job-1", "job-0"]


async def test_totals_of_jobs_are_those_that_are_there(store: BatchJobStore) -> None:
    """Jobs by status, keywords by result, and the mean of the times that are known."""
    for error, took_ms in ((None, 100), ("refused", 300)):
        item = await store.begin_next(now=10)
        assert item is not None
        await store.record(item, {}, error, took_ms=took_ms, now=11)
    found = await store.totals(days_max=1)
    assert (found.jobs[JobStatus.COMPLETED], found.jobs[JobStatus.PENDING]) == (2, 3)
    assert (found.counted, found.failed, found.mean_ms) == (1, 1, 200)
    assert [job.mean_ms for job in await store.page(limit=9, status=JobStatus.COMPLETED)] == [300, 100]


async def test_calls_are_added_by_day_and_api(store: BatchJobStore) -> None:
    """The newest days are shown, and old ones are removed."""
    await store.add_calls({("2026-01-01", "blog"): (3, 1), ("2026-01-02", "blog"): (1, 0)})
    await store.add_calls({("2026-01-02", "blog"): (4, 2), ("2026-01-02", "cafe"): (1, 1)})
    newest = (await store.totals(days_max=1)).calls
    assert [(call.api, call.calls, call.failed) for call in newest] == [("blog", 5, 2), ("cafe", 1, 1)]
    await store.remove_calls("2026-01-02")
    assert {call.day for call in (await store.totals(days_max=9)).calls} == {"2026-01-02"}
