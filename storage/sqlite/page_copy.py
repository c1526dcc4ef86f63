"""Copying a database page by page, of one moment, while others write to it."""

import os
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from storage.errors import StorageObstructedError

__all__ = ["CopyProgress", "Pace", "copy_pages"]

CopyProgress = Callable[[int, int], None]
"""Receives the bytes copied so far, and of all; some hundred times at most a gigabyte."""

_STEP_BYTES: Final = 4 << 20
_LOCKED_SECONDS_MAX: Final = 30.0


class Pace:
    """Holds a copy to a rate, and to what the disk of the copy takes.

    What is written waits for the disk at each step. Otherwise gigabytes gather in the kernel's cache, and the next
    ``fsync`` of a commit, of whatever file of the same disk, waits for all of them.

    Args:
        bytes_per_second: 0: as fast as it can.
        file: the copy's file descriptor; None: not waited for.
    """

    def __init__(self, bytes_per_second: int, file: int | None = None) -> None:
        self._bytes_per_second = bytes_per_second
        self._file = file
        self._started = time.monotonic()

    def __repr__(self) -> str:
        return f"<Pace {self._bytes_per_second} bytes/s>"

    def wait(self, done: int) -> None:
        """Return when so many bytes may have been copied."""
        if self._file is not None:
            os.fdatasync(self._file)
        if self._bytes_per_second:
            time.sleep(max(0.0, self._started + done / self._bytes_per_second - time.monotonic()))


def copy_pages(
    source: sqlite3.Connection, target: sqlite3.Connection, pace: Pace, on_progress: CopyProgress = lambda *_: None
) -> int:
    """Copy a whole database as it is at this moment; the bytes copied.

    A read transaction is held meanwhile. Without one, SQLite begins anew whenever somebody else has committed, and
    beside a gateway that stores a line a second a copy in steps never ends. With it, the write-ahead log cannot be
    started over before the copy is done, and grows by what is committed meanwhile.

    Raises:
        sqlite3.Error: it could not be read or written; the target is as it was before.
        StorageObstructedError: another program holds a lock for half a minute.
    """
    (page_bytes,) = source.execute("PRAGMA page_size").fetchone()

    moved_at = time.monotonic()

    def step(status: int, remaining: int, pages: int) -> None:
        nonlocal moved_at
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:  # SQLite would try again for ever
            if time.monotonic() - moved_at > _LOCKED_SECONDS_MAX:
                raise StorageObstructedError("the database is locked by another program")
            return
        moved_at = time.monotonic()
        done = (pages - remaining) * page_bytes
        on_progress(done, pages * page_bytes)
        pace.wait(done)

    source.execute("BEGIN")
    try:
        (pages,) = source.execute("PRAGMA page_count").fetchone()  # the transaction is of this moment from here on
        source.backup(target, pages=max(1, _STEP_BYTES // page_bytes), progress=step)
    finally:
        source.execute("COMMIT")
    return int(pages) * int(page_bytes)
