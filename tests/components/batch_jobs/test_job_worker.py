"""The worker of batch jobs: whose turn it is, how long it pauses, what a stop waits for, what it removes."""

import asyncio
from types import SimpleNamespace

import pytest

from components.batch_jobs import (
    CounterUnavailableError,
    QuotaError,
    RetryPolicy,
)
from components.batch_jobs.jobs import ActiveJobsError, BatchLimits
from components.batch_jobs.tables import Priority
from tests.support.job_bench import A, B, Bench, C
from tests.support.waiting import attempts, until


def timeouts(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """For how long the worker has slept since; what is short of a minute takes no time."""
    slept: list[float | None] = []

    def timeout(seconds: float | None) -> asyncio.Timeout:
        slept.append(seconds)
        return asyncio.timeout(0 if seconds and seconds < 60 else seconds)

    monkeypatch.setattr("components.batch_jobs.jobs.asyncio", SimpleNamespace(**{**vars(asyncio), "timeout": timeout}))
    return slept


async def test_only_so_many_at_a_time(bench: Bench) -> None:
    """The next one is refused, until one has ended."""
    bench.counter.held = "one"
    bench.jobs.start()
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    with pytest.raises(ActiveJobsError):
        await bench.jobs.create(B, ["two"], Priority.HIGH)
    bench.counter.go_on.set()
    await bench.ended(A)
    await bench.jobs.create(B, ["two"], Priority.HIGH)
    await bench.ended(B)


async def test_high_goes_before_normal(bench: Bench) -> None:
    """From the next keyword on, also if the other job has begun."""
    await bench.again(BatchLimits(interval_seconds=0, active_max=2))
    bench.counter.held = "one"
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    await bench.counter.reached.wait()
    await bench.jobs.create(B, ["three", "four"], Priority.HIGH)
    bench.counter.go_on.set()
    await bench.ended(A)
    words = [keyword for keyword, category in bench.counter.asked if category == "blog"]
    assert words == ["one", "three", "four", "two"]


async def test_there_is_a_pause_behind_each_keyword(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the length that is set, also if the keyword could not be counted."""
    slept = timeouts(monkeypatch)
    await bench.again(BatchLimits(interval_seconds=7, kept_seconds=1_000_000, retries=RetryPolicy(attempts_max=1)))
    bench.counter.script.append(CounterUnavailableError("busy"))
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    await until(lambda: slept and (slept[-1] or 0) > 7, "it idles until the job is removed")
    assert [seconds for seconds in slept if seconds and seconds < 900_000] == [7, 7]


async def test_a_stop_waits_for_the_answer(bench: Bench) -> None:
    """It is stored, so the next start asks for nothing twice."""
    bench.counter.held = "one"
    bench.jobs.start()
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    await bench.counter.reached.wait()
    closing = asyncio.create_task(bench.jobs.close(grace_seconds=20))
    await asyncio.sleep(0)
    bench.counter.go_on.set()
    await closing
    await bench.again()
    assert (await bench.ended(A)).repeated == 0
    assert len(bench.counter.asked) == 4


async def test_cut_off_while_it_is_asked(bench: Bench) -> None:
    """Without an answer in time it is asked again after the start, and that is counted."""
    bench.counter.held = "one"
    bench.jobs.start()
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    await bench.counter.reached.wait()
    await bench.again()
    assert (await bench.ended(A)).repeated == 1
    assert bench.jobs.statistics.repeated == 1


async def test_a_stop_does_not_wait_for_the_quota(bench: Bench) -> None:
    """Nor for any other attempt."""
    bench.counter.script.append(QuotaError("full", 100))
    bench.jobs.start()
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    await until(lambda: bench.jobs.statistics.retries, "a retry waits")
    await bench.jobs.close(grace_seconds=60)
    assert bench.counter.is_closed


async def test_finished_jobs_are_removed(bench: Bench) -> None:
    """After a while; their lines stay as long as those of any task."""
    await bench.again(BatchLimits(interval_seconds=0, kept_seconds=0.2))
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    async for _ in attempts("the job is removed"):
        if (await bench.journal.task_state(A)).ended is not None and await bench.jobs.find(A) is None:
            break
    assert await bench.lines(A)


async def test_a_finished_job_is_kept_as_long_as_is_set(bench: Bench) -> None:
    """Seconds of the limit against milliseconds of the clock: until then it can be asked for, and then not."""
    now = 1_000_000
    bench.clock = lambda: now
    await bench.again(BatchLimits(interval_seconds=0, kept_seconds=60))
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    await bench.ended(A)
    for later, other, is_kept in ((59_999, B, True), (1, C, False)):
        now += later
        await bench.again(BatchLimits(interval_seconds=0, kept_seconds=60))
        await bench.jobs.create(other, ["one", "two"], Priority.NORMAL)
        await bench.ended(other)  # before the second keyword at the latest, this life has removed what it removes
        assert (await bench.jobs.find(A) is not None) == is_kept


@pytest.mark.parametrize(("ended_at", "seconds"), [(None, None), (940_010, 0.05), (970_000, 30), (1_000_000, 60)])
async def test_an_idle_worker_sleeps_until_the_next_job_is_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ended_at: int | None, seconds: float | None
) -> None:
    """And for as long as nobody wakes it where there is none."""
    if ended_at is not None:
        bench.clock = lambda: ended_at
        bench.jobs.start()
        await bench.jobs.create(A, ["one"], Priority.NORMAL)
        await bench.ended(A)
    await bench.jobs.close()
    slept = timeouts(monkeypatch)
    bench.clock = lambda: 1_000_000
    bench.jobs = bench.made(BatchLimits(kept_seconds=60))
    bench.jobs.start()
    await until(lambda: slept, "it sleeps")
    assert slept[0] == seconds
