"""How many long looks at the past run at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import ApiError

__all__ = ["Scans"]

_RETRY_AFTER_SECONDS: Final = 5
_PRINCIPALS_MAX: Final = 4
"""Principals whose places may all be taken at the same time; what all of them hold in memory is bounded by it."""


class Scans:
    """Places for counts, searches and downloads, some for each principal; a request that finds none is refused.

    Args:
        places: for one principal; four times as many for all of them.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Scans {self._taken.total()} of {self._places} for each of {len(self._taken)} principals>"

    @contextmanager
    def place(self, principal: str) -> Iterator[None]:
        """Hold a place for as long as the block lasts.

        Raises:
            ApiError: RESOURCE_EXHAUSTED.
        """
        self.check(principal)
        self._taken[principal] += 1
        try:
            yield
        finally:
            self._taken[principal] -= 1
            if not self._taken[principal]:
                del self._taken[principal]

    def check(self, principal: str) -> None:
        """Raise what ``place`` would, before an answer begins."""
        if self._taken[principal] >= self._places:
            whose = f"{self._places} counts, searches and downloads of yours"
        elif self._taken.total() >= self._places * _PRINCIPALS_MAX:
            whose = f"{self._places * _PRINCIPALS_MAX} counts, searches and downloads"
        else:
            return
        raise ApiError(
            "RESOURCE_EXHAUSTED",
            f"{whose} are running already; see HISTORY_SCANS_MAX",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        )
