"""Asking again."""

import pytest

from components.batch_jobs import CounterError, CounterUnavailableError, KeywordRefusedError, QuotaError, RetryPolicy
from components.batch_jobs.retries import count_documents
from tests.support.scripted_counter import ScriptedCounter


async def ask(counter: ScriptedCounter, policy: RetryPolicy) -> tuple[dict[str, int], list[float]]:
    counts: dict[str, int] = {}
    waits: list[float] = []

    async def wait(_error: CounterError, seconds: float) -> None:
        waits.append(seconds)

    await count_documents(counter, "word", policy, counts=counts, wait=wait)
    return counts, waits


async def test_only_what_is_missing_is_asked_again() -> None:
    """A category that was counted is not asked for a second time."""
    counter = ScriptedCounter()
    counter.script.extend([None, CounterUnavailableError("busy")])
    counts, waits = await ask(counter, RetryPolicy())
    assert counts == {"blog": 4, "cafe": 4}
    assert [category for _, category in counter.asked] == ["blog", "cafe", "cafe"]
    assert len(waits) == 1


async def test_a_keyword_is_given_up_after_so_many_failures() -> None:
    """The last one is raised, without a wait after it."""
    counter = ScriptedCounter()
    counter.script.extend([CounterUnavailableError("busy")] * 3)
    with pytest.raises(CounterUnavailableError):
        await ask(counter, RetryPolicy(attempts_max=3))
    assert len(counter.asked) == 3


async def test_a_refused_keyword_is_not_asked_again() -> None:
    """It would be refused again."""
    counter = ScriptedCounter()
    counter.script.append(KeywordRefusedError("no"))
    with pytest.raises(KeywordRefusedError):
        await ask(counter, RetryPolicy())
    assert len(counter.asked) == 1


async def test_the_quota_is_waited_for() -> None:
    """More often than there are attempts, and as long as it says, up to a limit."""
    counter = ScriptedCounter()
    counter.script.extend([QuotaError("full", 10)] * 6)
    _, waits = await ask(counter, RetryPolicy(attempts_max=2, quota_seconds_max=100))
    assert len(waits) == 6
    assert all(seconds >= 10 for seconds in waits)
    counter.script.append(QuotaError("full", 86_400))
    with pytest.raises(QuotaError):
        await ask(counter, RetryPolicy(quota_seconds_max=100))


async def test_failures_and_a_used_up_quota_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each doubles its own waits, and each wait is told with its error."""
    monkeypatch.setattr("components.batch_jobs.retries.random.random", lambda: 1.0)
    errors: list[CounterError] = [
        QuotaError("full"),
        QuotaError("full"),
        CounterUnavailableError("busy"),
        QuotaError("full"),
        CounterUnavailableError("busy"),
    ]
    counter, told = ScriptedCounter(), list[tuple[CounterError, float]]()
    counter.script.extend(errors)

    async def wait(error: CounterError, seconds: float) -> None:
        told.append((error, seconds))

    await count_documents(counter, "word", RetryPolicy(), counts={}, wait=wait)
    assert told == list(zip(errors, [1, 2, 1, 4, 2], strict=True))


@pytest.mark.parametrize(("seconds_max", "waits"), [(7, 3), (6.9, 2)])
async def test_all_waits_for_the_quota_together_have_a_limit(
    monkeypatch: pytest.MonkeyPatch, seconds_max: float, waits: int
) -> None:
    """The one that would exceed it is not waited for."""
    monkeypatch.setattr("components.batch_jobs.retries.random.random", lambda: 1.0)
    counter, waited = ScriptedCounter(), list[float]()
    counter.script.extend([QuotaError("full")] * 4)

    async def wait(_error: CounterError, seconds: float) -> None:
        waited.append(seconds)

    with pytest.raises(QuotaError):
        await count_documents(counter, "word", RetryPolicy(quota_seconds_max=seconds_max), counts={}, wait=wait)
    assert waited == [1, 2, 4][:waits]


async def test_waits_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over their upper half, by chance."""
    fractions = iter([0.0, 0.5])
    monkeypatch.setattr("components.batch_jobs.retries.random.random", lambda: next(fractions))
    counter = ScriptedCounter()
    counter.script.extend([CounterUnavailableError("busy")] * 2)
    _, waits = await ask(counter, RetryPolicy())
    assert waits == [0.5, 1.5]


def test_waits_are_doubled_up_to_a_limit() -> None:
    """With some spread below."""
    policy = RetryPolicy(first_seconds=1, wait_seconds_max=60)
    busy = CounterUnavailableError("busy")
    assert [policy.wait_seconds(failures, busy) for failures in (1, 2, 3, 7, 5000)] == [1, 2, 4, 60, 60]
    assert policy.wait_seconds(1, busy, 0.0) == 0.5
