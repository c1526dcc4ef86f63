"""The journal's one writer: turns a group of appends into one transaction. Runs on the writer's thread only."""

import functools
import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from storage.journal.group_writer import CommitResult, GroupWriter
from storage.journal.interface import Append, LineBatch, StageProgress
from storage.journal.known_state import WrittenTask
from storage.journal.queries import LINES_KIND
from storage.journal.sqlite.new_tasks import NewTasks, find, make

__all__ = ["Writer"]

_INSERT_RECORDS: Final = (
    "INSERT INTO journal_records (task_key, kind, first_sequence, last_sequence, levels, earliest, latest, codec, "
    "raw_size, checksum, payload) VALUES {}"
)
_UPDATE_TASKS: Final = (
    "WITH changed (key, last, status, timestamp, reason, through_status, bytes, record) AS (VALUES {}) "
    "UPDATE journal_tasks SET last_sequence = last, end_status = status, end_timestamp = timestamp, "
    "end_reason = reason, end_through_status = through_status, stored_bytes = stored_bytes + bytes, "
    "last_record = coalesce(record, last_record) "
    "FROM changed WHERE task_key = key"
)
_STORE_NUMBERS: Final = (
    "INSERT INTO journal_producers (producer_id, number, updated_at) VALUES {} "
    "ON CONFLICT (producer_id) DO UPDATE SET number = excluded.number, updated_at = excluded.updated_at"
)

_ROWS_MAX: Final = 32
"""Rows of one statement. There is one for each number of rows, and the connection keeps all of them prepared."""


class Writer(GroupWriter):
    """State that follows the database, and the statements that change both.

    Anything that fails rolls the transaction back and forgets the cached state, so that the next one reads what is
    really there: nothing is skipped and nothing is given twice. After an error of the disk the connection is opened
    anew, for SQLite keeps using the file that it has, even where another one has taken its place.

    Args:
        path: the database's file.
        connect: opens a connection.
        lock_seconds_max: how long a transaction waits for other programs.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], lock_seconds_max: float) -> None:
        self._path = path
        self._connect = connect
        self._lock_seconds_max = lock_seconds_max
        self._connection: sqlite3.Connection | None = connect()
        self._last_record = 0
        self._new_tasks = NewTasks()
        super().__init__(self)

    def __repr__(self) -> str:
        return f"<Writer {str(self._path)!r} {self.hindrance or 'ready'}>"

    def close(self) -> None:
        """Close the connection; the next commit would open another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def commit(self, items: Sequence[Append]) -> CommitResult:
        """Store a group in one transaction.

        Raises:
            sqlite3.Error: nothing of the group is stored, as far as SQLite says.
        """
        started = time.perf_counter()
        self._begin()
        self._last_record = 0
        try:
            self._start()
            self._new_tasks.prepare(self._db, self._first_workers(items))
            receipts = [self._apply(item) for item in items]
            self._finish()
            self._commit()
        except BaseException as error:
            self.forget()
            if isinstance(error, sqlite3.Error) and not _is_locked(error):
                self.close()  # rolls back, too
            elif self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._known.trim()
        return self._result(receipts, self._last_record, started)

    def _start(self) -> None:
        """Begin the transaction; waits for other programs, in steps, so that it can be told why nothing continues."""
        deadline = time.monotonic() + self._lock_seconds_max
        try:
            while True:
                try:
                    self._db.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if not _is_locked(error) or self.is_hurried or time.monotonic() >= deadline:
                        raise
                    self.hindrance = f"{self._path} is locked by another program"
                else:
                    return
        finally:
            self.hindrance = ""

    def _commit(self) -> None:
        """Commit; where that reports an error, look whether the transaction has been stored all the same.

        Ids of records are given by this writer alone, and the lock is still held: if the last one is there, all is. A
        transaction without records is taken for lost; sending it again does no harm.
        """
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self.forget()
            self.close()
            found = self._db.execute("SELECT 1 FROM journal_records WHERE record_id = ?", (self._last_record,))
            if found.fetchone() is None:
                raise

    def number_of(self, producer_id: str) -> int:
        """See ``StateSource``."""
        row = self._db.execute("SELECT number FROM journal_producers WHERE producer_id = ?", (producer_id,)).fetchone()
        return int(row[0]) if row else 0

    def add_task(self, task_id: str) -> WrittenTask:
        """See ``StateSource``."""
        return self._new_tasks.take(task_id) or make(self._db, [task_id])[task_id]

    def add_worker(self, key: int, worker_id: str) -> str | None:
        """See ``StateSource``."""
        worker = (key, worker_id)
        if self._new_tasks.take_worker(*worker):
            return None
        cursor = self._db.execute("INSERT OR IGNORE INTO journal_workers (task_key, worker_id) VALUES (?, ?)", worker)
        if cursor.rowcount == 1:
            return None
        row = self._db.execute("SELECT status FROM journal_workers WHERE task_key = ? AND worker_id = ?", worker)
        return str(row.fetchone()[0])

    def task(self, task_id: str) -> WrittenTask | None:
        """See ``StateSource``."""
        if self._new_tasks.is_looked_up(task_id):
            return self._new_tasks.found(task_id)
        return find(self._db, [task_id]).get(task_id)

    def _set_status(self, key: int, worker_id: str, status: str, reason: str) -> None:
        self._db.execute(
            "UPDATE journal_workers SET status = ?, reason = ? WHERE task_key = ? AND worker_id = ?",
            (status, reason, key, worker_id),
        )

    def _set_metadata(self, key: int, worker_id: str, metadata: str) -> None:
        self._db.execute(
            "UPDATE journal_workers SET metadata = ? WHERE task_key = ? AND worker_id = ?", (metadata, key, worker_id)
        )

    def _deciding_report(self, key: int) -> tuple[str, str]:
        status, reason = self._db.execute(
            "SELECT status, reason FROM journal_workers WHERE task_key = ? "
            "ORDER BY status = 'FAILED' DESC, reason <> '' DESC LIMIT 1",
            (key,),
        ).fetchone()
        return status, reason

    def _last_stage(self, pipeline_id: str) -> int:
        row = self._db.execute(
            "SELECT max(number) FROM journal_stages WHERE pipeline_id = ?", (pipeline_id,)
        ).fetchone()
        return int(row[0] or 0)

    def _store_stage(self, progress: StageProgress) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO journal_stages (pipeline_id, stage_id, number, document) VALUES (?, ?, ?, ?)",
            (progress.pipeline_id, progress.stage_id, progress.number, progress.document),
        )

    def _first_workers(self, items: Sequence[Append]) -> dict[str, str]:
        """The tasks that are not known and get lines without a number, each with its first worker.

        What is numbered may be stored already, and then it makes no task.
        """
        workers: dict[str, str] = {}
        for item in items:
            if (
                isinstance(item, LineBatch)
                and item.producer is None
                and not item.from_table
                and item.entries
                and self._known.known_task(item.task_id) is None
            ):
                workers.setdefault(item.task_id, item.worker_id)
        return workers

    def _finish(self) -> None:
        tasks = self._pack_all()
        if self._records:
            self._last_record = self._execute_many(_INSERT_RECORDS, self._records)
        newest = self._newest_chunks()
        self._execute_many(_UPDATE_TASKS, [(*task, newest.get(task[0])) for task in tasks])
        updated_at = int(time.time())
        self._execute_many(
            _STORE_NUMBERS, [(producer_id, number, updated_at) for producer_id, number in self._known.counted.items()]
        )

    def _newest_chunks(self) -> dict[object, int]:
        """The newest chunk of each task that got any: within one transaction, ids are given without a hole."""
        before = self._last_record - len(self._records)
        return {row[0]: before + place for place, row in enumerate(self._records, 1) if row[1] == LINES_KIND}

    def _execute_many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute a statement for rows, of which it takes many at a time; the id of the last row that it inserted.

        Between two statements the thread gives up the interpreter's lock, and beside a busy event loop it waits up to
        a millisecond to get it back.
        """
        done = last_id = 0
        while done < len(rows):
            part = rows[done : done + _ROWS_MAX]
            cursor = self._db.execute(_for_rows(statement, len(part), len(part[0])), [*chain.from_iterable(part)])
            last_id = cursor.lastrowid or 0
            done += len(part)
        return last_id


@functools.cache
def _for_rows(statement: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.format(", ".join([row] * rows))


def _is_locked(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
