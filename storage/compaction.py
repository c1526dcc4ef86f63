"""Making a database's file as small as its content, without a gateway."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from storage.backup import checked_copy, claimed_file, replace_content
from storage.errors import DatabaseError, DiskFullError
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import bytes_free, translate_errors
from storage.sqlite.page_copy import CopyProgress

__all__ = ["Compacted", "compact"]

_PROGRESS_OPERATIONS: Final = 10_000
"""Of SQLite's machine, between two looks how large the new file has become: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a file had in bytes, and has now."""

    bytes_before: int
    bytes_after: int


def compact(path: Path, lock: IO[bytes], *, on_progress: CopyProgress = lambda *_: None) -> Compacted:
    """Write what is in a database into a new file, check that, and put its pages in the place of the old ones.

    The last step is one transaction: killed at any point, the database holds what it held. The file itself stays, with
    its owner and mode, and programs that have it open continue with it. It takes as much room as the content twice:
    ``<path>.compact``, and the write-ahead log.

    Args:
        path: the database.
        lock: what ``storage.sqlite.files.acquire_lock`` returned for the journal's database; closed afterwards.
        on_progress: see ``CopyProgress``; the content is counted twice.

    Raises:
        DatabaseError: it is no database, or damaged.
        DiskFullError: there is not enough room.
        StorageUnavailableError: it cannot be read or written now.
    """
    with lock:
        if not path.exists():
            raise DatabaseError(f"there is no database {path}")
        with translate_errors(path), closing(open_connection(path, Access.WRITE)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            content = _content_bytes(connection)
        before = path.stat().st_size
        _require_room(path, 2 * content)
        small = Path(f"{path}.compact")
        with claimed_file(small):
            _vacuum_into(path, small, lambda size: on_progress(min(size, content), 2 * content))
            checked_copy(small)
            replace_content(path, small, lambda done, _: on_progress(content + min(done, content), 2 * content))
    return Compacted(before, path.stat().st_size)


def _content_bytes(connection: sqlite3.Connection) -> int:
    """What the pages in use take."""
    page_bytes, pages, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return page_bytes * (pages - free)


def _require_room(path: Path, needed: int) -> None:
    free = bytes_free(path)
    if free is not None and free < needed:
        text = f"compacting {path} needs {needed:,} bytes on its disk, and {free:,} are free"
        raise DiskFullError(text, "has too little room", bytes_free=free)


def _vacuum_into(path: Path, small: Path, on_size: Callable[[int], None]) -> None:
    def look() -> int:
        on_size(small.stat().st_size)
        return 0

    with (
        translate_errors(path),
        closing(open_connection(path, Access.READ)) as connection,
    ):
        connection.execute("PRAGMA query_only = OFF")  # it would keep the new file from being written, too
        connection.set_progress_handler(look, _PROGRESS_OPERATIONS)
        connection.execute("VACUUM INTO ?", (str(small),))
