"""The journal's one writer: turns a group of appends into one transaction. Runs on the writer's thread only."""

import functools
import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from filters.block import Block
from filters.timestamps import now
from storage.errors import StorageUnavailableError
from storage.journal.interface import (
    Append,
    Committed,
    LineBatch,
    Receipt,
    StageProgress,
    StreamClosed,
    TaskEnded,
    TaskEnding,
    WorkerRegistered,
    WorkerReport,
)
from storage.journal.sqlite.chunks import pack
from storage.journal.sqlite.known_state import KnownState, WrittenTask

__all__ = ["END_KIND", "LINES_KIND", "CommitResult", "Writer"]

LINES_KIND: Final = 0
END_KIND: Final = 1

_FINAL: Final = frozenset({"COMPLETED", "FAILED", "TERMINATED"})

_INSERT_RECORDS: Final = (
    "INSERT INTO journal_records (task_key, kind, first_sequence, last_sequence, levels, earliest, latest, codec, "
    "raw_size, checksum, payload) VALUES {}"
)
_UPDATE_TASKS: Final = (
    "WITH changed (key, last, status, timestamp, reason, through_status, bytes) AS (VALUES {}) "
    "UPDATE journal_tasks SET last_sequence = last, end_status = status, end_timestamp = timestamp, "
    "end_reason = reason, end_through_status = through_status, stored_bytes = stored_bytes + bytes "
    "FROM changed WHERE task_key = key"
)
_STORE_NUMBERS: Final = (
    "INSERT INTO journal_producers (producer_id, number, updated_at) VALUES {} "
    "ON CONFLICT (producer_id) DO UPDATE SET number = excluded.number, updated_at = excluded.updated_at"
)

_ROWS_MAX: Final = 32
"""Rows of one statement. There is one for each number of rows, and the connection keeps all of them prepared."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a transaction stored, with a receipt for each append, in order."""

    committed: Committed
    receipts: Sequence[Receipt | StorageUnavailableError]
    lines: int
    stored_bytes: int
    last_record: int
    seconds: float


class Writer:
    """State that follows the database, and the statements that change both.

    Anything that fails rolls the transaction back and forgets the cached state, so that the next one reads what is
    really there: nothing is skipped and nothing is given twice. After an error of the disk the connection is opened
    anew, for SQLite keeps using the file that it has, even where another one has taken its place.

    Attributes:
        hindrance: why the transaction under way cannot start, in one sentence; empty when it is not held up.
        is_hurried: give up at once where another program has locked the database.

    Args:
        path: the database's file.
        connect: opens a connection.
        lock_seconds_max: how long a transaction waits for other programs.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], lock_seconds_max: float) -> None:
        self.hindrance = ""
        self.is_hurried = False
        self._path = path
        self._connect = connect
        self._lock_seconds_max = lock_seconds_max
        self._connection: sqlite3.Connection | None = connect()
        self._known = KnownState(lambda: self._db)
        self._begin()

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

    def _begin(self) -> None:
        self._known.begin()
        self._blocks: list[Block] = []
        self._ended: list[TaskEnded] = []
        self._opened: dict[str, None] = {}
        self._progress: list[StageProgress] = []
        self._records: list[tuple[object, ...]] = []
        self._stored_bytes = 0
        self._lines = 0
        self._last_record = 0

    def commit(self, items: Sequence[Append]) -> CommitResult:
        """Store a group in one transaction.

        Raises:
            sqlite3.Error: nothing of the group is stored, as far as SQLite says.
        """
        started = time.perf_counter()
        self._begin()
        try:
            self._start()
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
        return CommitResult(
            Committed(
                self._blocks,
                [ended for ended in self._ended if self._known.touched[ended.task_id].ended is ended],
                self._progress,
                list(self._opened),
            ),
            receipts,
            self._lines,
            self._stored_bytes,
            self._last_record,
            time.perf_counter() - started,
        )

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

    def forget(self) -> None:
        """Read everything anew that was kept between transactions; not while one is under way."""
        self._known.forget()

    def _apply(self, item: Append) -> Receipt | StorageUnavailableError:
        if item.producer is not None:
            number, known = item.producer.number, self._known.number_of(item.producer.producer_id)
            if number <= known:
                return Receipt(duplicate=True, created=not isinstance(item, WorkerRegistered))
            previous = number - 1 if item.producer.previous is None else item.producer.previous
            if previous > known:
                missing = known + 1 if item.producer.previous is None else previous
                return StorageUnavailableError(f"number {number} was not stored because {missing} was not")
            self._known.use_number(item.producer.producer_id, number)
        match item:
            case LineBatch():
                return self._append_lines(item)
            case WorkerReport():
                self._report(item)
            case WorkerRegistered():
                return Receipt(created=self._register(item))
            case StreamClosed():
                task = self._known.find(item.task_id)
                if task is not None:
                    self._settle(task, now())
            case TaskEnding():
                task = self._known.task(item.task_id)
                if task.ended is None:
                    self._end(task, "FAILED" if item.failed else "COMPLETED", item.timestamp, item.reason)
            case StageProgress():
                self._advance_stage(item)
        return Receipt()

    def _append_lines(self, batch: LineBatch) -> Receipt:
        if not batch.entries:
            return Receipt()  # its number is stored, and nothing else
        task = self._known.task(batch.task_id)
        if not batch.from_table:
            self._known.see(task, batch.worker_id)
            task.standing_end = None
        elif task.ended is not None:
            task.standing_end = task.ended
        if task.ended is not None:
            self._open(task)
        if not task.waiting:
            task.received_at = batch.received_at
        first = sequence = task.last + 1
        for entry in batch.entries:
            entry.sequence = sequence
            sequence += 1
        task.last = sequence - 1
        task.waiting += batch.entries
        return Receipt(first, task.last)

    def _report(self, report: WorkerReport) -> None:
        task = self._known.task(report.task_id)
        self._known.see(task, report.worker_id)
        worker = (task.key, report.worker_id)
        task.unfinished += (self._known.statuses[worker] in _FINAL) - (report.status in _FINAL)
        self._known.statuses[worker] = report.status
        self._db.execute(
            "UPDATE journal_workers SET status = ?, reason = ? WHERE task_key = ? AND worker_id = ?",
            (report.status, report.reason, *worker),
        )
        if report.status in _FINAL:
            self._settle(task, report.timestamp)
        elif task.ended is not None and task.ended.through_status:
            self._open(task)
        elif task.standing_end is not None and task.standing_end.through_status:
            task.standing_end = None

    def _register(self, registered: WorkerRegistered) -> bool:
        task = self._known.task(registered.task_id)
        is_new = self._known.see(task, registered.worker_id)
        self._db.execute(
            "UPDATE journal_workers SET metadata = ? WHERE task_key = ? AND worker_id = ?",
            (msgspec.json.encode(registered.metadata).decode(), task.key, registered.worker_id),
        )
        return is_new

    def _settle(self, task: WrittenTask, timestamp: str) -> None:
        """End the task if every worker seen on it has reported a final status."""
        if task.ended is not None or not task.workers or task.unfinished:
            return
        # A failure comes first, and of those one that gives a reason.
        status, reason = self._db.execute(
            "SELECT status, reason FROM journal_workers WHERE task_key = ? "
            "ORDER BY status = 'FAILED' DESC, reason <> '' DESC LIMIT 1",
            (task.key,),
        ).fetchone()
        self._end(task, "FAILED" if status == "FAILED" else "COMPLETED", timestamp, reason, through_status=True)

    def _end(
        self, task: WrittenTask, status: str, timestamp: str, reason: str, *, through_status: bool = False
    ) -> None:
        self._pack(task)  # the end stands behind these lines in the order of records
        task.standing_end = None
        task.ended = TaskEnded(task.task_id, task.last, status, timestamp, reason, through_status)
        task.is_changed = True
        payload = msgspec.json.encode([status, timestamp, reason, through_status])
        self._insert(task, END_KIND, task.last, task.last, (0, "", "", 0, len(payload), zlib.crc32(payload), payload))
        self._ended.append(task.ended)

    def _open(self, task: WrittenTask) -> None:
        task.ended = None
        task.is_changed = True
        if task.was_ended:
            self._opened[task.task_id] = None

    def _advance_stage(self, progress: StageProgress) -> None:
        row = self._db.execute(
            "SELECT max(number) FROM journal_stages WHERE pipeline_id = ?", (progress.pipeline_id,)
        ).fetchone()
        numbered = replace(progress, number=(row[0] or 0) + 1)
        self._db.execute(
            "INSERT OR REPLACE INTO journal_stages (pipeline_id, stage_id, number, document) VALUES (?, ?, ?, ?)",
            (numbered.pipeline_id, numbered.stage_id, numbered.number, numbered.document),
        )
        self._progress.append(numbered)

    def _pack(self, task: WrittenTask) -> None:
        """Store the entries that wait, as few chunks as the limits allow."""
        entries, task.waiting = task.waiting, []
        if not entries:
            return
        task.is_changed = True
        self._lines += len(entries)
        done = 0
        for chunk in pack(entries):
            first = entries[done].sequence
            count = len(chunk.lines)
            self._insert(
                task,
                LINES_KIND,
                first,
                first + count - 1,
                (
                    chunk.levels,
                    chunk.earliest,
                    chunk.latest,
                    chunk.codec,
                    chunk.raw_size,
                    chunk.checksum,
                    chunk.payload,
                ),
            )
            task.added_bytes += len(chunk.payload)
            part = entries[done : done + count]
            self._blocks.append(Block(task.task_id, first, chunk.lines, entries=part, received_at=task.received_at))
            done += count

    def _insert(
        self, task: WrittenTask, kind: int, first: int, last: int, rest: tuple[int, str, str, int, int, int, bytes]
    ) -> None:
        self._records.append((task.key, kind, first, last, *rest))

    def _finish(self) -> None:
        tasks: list[tuple[object, ...]] = []
        for task in self._known.touched.values():
            end = task.standing_end
            if end is not None:
                self._end(task, end.status, end.timestamp, end.reason, through_status=end.through_status)
            self._pack(task)
            if not task.is_changed:
                continue
            task.is_changed = False
            ended = task.ended
            added, task.added_bytes = task.added_bytes, 0
            self._stored_bytes += added
            if ended is None:
                tasks.append((task.key, task.last, None, None, None, None, added))
            else:
                end_fields = (ended.status, ended.timestamp, ended.reason, int(ended.through_status))
                tasks.append((task.key, task.last, *end_fields, added))
        if self._records:
            self._last_record = self._execute_many(_INSERT_RECORDS, self._records)
        self._execute_many(_UPDATE_TASKS, tasks)
        updated_at = int(time.time())
        self._execute_many(
            _STORE_NUMBERS, [(producer_id, number, updated_at) for producer_id, number in self._known.counted.items()]
        )

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
