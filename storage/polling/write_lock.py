"""One write lock per database file within this process, shared by everything that writes to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["WriteLock", "write_lock"]


class WriteLock:
    """A lock for a few milliseconds at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def background(self) -> Iterator[None]:
        """Hold the lock."""
        with self._lock:
            yield


_locks: Final[dict[Path, WriteLock]] = {}
_registry: Final = threading.Lock()


def write_lock(path: Path) -> WriteLock:
    """The lock of a file; the same one for every spelling of its path."""
    with _registry:
        return _locks.setdefault(path.resolve(), WriteLock())
