"""The journal on one SQLite file: group commit, fair reads, and removal in small steps."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Final, TypeVar

from filters.block import Selection
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.errors import StorageClosedError, StorageObstructedError
from storage.journal.group_commit import GroupCommit
from storage.journal.history import KnownTask, LevelCounts, SequenceRange, TaskOverview, WorkerRecord
from storage.journal.interface import (
    Ancestor,
    Append,
    Committed,
    JournalStatistics,
    Receipt,
    Record,
    Settled,
    StageProgress,
    TailStep,
    TaskState,
)
from storage.journal.inventory import Removed, StoredChunk, StoredTask
from storage.journal.read_scheduler import ReadKind, ReadScheduler
from storage.journal.reader import Reader
from storage.journal.sqlite.epoch import Epoch, HighWaterMarkFile, begin_epoch
from storage.journal.sqlite.queries import SqliteQueries
from storage.journal.sqlite.remover import Remover
from storage.journal.sqlite.writer import Writer
from storage.sqlite.connections import Access, Durability, open_connection
from storage.sqlite.errors import bytes_free, translate_errors
from storage.sqlite.files import acquire_lock, migrate_file
from storage.sqlite.write_lock import WriteLock, write_lock

__all__ = ["SqliteJournal"]


_BUSY_SECONDS: Final = 1.0
"""How long SQLite itself waits for another program's transaction, at most; the writer then looks up and tries again."""

_REMOVER_BUSY_SECONDS: Final = 0.1
"""Short, because the journal may be waiting for the lock meanwhile."""
_START_SECONDS_MAX: Final = 30.0
"""How long another program may lock the database while the journal is opened."""

_CHECKPOINT_PAGES: Final = 4000
"""A checkpoint happens within a commit and waits for the disk twice. At 16 MB of log instead of 4 a lone line waits a
third as long on average."""

_LOG_BYTES_MAX: Final = 64 << 20

T = TypeVar("T")


async def _wait_prepared(
    path: Path, connect: Callable[[], sqlite3.Connection], lock_seconds_max: float
) -> tuple[Writer, HighWaterMarkFile, Epoch]:
    """``_prepare``, again and again while another program locks the file; in steps, so that it can be broken off."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            return await asyncio.to_thread(_prepare, path, connect, lock_seconds_max)
        except StorageObstructedError:
            if time.monotonic() >= deadline:
                raise


def _prepare(
    path: Path, connect: Callable[[], sqlite3.Connection], lock_seconds_max: float
) -> tuple[Writer, HighWaterMarkFile, Epoch]:
    with contextlib.ExitStack() as undo:
        migrate_file(path, busy_seconds=_BUSY_SECONDS)
        mark = HighWaterMarkFile(path)
        undo.callback(mark.close)
        with translate_errors(path):
            with contextlib.closing(connect()) as connection:
                epoch = begin_epoch(connection, mark)
            writer = Writer(path, connect, lock_seconds_max)
        undo.pop_all()
        return writer, mark, epoch


def _connect(
    path: Path, *, durability: Durability = "process", busy_seconds: float = _BUSY_SECONDS, autocheckpoint_pages: int
) -> sqlite3.Connection:
    connection = open_connection(
        path,
        Access.WRITE,
        busy_seconds=busy_seconds,
        durability=durability,
        autocheckpoint_pages=autocheckpoint_pages,
    )
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES_MAX}")
    return connection


class SqliteJournal:
    """See ``storage.journal.interface.Journal``. Made by ``open``; belongs to the event loop that it was opened on.

    Appends go through ``GroupCommit``, reads through ``ReadScheduler``, removals have a thread of their own.
    """

    def __init__(
        self,
        path: Path,
        lock: IO[bytes],
        writer: Writer,
        mark: HighWaterMarkFile,
        epoch_state: Epoch,
        *,
        pending_bytes_max: int,
        commit_bytes_max: int,
        retry_seconds_max: float,
        gather_seconds: float,
        readers: int,
    ) -> None:
        self._path = path
        self._lock_file = lock
        self._writer = writer
        self._mark = mark
        self._epoch_state = epoch_state
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Task[None] | None = None
        self._commits = GroupCommit(
            *(writer, partial(translate_errors, path), self.write_lock.urgent, mark.advance),
            last_record=epoch_state.last_record,
            pending_bytes_max=pending_bytes_max,
            commit_bytes_max=commit_bytes_max,
            retry_seconds_max=retry_seconds_max,
            gather_seconds=gather_seconds,
        )
        self._reads = ReadScheduler(readers)
        self._reader = Reader(lambda: SqliteQueries(self._open_reader()))
        self._removals = ThreadPoolExecutor(1, "journal-remover")
        self._remover = Remover(self._open_remover, self.write_lock, writer.forget)

    def __repr__(self) -> str:
        return f"<SqliteJournal {str(self._path)!r} epoch={self.epoch} {self._commits!r}>"

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        durability: Durability = "full",
        pending_bytes_max: int = 32 << 20,
        commit_bytes_max: int = 4 << 20,
        lock_seconds_max: float = 10.0,
        retry_seconds_max: float = 0.0,
        gather_seconds: float = 0.0,
        readers: int = 2,
        lock: IO[bytes] | None = None,
    ) -> "SqliteJournal":
        """Open a journal, making or migrating the database.

        Args:
            path: the database's file.
            durability: ``full`` survives a power loss, ``process`` a killed process.
            pending_bytes_max: bytes that may wait for a commit before producers are paused.
            commit_bytes_max: bytes that one transaction takes at most, unless a single append has more.
            lock_seconds_max: how long another program may lock the database before a commit fails.
            retry_seconds_max: how long a group that could not be stored, for such a lock or a full disk, is kept and
                tried again before its appends are refused; what comes meanwhile waits after it.
            gather_seconds: the longest pause between the beginnings of two commits, while there are lines alone and not
                many, that come faster than commits are done (``Gathering``). The second one begins with the first
                append after the pause, or half as much later.
            readers: threads for reading, beside one for lookups; see ``ReadScheduler``.
            lock: what ``storage.sqlite.files.acquire_lock`` returned for this path; the journal gives it back. None: it
                takes it.

        Raises:
            DatabaseError: it cannot be used; the text says why in one sentence.
            StorageUnavailableError: it cannot be used now.
        """
        connect = partial(
            _connect,
            path,
            durability=durability,
            busy_seconds=min(_BUSY_SECONDS, lock_seconds_max),
            autocheckpoint_pages=_CHECKPOINT_PAGES,
        )
        with contextlib.ExitStack() as undo:
            held = undo.enter_context(acquire_lock(path) if lock is None else lock)
            writer, mark, epoch = await _wait_prepared(path, connect, lock_seconds_max)
            undo.pop_all()
        return cls(
            path,
            *(held, writer, mark, epoch),
            pending_bytes_max=pending_bytes_max,
            commit_bytes_max=commit_bytes_max,
            retry_seconds_max=retry_seconds_max,
            gather_seconds=gather_seconds,
            readers=readers,
        )

    @property
    def epoch(self) -> str:
        """The journal's life."""
        return self._epoch_state.epoch

    @property
    def lineage(self) -> Sequence[Ancestor]:
        """The lives that this one continues from, the latest first."""
        return self._epoch_state.lineage

    @property
    def write_lock(self) -> WriteLock:
        """The lock that other writers of this process to the same file take as ``background``."""
        return write_lock(self._path)

    @property
    def is_writable(self) -> bool:
        """Whether producers may continue."""
        return self._commits.is_writable

    @property
    def fullness(self) -> float:
        """How much of the limit waits for a commit."""
        return self._commits.fullness

    @property
    def newest_record(self) -> int:
        """The id of the newest record."""
        return self._commits.last_record

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters."""
        return replace(
            self._commits.statistics,
            damaged_records=self._reader.damaged_records,
            disk_bytes_free=bytes_free(self._path),
        )

    def set_commit_listener(self, listener: Callable[[Committed], None]) -> None:
        """Set who is notified of every commit."""
        self._commits.set_listener(listener)

    def set_commit_observer(self, observer: Callable[[float], None]) -> None:
        """Set who is notified how many seconds each commit took."""
        self._commits.set_observer(observer)

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """Queue something for the next commit."""
        return self._commits.append(item)

    def submit(self, item: Append, settled: Settled) -> None:
        """Queue something for the next commit."""
        self._commits.submit(item, settled)

    async def wait_writable(self) -> None:
        """Return once the backlog has drained below half of its limit."""
        await self._commits.wait_writable()

    async def task_state(self, task_id: str) -> TaskState:
        """What exists of a task."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.task_state, task_id)

    async def read(
        self,
        task_id: str,
        after: int,
        upto: int,
        matcher: Matcher,
        *,
        lines_max: int,
        bytes_max: int,
        owner: ReadOwner = NOBODY,
    ) -> Selection:
        """The matching lines of a stretch."""
        kind = ReadKind.PAGE if matcher.everything else ReadKind.SCAN
        return await self._read(kind, owner, self._reader.read, task_id, after, upto, matcher, lines_max, bytes_max)

    async def tail_start(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int:
        """Where the last ``count`` matching lines start."""
        while True:  # in steps, so that a long search does not keep a reader's thread to itself
            upto, count, is_done = await self.tail_step(task_id, count, upto, matcher, owner=owner)
            if is_done:
                return upto

    async def tail_step(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> TailStep:
        """One step of that search, for those who do something else between two of them."""
        kind = ReadKind.LOOKUP if matcher.everything else ReadKind.SCAN
        return await self._read(kind, owner, self._reader.tail_step, task_id, count, upto, matcher)

    async def count_by_level(
        self, task_id: str, after: int, sequences: SequenceRange, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> LevelCounts:
        """Count lines by level, a step."""
        return await self._read(ReadKind.SCAN, owner, self._reader.count_by_level, task_id, after, sequences, matcher)

    async def newest_tasks(
        self, below: int, snapshot: int, *, status: str = "", count_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[KnownTask]:
        """Tasks in the order of their newest chunks, a page."""
        return await self._read(ReadKind.PAGE, owner, self._reader.newest_tasks, below, snapshot, status, count_max)

    async def count_tasks(self, *, status: str = "", count_max: int, owner: ReadOwner = NOBODY) -> int:
        """How many tasks have lines."""
        return await self._read(ReadKind.PAGE, owner, self._reader.count_tasks, status, count_max)

    async def overviews(
        self, task_ids: Sequence[str], *, workers_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[TaskOverview]:
        """Some tasks with their workers."""
        return await self._read(ReadKind.PAGE, owner, self._reader.overviews, task_ids, workers_max)

    async def without_match(self, tasks: Sequence[KnownTask], matcher: Matcher, *, owner: ReadOwner = NOBODY) -> int:
        """How many of the first tasks have no matching line, a step."""
        return await self._read(ReadKind.SCAN, owner, self._reader.without_match, tasks, matcher)

    async def worker_records(
        self, task_id: str, *, count_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[WorkerRecord]:
        """What some workers of a task reported."""
        return await self._read(ReadKind.PAGE, owner, self._reader.worker_records, task_id, count_max)

    async def last_number(self, producer_id: str) -> int:
        """The highest number of a producer that is on disk."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.last_number, producer_id)

    async def stages(self, pipeline_id: str) -> Sequence[StageProgress]:
        """The last known state of every stage."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.stages, pipeline_id)

    async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
        """Records in commit order."""
        return await self._read(ReadKind.PAGE, NOBODY, self._reader.records, after, bytes_max)

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        """Tasks that have lines."""
        return await self._read(ReadKind.PAGE, NOBODY, self._reader.stored_tasks, after, count_max)

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        """Chunks of a task."""
        return await self._read(ReadKind.PAGE, NOBODY, self._reader.stored_chunks, task_id, after, count_max)

    async def mark(self, at: float) -> None:
        """Note when what is there was stored."""
        await self._remove(self._remover.mark, at)

    async def remove_through(self, task_id: str, sequence: int, *, copied: int) -> Removed:
        """Remove the first chunks of a task, a step."""
        return await self._remove(self._remover.remove, task_id, sequence, copied)

    async def forget_producers(self, before: float) -> int:
        """Forget the numbers of producers that have been silent."""
        return await self._remove(self._remover.forget_producers, before)

    async def close(self) -> None:
        """Commit what waits, stop the threads and close the file; idempotent, and everyone waits for the end of it."""
        if self._closing is None:
            self._commits.close()
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._commits.wait_closed()
        self._reads.close()
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._commits.join()
        self._reads.join()
        self._removals.shutdown()
        self._reader.close()
        self._remover.close()
        self._writer.close()
        self._mark.close()
        self._lock_file.close()

    async def _read(self, kind: ReadKind, owner: ReadOwner, query: Callable[..., T], *arguments: object) -> T:
        self._check_open()
        return await self._reads.run(kind, owner, partial(self._translated, query, *arguments))

    async def _remove(self, step: Callable[..., T], *arguments: object) -> T:
        self._check_open()
        return await self._loop.run_in_executor(self._removals, partial(self._translated, step, *arguments))

    def _translated(self, work: Callable[..., T], *arguments: object) -> T:
        with translate_errors(self._path):
            return work(*arguments)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosedError("the journal has been closed")

    def _open_remover(self) -> sqlite3.Connection:
        return _connect(self._path, busy_seconds=_REMOVER_BUSY_SECONDS, autocheckpoint_pages=0)

    def _open_reader(self) -> sqlite3.Connection:
        return open_connection(self._path, Access.READ, busy_seconds=_BUSY_SECONDS)
