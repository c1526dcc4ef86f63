"""The one thread that writes executions: what arrives while a commit runs is stored by the next one."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from components.executions.tables.columns import NodeColumns
from components.executions.tables.records import Change
from components.executions.tables.repository import Repository
from components.executions.tables.statistics import add_totals, recount
from storage.errors import RecordRefusedError, StorageClosedError, StorageError
from storage.tables import TableDatabase

__all__ = ["ExecutionWriter", "StoreFullError", "Work", "WriterStatistics"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_GROUP_MAX: Final = 100
"""Pieces of work in one transaction; a commit that is urgent for somebody else ends it sooner."""

_ITEM_BYTES: Final = 512

Work = Callable[[Repository], Any]


class StoreFullError(StorageError):
    """So much waits for the database that nothing more is taken."""


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    """Pending work, counts since the start, and the current error."""

    waiting: int = 0
    waiting_bytes: int = 0
    transactions: int = 0
    done: int = 0
    error: str = ""


@dataclass(slots=True)
class _Job:
    work: Work
    size: int
    future: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None


class ExecutionWriter:
    """Runs work in transactions, and concurrent work in one transaction. Belongs to its event loop.

    Args:
        listener: called on the loop with what a commit has stored, before its callers are answered.
        pending_bytes_max: bytes that may wait for the database.
    """

    def __init__(
        self,
        database: TableDatabase,
        *,
        listener: Callable[[Sequence[Change]], None],
        pending_bytes_max: int = 64 << 20,
    ) -> None:
        self._database = database
        self._listener = listener
        self._pending_bytes_max = pending_bytes_max
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Job] = []
        self._waiting_bytes = 0
        self._jobs = 0
        self._is_busy = self._is_closed = self._is_closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._needs_recount = True
        self._columns = NodeColumns()
        self._transactions = self._done = 0
        self._error = ""
        self._groups: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="execution-writer", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<ExecutionWriter {self._database.location} waiting={self._jobs}>"

    @property
    def statistics(self) -> WriterStatistics:
        """An immutable snapshot."""
        return WriterStatistics(self._jobs, self._waiting_bytes, self._transactions, self._done, self._error)

    def submit(self, work: Callable[[Repository], T], size: int = 0) -> "asyncio.Future[T]":
        """Have work done in the next transaction; the future is done once it is committed.

        Raises (through the future):
            StoreFullError: too much waits already.
            StorageClosedError: the writer has been closed.
            StorageUnavailableError: the database cannot be written now.
            RecordRefusedError: a constraint of a table stands against it.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        size += _ITEM_BYTES
        if self._is_closed:
            future.set_exception(StorageClosedError("the gateway stops"))
        elif self._jobs and self._waiting_bytes + size > self._pending_bytes_max:
            future.set_exception(StoreFullError(f"{self._waiting_bytes} bytes wait for the database"))
        else:
            self._waiting.append(_Job(work, size, future))
            self._waiting_bytes += size
            self._jobs += 1
            self._idle.clear()
            if len(self._waiting) == 1 and not self._is_busy:
                self._loop.call_soon(self._launch)  # what else comes in this turn belongs to the same commit
        return future

    async def close(self, timeout_seconds: float = 10.0) -> None:
        """Store what is pending, for so long, and end the thread; idempotent."""
        self._is_closed = True
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            pass
        self._is_closing = True
        await self._idle.wait()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)

    def _launch(self) -> None:
        if self._is_busy or not self._waiting:
            return
        self._is_busy = True
        group, self._waiting = self._waiting[:_GROUP_MAX], self._waiting[_GROUP_MAX:]
        self._groups.put(group)

    def _run(self) -> None:
        while (group := self._groups.get()) is not None:
            changes = self._store(group)
            try:
                self._loop.call_soon_threadsafe(self._stored, group, changes)
            except RuntimeError:
                break  # the loop is closed, and all waiting tasks with it
        self._database.close()

    def _store(self, group: Sequence[_Job]) -> list[Change]:
        """Store a group in as few transactions as the journal lets us; each job then has a result or an error."""
        changes: list[Change] = []
        left = list(group)
        while left:
            try:
                done, stored = self._transaction(left)
            except StorageError as error:
                is_ours = isinstance(error, (RecordRefusedError, StorageClosedError))
                self._error = "" if is_ours else str(error)
                done, stored = self._failed(left, error), []
            except Exception as error:  # noqa: BLE001 - the thread must continue, and who waits must hear of it
                _log.exception("execution write failed", extra={"jobs": len(left)})
                done, stored = self._failed(left, error), []
            if not done:
                # One that cannot be stored must not take the others with it.
                for job in left:
                    changes += self._store([job])
                return changes
            changes += stored
            left = left[done:]
        return changes

    def _failed(self, jobs: Sequence[_Job], error: Exception) -> int:
        """How many jobs the error settles; 0 if they should be tried one by one."""
        if len(jobs) > 1 and (isinstance(error, RecordRefusedError) or not isinstance(error, StorageError)):
            return 0
        for job in jobs:
            job.error = error
        return len(jobs)

    def _transaction(self, jobs: Sequence[_Job]) -> tuple[int, list[Change]]:
        def work(connection: Connection) -> tuple[int, list[Change]]:
            if self._needs_recount:
                recount(connection)
                self._columns = NodeColumns.of(connection)
            repository = Repository(connection, self._columns)
            done = 0
            for job in jobs:
                job.result = job.work(repository)
                done += 1
                if self._database.is_wanted:
                    break  # the journal waits; the rest of the group has the next transaction
            add_totals(connection, repository.totals)
            return done, repository.changes

        if self._database.is_new:
            self._needs_recount = True
        done, changes = self._database.write(work, is_closing=lambda: self._is_closing)
        self._needs_recount = False
        self._error = ""
        self._transactions += 1
        return done, changes

    def _stored(self, group: Sequence[_Job], changes: Sequence[Change]) -> None:
        """Back on the loop: notify the listener, then answer, then continue."""
        if changes:
            try:
                self._listener(changes)
            except Exception:  # noqa: BLE001 - the rows are stored, and the senders get an answer
                _log.exception("execution listener failed")
        for job in group:
            self._waiting_bytes -= job.size
            self._jobs -= 1
            if job.future.done():
                continue  # the client has gone; it is stored all the same
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                self._done += 1
                job.future.set_result(job.result)
        self._is_busy = False
        if self._waiting:
            self._launch()
        else:
            self._idle.set()
