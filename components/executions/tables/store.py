"""The record of what ran: takes reports from the event loop, and answers questions about them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal, Self, TypeVar

from sqlalchemy import Connection, Row

from components.executions.tables.records import (
    Change,
    NodeFilter,
    NodeReport,
    ReportTaken,
    RunAllSummary,
    ScriptRecord,
)
from components.executions.tables.repository import matching_ids, rows_of
from components.executions.tables.schema import create_missing, is_complete
from components.executions.tables.statistics import (
    DashboardStatistics,
    LogStatistics,
    read_dashboard_statistics,
    read_log_statistics,
)
from components.executions.tables.writer import ExecutionWriter, WriterStatistics
from storage.tables import DatabaseLocation, TableDatabase

__all__ = ["ExecutionStore", "StoreStatistics"]

T = TypeVar("T")

StoreStatistics = WriterStatistics

_DELETE_ROWS: Final = 200
"""Rows that one transaction deletes: other writers of the file wait for it."""
_DELETE_PAUSE_SECONDS: Final = 0.005
_PAGE_BYTES: Final = 2 << 20


class ExecutionStore:
    """Node executions, script executions and summaries in the polling database; belongs to one event loop.

    Args:
        database: where the tables are, and complete.
        readers_max: threads that read at the same time.
        pending_bytes_max: bytes of reports that may wait for the database.
    """

    def __init__(self, database: TableDatabase, *, readers_max: int = 2, pending_bytes_max: int = 64 << 20) -> None:
        self._database = database
        self._listener: Callable[[Sequence[Change]], None] = lambda _: None
        self._writer = ExecutionWriter(
            database, listener=lambda changes: self._listener(changes), pending_bytes_max=pending_bytes_max
        )
        self._readers = ThreadPoolExecutor(readers_max, thread_name_prefix="execution-reader")

    def __repr__(self) -> str:
        return f"<ExecutionStore {self._database.location}>"

    @classmethod
    async def open(
        cls,
        location: DatabaseLocation,
        *,
        durability: Literal["full", "process"] = "full",
        lock_seconds_max: float = 10.0,
        pending_bytes_max: int = 64 << 20,
    ) -> Self:
        """Create what is missing, and count in the background what other programs have written since the last time.

        Raises:
            StorageError: a table that is there does not fit, or the database cannot be used.
        """
        database = TableDatabase(
            location,
            create=create_missing,
            durability=durability,
            lock_seconds_max=lock_seconds_max,
            name="executions",
        )
        await asyncio.to_thread(database.create_missing, is_complete)
        store = cls(database, pending_bytes_max=pending_bytes_max)
        store._writer.submit(lambda _: None).add_done_callback(_seen)
        return store

    @property
    def statistics(self) -> WriterStatistics:
        """Pending work, counts since the start, and the current error."""
        return self._writer.statistics

    def set_listener(self, listener: Callable[[Sequence[Change]], None]) -> None:
        """Set the listener, called on the loop with what each commit has stored."""
        self._listener = listener

    async def report(self, report: NodeReport) -> ReportTaken:
        """Take a report of a node's run; returns once it is stored. Errors as ``ExecutionWriter.submit``."""
        size = sum(map(len, filter(None, (report.parameters, report.result, report.error_traceback))))
        return await self._writer.submit(lambda repository: repository.report(report), size)

    async def record(self, record: ScriptRecord) -> None:
        """Store how a script's execution ended."""
        await self._writer.submit(lambda repository: repository.record(record))

    async def summarise(self, summary: RunAllSummary) -> None:
        """Store how an execution of all scripts ended."""
        await self._writer.submit(lambda repository: repository.summarise(summary))

    async def delete(self, wanted: NodeFilter) -> int:
        """Delete the rows that a filter means and that are there now, a few at a time; how many there were."""
        upto = await self._writer.submit(lambda repository: repository.last_id())
        deleted = 0
        while count := await self._writer.submit(lambda repository: repository.delete(wanted, upto, _DELETE_ROWS)):
            deleted += count
            await asyncio.sleep(_DELETE_PAUSE_SECONDS)
        return deleted

    async def find(self, wanted: NodeFilter, *, limit: int, offset: int) -> AsyncIterator[list[Row[Any]]]:
        """The rows that a filter means, the newest first, in pieces of about 2 MiB.

        Which rows, is decided before this returns; errors of the database are raised here, or by a later piece.
        """
        ids = await self._read(lambda connection: matching_ids(connection, wanted, limit=limit, offset=offset))
        return self._pieces(ids)

    async def log_statistics(self) -> LogStatistics:
        """The row of ``log_stats``."""
        return await self._read(read_log_statistics)

    async def dashboard_statistics(self) -> DashboardStatistics:
        """The row of ``dashboard_stats``."""
        return await self._read(read_dashboard_statistics)

    async def close(self, timeout_seconds: float = 10.0) -> None:
        """Store what is pending, and end the threads; idempotent."""
        await self._writer.close(timeout_seconds)
        await asyncio.to_thread(self._readers.shutdown)

    async def _pieces(self, ids: list[int]) -> AsyncIterator[list[Row[Any]]]:
        left = ids
        while left:
            piece = left

            def read(connection: Connection, these: list[int] = piece) -> list[Row[Any]]:
                return rows_of(connection, these, bytes_max=_PAGE_BYTES)

            rows = await self._read(read)
            if not rows:
                return
            yield rows
            left = left[left.index(rows[-1].id) + 1 :]

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._database.read, query)


def _seen(future: "asyncio.Future[Any]") -> None:
    """The count is tried again with the next transaction; what went wrong is in the statistics."""
    if not future.cancelled():
        future.exception()
