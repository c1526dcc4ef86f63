"""Account of the requests of batch jobs."""

import pytest

from components.batch_jobs import CounterUnavailableError
from components.batch_jobs.counted_calls import CountedCalls, day_of
from tests.support.scripted_counter import ScriptedCounter


async def test_calls_are_counted_by_day_and_api() -> None:
    """With those that failed, and each once: what was taken is not there again."""
    now = 1_767_225_600_000
    counter = ScriptedCounter()
    counter.script.append(CounterUnavailableError("busy"))
    calls = CountedCalls(counter, lambda: now)
    with pytest.raises(CounterUnavailableError):
        await calls.count("one", "blog")
    assert await calls.count("one", "blog") == 3
    now += 86_400_000
    await calls.count("one", "cafe")
    assert calls.take() == {("2026-01-01", "blog"): (2, 1), ("2026-01-02", "cafe"): (1, 0)}
    assert (calls.take(), calls.totals) == ({}, {"blog": 2, "cafe": 1})


@pytest.mark.parametrize(("hour", "day"), [(14, "2026-01-01"), (15, "2026-01-02")])
def test_a_day_is_that_of_korea(hour: int, day: str) -> None:
    """Where the quota begins anew at midnight, which is 15:00 UTC."""
    assert day_of(1_767_225_600_000 + hour * 3_600_000) == day
