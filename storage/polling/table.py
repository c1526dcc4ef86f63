"""The polling database: where it is, how it is opened, and who reads from it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, Self

from storage.errors import DatabaseError
from storage.polling.reader import Extent, Page, PollingReader
from storage.polling.schema import is_complete, prepare
from storage.sqlite.connections import Access, open_connection, transaction
from storage.sqlite.errors import translate_errors
from storage.sqlite.files import sqlite_path
from storage.sqlite.write_lock import write_lock

__all__ = ["PollingTable"]

_STATEMENTS_MAX: Final = 16
"""Few, because an insertion of many rows is large once it is prepared."""


class PollingTable:
    """``job_logs`` in a SQLite database that may be the journal's own or one that other programs use as well.

    Args:
        location: a path, or a URL ``sqlite:///path`` (relative) or ``sqlite:////path`` (absolute).
        readers_max: threads that read for the polling API at the same time.

    Raises:
        DatabaseError: the location is not a SQLite database on disk.
    """

    def __init__(self, location: str | Path, *, readers_max: int = 2) -> None:
        self.path = _path_of(location)
        self.write_lock = write_lock(self.path)
        self._reader = PollingReader(self.path, threads_max=readers_max)

    def __repr__(self) -> str:
        return f"<PollingTable {self.path}>"

    @classmethod
    async def open(cls, location: str | Path, *, readers_max: int = 2) -> Self:
        """Make a table ready for use: see ``prepare``."""
        table = cls(location, readers_max=readers_max)
        await asyncio.to_thread(table.prepare)
        return table

    def prepare(self, *, busy_timeout_seconds: float = 5.0) -> None:
        """Create what is missing; blocks, and on a large table without its index for seconds.

        A database that is already there keeps its journal mode; a new one gets a write-ahead log, so that readers and
        the writer do not wait for each other.

        Raises:
            DatabaseError: the file cannot be used, or its ``job_logs`` lacks what a row needs.
        """
        with (
            translate_errors(self.path),
            closing(self.connect(busy_timeout_seconds=busy_timeout_seconds)) as connection,
        ):
            if not is_complete(connection, self.path):
                with transaction(connection, self.write_lock):
                    prepare(connection, self.path)

    def connect(self, *, busy_timeout_seconds: float) -> sqlite3.Connection:
        """A connection for writing, in autocommit mode, for the thread that asks for it.

        Writers of this process hold ``write_lock`` around each transaction, so that they wait for each other in a
        queue, and only for other programs in SQLite's busy handler. A commit never copies the write-ahead log back
        into the file, which would take long under the lock: the writer does that afterwards. A power cut may take back
        whole transactions, rows and progress together.
        """
        return open_connection(
            self.path, Access.WRITE, busy_seconds=busy_timeout_seconds, statements_max=_STATEMENTS_MAX
        )

    async def extent(self, job_id: str, after_id: int = 0) -> Extent:
        """From which to which row a job's log goes: see ``PollingReader.extent``."""
        return await self._reader.extent(job_id, after_id)

    async def page(self, job_id: str, after_id: int, upto_id: int, *, rows_max: int, bytes_max: int) -> Page:
        """Some rows of a job as JSON: see ``PollingReader.page``."""
        return await self._reader.page(job_id, after_id, upto_id, rows_max=rows_max, bytes_max=bytes_max)

    async def close(self) -> None:
        """End the readers; idempotent."""
        await self._reader.close()


def _path_of(location: str | Path) -> Path:
    if isinstance(location, Path) or "://" not in location:
        return Path(location).absolute()
    try:
        return sqlite_path(location).absolute()
    except DatabaseError as error:
        raise DatabaseError(
            "POLLING_DATABASE_URL must name a SQLite database on disk, such as sqlite:///path/to/file.db"
        ) from error
