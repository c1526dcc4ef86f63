"""Reading a job's rows for the polling API, on a few threads, never more than a page at a time."""

import asyncio
import sqlite3
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from storage.polling.interface import Extent, Page
from storage.sqlite.connections import Access, FileConnection, open_connection
from storage.sqlite.errors import translate_errors

__all__ = ["PollingReader"]

_T = TypeVar("_T")

_BUSY_TIMEOUT_SECONDS: Final = 5.0
"""How long a reader waits for a writer; only databases without a write-ahead log make it wait at all."""

_FIRST: Final = "SELECT min(id) FROM job_logs WHERE job_id = ?1 AND id > ?2"

_LAST: Final = "SELECT id, created_at, log_message FROM job_logs WHERE job_id = ?1 AND id > ?2 ORDER BY id DESC LIMIT 1"

_CUT: Final = """
SELECT max(id), count(*) FROM (
  SELECT id, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before FROM (
    SELECT id, length(CAST(log_message AS BLOB)) + 96 AS size FROM job_logs
    WHERE job_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id LIMIT ?4
  )
) WHERE before < ?5"""

_ROWS: Final = """
SELECT json_group_array(json_object('id', id, 'job_id', ?1, 'log_message', message, 'created_at', created)) FROM (
  SELECT id,
    CASE typeof(log_message) WHEN 'blob' THEN CAST(log_message AS TEXT) ELSE log_message END AS message,
    CASE typeof(created_at) WHEN 'blob' THEN CAST(created_at AS TEXT) ELSE created_at END AS created
  FROM job_logs WHERE job_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id
)"""
# SQLite makes the JSON: a page is one step of one statement. Fetched row by row, the module gives up the interpreter's
# lock at every row and, beside a busy event loop, waits up to 5 ms to get it back: 10 s for 2,000 rows.


class PollingReader:
    """A few threads with a connection each.

    Every read is short and holds no snapshot between two pages, so that a slow client never keeps a write-ahead log
    from being cut. Rows only ever come after the ids that are there, hence pages up to one id agree with each other.
    """

    def __init__(self, path: Path, *, threads_max: int) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="polling-reader")
        self._local = threading.local()
        self._connections: list[FileConnection] = []

    async def extent(self, job_id: str, after_id: int) -> Extent:
        """From which to which row the log of a job goes after ``after_id``; costs two look-ups, however long it is.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        return await self._run(lambda connection: _extent(connection, job_id, after_id))

    async def page(self, job_id: str, after_id: int, upto_id: int, *, rows_max: int, bytes_max: int) -> Page:
        """The first rows of a stretch: at most ``rows_max`` and about ``bytes_max`` bytes, at least one where any is.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        return await self._run(lambda connection: _page(connection, job_id, after_id, upto_id, rows_max, bytes_max))

    async def close(self) -> None:
        """Wait for what is being read, then close the connections; idempotent."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        for connection in self._connections:
            connection.close()

    async def _run(self, read: Callable[[sqlite3.Connection], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    def _read(self, read: Callable[[sqlite3.Connection], _T]) -> _T:
        connection: FileConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = FileConnection(self._path, self._connect)
            self._connections.append(connection)
        with translate_errors(self._path), connection.use() as opened:
            return read(opened)

    def _connect(self) -> sqlite3.Connection:
        connection = open_connection(self._path, Access.READ, busy_seconds=_BUSY_TIMEOUT_SECONDS)
        connection.text_factory = bytes  # rows of other programs need not be UTF-8
        return connection


def _extent(connection: sqlite3.Connection, job_id: str, after_id: int) -> Extent:
    last = connection.execute(_LAST, (job_id, after_id)).fetchone()
    first = connection.execute(_FIRST, (job_id, after_id)).fetchone()[0]
    if last is None or first is None:
        return Extent()
    return Extent(first, last[0], zlib.crc32(b"%b %b" % (_bytes(last[1]), _bytes(last[2]))))


def _page(
    connection: sqlite3.Connection, job_id: str, after_id: int, upto_id: int, rows_max: int, bytes_max: int
) -> Page:
    last, count = connection.execute(_CUT, (job_id, after_id, upto_id, rows_max, bytes_max)).fetchone()
    if not count:
        return Page(b"", 0, 0)
    array: bytes = connection.execute(_ROWS, (job_id, after_id, last)).fetchone()[0]
    rows = array[1:-1]
    try:
        rows.decode()
    except UnicodeDecodeError:
        rows = rows.decode(errors="replace").encode()
    return Page(rows, count, last)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
