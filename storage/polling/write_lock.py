"""One write lock per database file within this process, shared by everything that writes to it."""

import threading
from pathlib import Path
from typing import Final

__all__ = ["write_lock"]

_locks: Final[dict[Path, threading.Lock]] = {}
_registry: Final = threading.Lock()


def write_lock(path: Path) -> threading.Lock:
    """The lock of a file; the same one for every spelling of its path."""
    with _registry:
        return _locks.setdefault(path.resolve(), threading.Lock())
