"""What ``TableDatabase`` needs of a database, whichever it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection

__all__ = ["TableEngine"]


class TableEngine(Protocol):
    """Reads and transactions; all methods block."""

    lock_seconds_max: float
    """How long another program may hold a lock before a write is given up."""

    @property
    def location(self) -> str:
        """Where the database is, without a password."""
        ...

    @property
    def exists(self) -> bool:
        """Whether there is a database; the first write makes one where there may be none."""
        ...

    @property
    def is_new(self) -> bool:
        """Whether the next write is the first one to the database, or to the one that has taken its place."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Someone urgent waits; a long transaction would do well to end."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """See ``TableDatabase.reading``."""
        ...

    def transaction(self, is_closing: Callable[[], bool]) -> AbstractContextManager[Connection]:
        """See ``TableDatabase.transaction``."""
        ...

    def close(self) -> None:
        """See ``TableDatabase.close``."""
        ...
