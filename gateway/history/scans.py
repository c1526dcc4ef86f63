"""How many long looks at the past run at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import ApiError

__all__ = ["PrincipalScans", "Scans"]

_RETRY_AFTER_SECONDS: Final = 5
_PRINCIPALS_MAX: Final = 4
"""Principals whose places may all be taken at the same time; what all of them hold in memory is bounded by it."""


class Scans:
    """Places for counts, searches and downloads, some for each principal; a request that finds none is refused.

    Args:
        places: for one principal; four times as many for all of them.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Scans {self.taken.total()} taken, {self.places} for each principal>"

    def of(self, principal: str) -> "PrincipalScans":
        """The places of one principal."""
        return PrincipalScans(self, principal)


class PrincipalScans:
    """The places of one principal."""

    def __init__(self, scans: Scans, principal: str) -> None:
        self._scans = scans
        self._principal = principal

    def __repr__(self) -> str:
        return f"<PrincipalScans of {self._principal!r}, {self._scans.taken[self._principal]} taken>"

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for as long as the block lasts.

        Raises:
            ApiError: RESOURCE_EXHAUSTED.
        """
        self.check()
        taken = self._scans.taken
        taken[self._principal] += 1
        try:
            yield
        finally:
            taken[self._principal] -= 1
            if not taken[self._principal]:
                del taken[self._principal]

    def check(self) -> None:
        """Raise what ``place`` would, before an answer begins."""
        places, taken = self._scans.places, self._scans.taken
        if taken[self._principal] >= places:
            what = f"{places} counts, searches and downloads of yours"
        elif taken.total() >= places * _PRINCIPALS_MAX:
            what = f"{places * _PRINCIPALS_MAX} counts, searches and downloads"
        else:
            return
        raise ApiError(
            "RESOURCE_EXHAUSTED",
            f"{what} are running already; see HISTORY_SCANS_MAX",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        )
