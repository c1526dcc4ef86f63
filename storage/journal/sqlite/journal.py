"""The journal on one SQLite file: group commit, fair reads, and removal in small steps."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Final

from storage.errors import StorageObstructedError
from storage.journal.group_commit import GroupCommit
from storage.journal.interface import Ancestor
from storage.journal.reader import Reader
from storage.journal.sqlite.epoch import Epoch, HighWaterMarkFile, begin_epoch
from storage.journal.sqlite.queries import open_queries
from storage.journal.sqlite.remover import Remover
from storage.journal.sqlite.summary_store import SummaryStore
from storage.journal.sqlite.writer import Writer
from storage.journal.statistics import JournalStatistics
from storage.journal.stored_journal import StoredJournal
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


class SqliteJournal(StoredJournal):
    """See ``storage.journal.interface.Journal``. Made by ``open``; belongs to the event loop that it was opened on.

    Appends go through ``GroupCommit``, reads through ``ReadScheduler``, removals have a thread of their own.

    Attributes:
        path: the file.
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
        self.path = path
        self._lock_file = lock
        self._writer = writer
        self._mark = mark
        self._epoch_state = epoch_state
        commits = GroupCommit(
            *(writer, partial(translate_errors, path), self.write_lock.urgent, mark.advance),
            last_record=epoch_state.last_record,
            pending_bytes_max=pending_bytes_max,
            commit_bytes_max=commit_bytes_max,
            retry_seconds_max=retry_seconds_max,
            gather_seconds=gather_seconds,
        )
        super().__init__(
            commits=commits,
            reader=Reader(partial(open_queries, path)),
            readers=readers,
            remover=Remover(self._open_remover, self.write_lock, writer.forget),
            summaries=SummaryStore(self._open_remover, self.write_lock),
            translated=partial(translate_errors, path),
            connect_elsewhere=partial(open_queries, path),
        )

    def __repr__(self) -> str:
        return f"<SqliteJournal {str(self.path)!r} epoch={self.epoch} {self._commits!r}>"

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
        return write_lock(self.path)

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters."""
        return replace(super().statistics, disk_bytes_free=bytes_free(self.path))

    def _release(self) -> None:
        self._writer.close()
        self._mark.close()
        self._lock_file.close()

    def _open_remover(self) -> sqlite3.Connection:
        return _connect(self.path, busy_seconds=_REMOVER_BUSY_SECONDS, autocheckpoint_pages=0)
