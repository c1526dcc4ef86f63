"""Protocol of the source of document counts that batch jobs query."""

from collections.abc import Sequence
from typing import Protocol

__all__ = [
    "BadCredentialsError",
    "CounterError",
    "CounterUnavailableError",
    "DocumentCounter",
    "KeywordRefusedError",
    "QuotaError",
]


class CounterError(Exception):
    """The base of what a counter raises; the text is shown to users and has no credentials in it."""


class BadCredentialsError(CounterError):
    """No keyword can be counted with these credentials."""


class KeywordRefusedError(CounterError):
    """A keyword that cannot be counted, however often one asks."""


class CounterUnavailableError(CounterError):
    """There was no answer, or none that helps; another attempt may get one."""


class QuotaError(CounterError):
    """Too much was asked.

    Attributes:
        retry_after_seconds: when asking again may help; None: it does not say.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class DocumentCounter(Protocol):
    """Counts documents."""

    @property
    def categories(self) -> Sequence[str]:
        """The categories that are counted, by the names that results have."""
        ...

    async def count(self, keyword: str, category: str) -> int:
        """How many documents of a category there are for a keyword: one request.

        Raises:
            CounterError: one of its subclasses.
        """
        ...

    async def close(self) -> None:
        """Close connections; idempotent."""
        ...
