"""Asking for all categories of a keyword, again if that may help."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from components.batch_jobs.counter import (
    CounterError,
    CounterUnavailableError,
    DocumentCounter,
    QuotaError,
)

__all__ = ["RetryPolicy", "count_documents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a keyword is asked for again.

    Attributes:
        attempts_max: failed requests of one keyword after which it is given up.
        first_seconds: the wait after the first failure; each next one is twice as long.
        wait_seconds_max: the longest of these waits.
        quota_seconds_max: how long one keyword may wait for the quota, in all.
    """

    attempts_max: int = 5
    first_seconds: float = 1.0
    wait_seconds_max: float = 60.0
    quota_seconds_max: float = 300.0

    def wait_seconds(self, failures: int, error: CounterError, fraction: float = 1.0) -> float:
        """How long to wait after so many failures; ``fraction`` spreads it over its upper half."""
        wait = min(self.wait_seconds_max, self.first_seconds * 2.0 ** min(failures - 1, 30)) * (0.5 + fraction / 2)
        asked = error.retry_after_seconds if isinstance(error, QuotaError) else None
        return max(wait, asked or 0.0)


async def count_documents(
    counter: DocumentCounter,
    keyword: str,
    policy: RetryPolicy,
    *,
    counts: dict[str, int],
    wait: Callable[[CounterError, float], Awaitable[None]],
) -> None:
    """Ask for every category that ``counts`` does not have yet; known counts stay in it after an error.

    Args:
        counter: whom to ask.
        keyword: for what.
        policy: how often.
        counts: filled in.
        wait: called with each failure that is tried again; returns after so many seconds.

    Raises:
        CounterError: asking again does not help, or has not helped.
    """
    failures = quotas = 0
    waited = 0.0
    for category in counter.categories:
        while category not in counts:
            try:
                counts[category] = await counter.count(keyword, category)
            except (CounterUnavailableError, QuotaError) as error:
                is_quota = isinstance(error, QuotaError)
                failures, quotas = failures + (not is_quota), quotas + is_quota
                seconds = policy.wait_seconds(quotas if is_quota else failures, error, random.random())  # noqa: S311
                if is_quota:
                    # All keywords share the quota: giving this one up and requesting the next would not help.
                    waited += seconds
                    if waited > policy.quota_seconds_max:
                        raise
                elif failures >= policy.attempts_max:
                    raise
                await wait(error, seconds)
