"""A counter that keeps account of its calls, by API and day."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from components.batch_jobs.counter import CounterError, DocumentCounter

__all__ = ["CountedCalls", "day_of"]

_KOREA: Final = timezone(timedelta(hours=9))
"""Where Naver is, whose quota is one of the day there. It has no daylight saving time."""


def day_of(milliseconds: int) -> str:
    """The day in Korea, ``YYYY-MM-DD``.

    Args:
        milliseconds: since the Unix epoch.
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(_KOREA).date().isoformat()


class CountedCalls:
    """A ``DocumentCounter`` that asks another one.

    Args:
        counter: whom to ask; closed with this.
        clock: milliseconds since the Unix epoch.
    """

    def __init__(self, counter: DocumentCounter, clock: Callable[[], int]) -> None:
        self._counter = counter
        self._clock = clock
        self._made: dict[tuple[str, str], tuple[int, int]] = {}
        self._totals: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<CountedCalls {self._made}>"

    @property
    def categories(self) -> Sequence[str]:
        """Those of the other counter; each is an API of its own."""
        return self._counter.categories

    async def count(self, keyword: str, category: str) -> int:
        """One call; one that is cut off counts as well.

        Raises:
            CounterError: as the other counter.
        """
        key = (day_of(self._clock()), category)
        try:
            number = await self._counter.count(keyword, category)
        except CounterError:
            self._add(key, 1)
            raise
        except BaseException:
            self._add(key, 0)
            raise
        self._add(key, 0)
        return number

    @property
    def totals(self) -> Mapping[str, int]:
        """Calls since the start, by API."""
        return dict(self._totals)

    def take(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """The calls since the last time, by day and API: how many, and how many of them failed."""
        made, self._made = self._made, {}
        return made

    async def close(self) -> None:
        """Close the other counter; idempotent."""
        await self._counter.close()

    def _add(self, key: tuple[str, str], failed: int) -> None:
        calls, failures = self._made.get(key, (0, 0))
        self._made[key] = (calls + 1, failures + failed)
        self._totals[key[1]] += 1
