"""Who writes to a database file next, among the writers of this process.

SQLite has one writer at a time, and the second one polls with sleeps of up to 100 ms. Between the journal and the
sinks of one process a lock decides instead, and the journal goes first.
"""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

__all__ = ["WriteLock", "write_lock"]


class WriteLock:
    """A lock with two classes of waiters: ``urgent`` ones go before all others.

    Attributes:
        unchecked_bytes: what those who are not urgent have written since their last checkpoint, about.
    """

    def __init__(self) -> None:
        self.unchecked_bytes = 0
        self._condition = threading.Condition()
        self._is_held = False
        self._urgent = 0

    def __repr__(self) -> str:
        return f"<WriteLock held={self._is_held} urgent={self._urgent}>"

    @property
    def is_wanted(self) -> bool:
        """Someone urgent waits; a long transaction would do well to end."""
        return self._urgent > 0

    @contextlib.contextmanager
    def urgent(self) -> Iterator[None]:
        """Hold the lock as the journal does."""
        with self._condition:
            self._urgent += 1
            while self._is_held:
                self._condition.wait()
            self._urgent -= 1
            self._is_held = True
        try:
            yield
        finally:
            self._release()

    @contextlib.contextmanager
    def background(self) -> Iterator[None]:
        """Hold the lock when nobody urgent wants it; keep it for a few milliseconds only."""
        with self._condition:
            while self._is_held or self._urgent:
                self._condition.wait()
            self._is_held = True
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        with self._condition:
            self._is_held = False
            self._condition.notify_all()


_locks: dict[Path, WriteLock] = {}
_locks_guard = threading.Lock()


def write_lock(path: Path) -> WriteLock:
    """The lock of a database file; the same object for every spelling of its path."""
    with _locks_guard:
        return _locks.setdefault(path.resolve(), WriteLock())
