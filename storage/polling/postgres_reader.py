"""Reading a job's rows from PostgreSQL for the polling API, on a few threads, never more than a page at a time."""

import asyncio
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec

from storage.polling.interface import Extent, Page
from storage.polling.postgres_schema import time_sql
from storage.postgres.errors import translate_errors
from storage.postgres.session import Session, SessionConnection

__all__ = ["PostgresReader"]

_T = TypeVar("_T")

_FIRST: Final = "SELECT min(id) FROM job_logs WHERE job_id = ? AND id > ?"

_LAST: Final = "SELECT id, {created}, log_message FROM job_logs WHERE job_id = ? AND id > ? ORDER BY id DESC LIMIT 1"

_ROWS: Final = """
SELECT id, log_message, {created} FROM (
  SELECT *, sum(octet_length(log_message) + 96) OVER (ORDER BY id) - octet_length(log_message) - 96 AS before FROM (
    SELECT id, log_message, created_at FROM job_logs WHERE job_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id LIMIT ?4
  ) AS next
) AS sized WHERE before < ?5 ORDER BY id"""


class PostgresReader:
    """A few threads with a connection each; each page is a statement of its own."""

    def __init__(self, url: str, address: str, *, threads_max: int) -> None:
        self._url = url
        self._address = address
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="polling-reader")
        self._local = threading.local()
        self._connections: list[SessionConnection] = []

    def __repr__(self) -> str:
        return f"<PostgresReader {self._address}>"

    async def extent(self, job_id: str, after_id: int) -> Extent:
        """See ``PollingStore.extent``."""
        return await self._run(lambda session, created: _extent(session, created, job_id, after_id))

    async def page(self, job_id: str, after_id: int, upto_id: int, *, rows_max: int, bytes_max: int) -> Page:
        """See ``PollingStore.page``."""
        bounds = (job_id, after_id, upto_id, rows_max, bytes_max)
        return await self._run(lambda session, created: _page(session, created, bounds))

    async def close(self) -> None:
        """Wait for what is being read, then close the connections; idempotent."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        for connection in self._connections:
            await asyncio.to_thread(connection.close)

    async def _run(self, read: Callable[[Session, str], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    def _read(self, read: Callable[[Session, str], _T]) -> _T:
        connection: SessionConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = SessionConnection(self._url, self._opened)
            self._connections.append(connection)
        with translate_errors(self._address), connection.use() as session:
            return read(session, self._local.created)

    def _opened(self, session: Session) -> None:
        self._local.created = time_sql(session)


def _extent(session: Session, created: str, job_id: str, after_id: int) -> Extent:
    job_id = _storable(job_id)
    last = session.execute(_LAST.format(created=created), (job_id, after_id)).fetchone()
    first = session.execute(_FIRST, (job_id, after_id)).fetchone()[0]
    if last is None or first is None:
        return Extent()
    return Extent(first, last[0], zlib.crc32(f"{last[1]} {last[2]}".encode()))


def _page(session: Session, created: str, bounds: tuple[str, int, int, int, int]) -> Page:
    job_id, *rest = bounds
    found = session.execute(_ROWS.format(created=created), (_storable(job_id), *rest)).fetchall()
    if not found:
        return Page(b"", 0, 0)
    rows = [
        {"id": row_id, "job_id": job_id, "log_message": message, "created_at": time} for row_id, message, time in found
    ]
    return Page(msgspec.json.encode(rows)[1:-1], len(rows), found[-1][0])


def _storable(name: str) -> str:
    """A name that can be asked for: PostgreSQL has no NUL in texts."""
    return name.replace("\0", "\x01").encode(errors="replace").decode()
