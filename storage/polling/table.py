"""The polling database: where it is, how it is opened, and who reads from it."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

import msgspec

from storage.errors import DatabaseError
from storage.polling.interface import Extent, ExternalRow, Page
from storage.polling.reader import PollingReader
from storage.polling.schema import is_complete, prepare
from storage.sqlite.connections import Access, FileConnection, checkpoint, lossy_text, open_connection, transaction
from storage.sqlite.errors import translate_errors
from storage.sqlite.files import sqlite_path
from storage.sqlite.write_lock import write_lock

__all__ = ["PollingTable"]

_STATEMENTS_MAX: Final = 16
"""Few, because an insertion of many rows is large once it is prepared."""

_ROWS: Final = """
SELECT json_group_array(json_array(id, job, message, size, created)) FROM (
  SELECT id,
    CAST(job_id AS TEXT) AS job,
    coalesce(CAST(substr(CAST(log_message AS BLOB), 1, ?3) AS TEXT), '') AS message,  -- substr of an empty BLOB is NULL
    length(CAST(log_message AS BLOB)) AS size,
    coalesce(CAST(created_at AS TEXT), '') AS created
  FROM job_logs WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?4
)"""
# One step of one statement: see ``storage.polling.reader``.

_decoder: Final = msgspec.json.Decoder(list[ExternalRow])


class PollingTable:
    """See ``PollingStore``: a SQLite database that may be the journal's own or one that other programs use as well.

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

    @property
    def location(self) -> str:
        """See ``PollingStore.location``."""
        return str(self.path)

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
        with self.translated(), closing(self.connect(busy_timeout_seconds=busy_timeout_seconds)) as connection:
            self.create_missing(connection)

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

    def writing(
        self, busy_seconds: float, on_open: Callable[[sqlite3.Connection], None] = lambda _: None
    ) -> FileConnection:
        """See ``PollingStore.writing``."""

        def opened() -> sqlite3.Connection:
            connection = self.connect(busy_timeout_seconds=busy_seconds)
            try:
                connection.text_factory = lossy_text
                on_open(connection)
            except BaseException:
                connection.close()
                raise
            return connection

        return FileConnection(self.path, opened)

    def reading(self, busy_seconds: float) -> FileConnection:
        """See ``PollingStore.reading``."""

        def opened() -> sqlite3.Connection:
            connection = open_connection(self.path, Access.READ, busy_seconds=busy_seconds)
            connection.text_factory = lossy_text
            return connection

        return FileConnection(self.path, opened)

    def translated(self) -> AbstractContextManager[None]:
        """See ``PollingStore.translated``."""
        return translate_errors(self.path)

    def transaction(self, connection: sqlite3.Connection) -> AbstractContextManager[None]:
        """See ``PollingStore.transaction``."""
        return transaction(connection, self.write_lock)

    @contextmanager
    def snapshot(self, connection: sqlite3.Connection) -> Iterator[None]:
        """See ``PollingStore.snapshot``; there is one writer at a time, so rows become visible in order."""
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("COMMIT")

    def checkpoint(self, connection: sqlite3.Connection, written_bytes: int) -> None:
        """See ``PollingStore.checkpoint``."""
        checkpoint(connection, self.write_lock, written_bytes)

    def create_missing(self, connection: sqlite3.Connection) -> None:
        """See ``PollingStore.create_missing``."""
        if not is_complete(connection, self.path):
            with self.transaction(connection):
                prepare(connection, self.path)

    def insert_rows(self, connection: sqlite3.Connection, values: Sequence[str]) -> Sequence[tuple[int, int]]:
        """See ``PollingStore.insert_rows``."""
        count = len(values) // 3
        return [(connection.execute(_insert(count), values).lastrowid or 0, count)]

    def has_gone_back(self, connection: sqlite3.Connection, reached: int) -> bool:
        """See ``PollingStore.has_gone_back``."""
        if connection.execute("SELECT coalesce(max(id), 0) FROM job_logs").fetchone()[0] >= reached:
            return False
        try:
            given = connection.execute("SELECT seq FROM sqlite_sequence WHERE lower(name) = 'job_logs'").fetchone()
        except sqlite3.OperationalError:
            given = None  # no table of this database has AUTOINCREMENT
        return given is None or int(given[0]) < reached

    def skip_ids(self, connection: sqlite3.Connection, count: int) -> None:
        """See ``PollingStore.skip_ids``; a table without AUTOINCREMENT keeps no such number."""
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
            connection.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'job_logs'", (count,))

    def rows(
        self, connection: sqlite3.Connection, after: int, upto: int, *, message_bytes_max: int, rows_max: int
    ) -> list[ExternalRow]:
        """See ``PollingStore.rows``."""
        array: str = connection.execute(_ROWS, (after, upto, message_bytes_max, rows_max)).fetchone()[0]
        return _decoder.decode(array)

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


@lru_cache(maxsize=64)
def _insert(rows: int) -> str:
    """One statement for many rows.

    ``executemany`` gives up the interpreter's lock at every row and, beside a busy event loop, waits up to 5 ms to get
    it back, with the write lock of the database in its hands: 2.8 s for 500 rows, where this statement takes 27 ms.
    """
    values = ", ".join(["(?, ?, ?)"] * rows)
    return f"INSERT INTO job_logs (job_id, log_message, created_at) VALUES {values}"  # noqa: S608 - question marks only
