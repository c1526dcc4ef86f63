"""How many long looks at the past go on at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import ApiError

__all__ = ["Scans"]

_RETRY_AFTER_SECONDS = 5


class Scans:
    """Places for counts, searches and downloads; whoever finds none is refused."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0

    def __repr__(self) -> str:
        return f"<Scans {self._taken} of {self._places}>"

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for as long as the block lasts.

        Raises:
            ApiError: RESOURCE_EXHAUSTED.
        """
        self.check()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    def check(self) -> None:
        """Raise what ``place`` would, before an answer begins."""
        if self._taken >= self._places:
            raise ApiError(
                "RESOURCE_EXHAUSTED",
                f"{self._places} counts, searches and downloads go on already; see HISTORY_SCANS_MAX",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
