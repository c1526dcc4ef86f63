"""Removing from the database, in steps so small that the journal's own commits hardly wait for them."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from storage.journal.interface import WATCH_PREFIX
from storage.journal.inventory import Removed, RemovedTasks
from storage.journal.removed_tasks import IDLE_SECONDS, name_hash, unix_seconds
from storage.sqlite.connections import checkpoint
from storage.sqlite.write_lock import WriteLock

__all__ = ["STEP_BYTES", "STEP_CHUNKS", "STEP_ROWS", "Remover"]

STEP_CHUNKS: Final = 64
STEP_BYTES: Final = 512 << 10
"""What one transaction removes at most, unless a single chunk is larger: a few milliseconds."""

STEP_ROWS: Final = 500
_WATCHES: Final = f"{WATCH_PREFIX}*"

# Under the lock nothing is added: a task that has lines again keeps its workers.
_REMOVE_WORKERS: Final = """
DELETE FROM journal_workers WHERE (task_key, worker_id) IN (SELECT w.task_key, w.worker_id
FROM journal_workers w JOIN journal_tasks USING (task_key)
WHERE w.task_key = ? AND last_sequence < first_sequence AND end_status IS NOT NULL LIMIT ?)"""

# The tasks of a list that still end where it says, and have no line or end that sinks have not copied. Of their chunks
# and workers no more are counted than a step may take.
_WHOLE: Final = """
SELECT t.task_key, t.task_id, t.last_sequence + 1 - t.first_sequence, t.stored_bytes,
(SELECT count(*) FROM (SELECT 1 FROM journal_records r WHERE r.task_key = t.task_key AND kind = 0 LIMIT ?3)),
(SELECT count(*) FROM (SELECT 1 FROM journal_workers w WHERE w.task_key = t.task_key LIMIT ?4))
FROM json_each(?1) CROSS JOIN journal_tasks t ON t.task_id = json_extract(value, '$[0]')
WHERE t.last_sequence = json_extract(value, '$[1]') AND t.last_sequence >= t.first_sequence AND t.last_record <= ?2
AND NOT EXISTS (SELECT 1 FROM journal_records r WHERE r.task_key = t.task_key AND kind = 1 AND record_id > ?2)"""
_IN_KEYS: Final = "task_key IN (SELECT value FROM json_each(?1))"
_HAS_ENDED: Final = "WHERE t.task_key = journal_workers.task_key AND end_status IS NOT NULL"
_EMPTY: Final = (
    f"DELETE FROM journal_records WHERE {_IN_KEYS} AND kind IN (0, 1)",  # noqa: S608 - a constant
    f"DELETE FROM journal_summaries WHERE {_IN_KEYS}",  # noqa: S608 - a constant
    f"DELETE FROM journal_workers WHERE {_IN_KEYS} AND EXISTS (SELECT 1 FROM journal_tasks t {_HAS_ENDED})",  # noqa: S608
)
_EMPTIED: Final = f"""
UPDATE journal_tasks SET first_sequence = last_sequence + 1, stored_bytes = 0, last_record = 0,
removable_at = CASE WHEN end_status IS NULL THEN ?2 ELSE 0 END WHERE {_IN_KEYS}"""  # noqa: S608 - a constant

_STEP_TASKS: Final = 200

# The newest row stays whatever it is, or SQLite would give its key again, which a reader may still hold.
_FORGETTABLE: Final = """
SELECT task_key, task_id, last_sequence, end_status = 'FAILED', end_timestamp FROM journal_tasks t
WHERE last_record = 0 AND removable_at <= ?1 AND (end_status IS NOT NULL OR removable_at > 0)
AND task_key < (SELECT max(task_key) FROM journal_tasks)
AND NOT EXISTS (SELECT 1 FROM journal_records r WHERE r.task_key = t.task_key AND (kind = 0 OR record_id > ?2))
LIMIT ?3"""
_REOPENED: Final = "last_record = 0 AND removable_at = 0 AND end_status IS NULL"
_FORGET_WORKERS: Final = """
DELETE FROM journal_workers WHERE (task_key, worker_id) IN (SELECT task_key, worker_id FROM journal_workers
WHERE task_key IN (SELECT value FROM json_each(?)) LIMIT ?)"""
_KEEP_NUMBER: Final = """
INSERT INTO journal_removed_tasks (name_hash, last_sequence, has_failed, ended_at) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET last_sequence = max(last_sequence, excluded.last_sequence), has_failed = excluded.has_failed,
ended_at = excluded.ended_at"""

_STEP_LOG_BYTES: Final = 224 << 10
"""What a step adds to the write-ahead log, about: the pages that it changes."""


class Remover:
    """The one that removes; belongs to a thread of its own.

    Each step is one transaction under the lock's background side: a commit of the journal that waits goes first. It is
    not waited for the disk: a power cut takes back whole steps, and lines that come back are removed again. Pages that
    become free are used again by what is stored next.

    Args:
        connect: opens a connection.
        lock: the database's.
        forget: makes the journal's writer read anew what it keeps of workers and producers; called under the lock.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], lock: WriteLock, forget: Callable[[], None]) -> None:
        self._connect = connect
        self._lock = lock
        self._forget = forget
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<Remover {'idle' if self._connection is None else 'open'}>"

    def close(self) -> None:
        """Close the connection; a further step opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def mark(self, at: float) -> None:
        """See ``Journal.mark``; where nothing was stored since the last mark, that one stands."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO journal_marks (record_id, at) "
                "SELECT seq, ? FROM sqlite_sequence WHERE name = 'journal_records'",
                (int(at),),
            )
            db.execute(
                "DELETE FROM journal_marks WHERE record_id < (SELECT min(record_id) FROM journal_records) "
                "AND record_id < (SELECT max(record_id) FROM journal_marks)"
            )

    def remove(self, task_id: str, sequence: int, copied: int) -> Removed:
        """See ``Journal.remove_through``."""
        db = self._db
        row = db.execute(
            "SELECT task_key, first_sequence, last_sequence, end_status IS NOT NULL FROM journal_tasks "
            "WHERE task_id = ?",
            (task_id,),
        ).fetchone()
        if row is None:
            return Removed()
        key, first, last, has_ended = row
        # Nobody but this thread takes chunks away: what is found without the lock is still so under it.
        cut, size, is_done = self._cut(key, self._bound(key, sequence, copied), copied)
        if cut < first:
            return Removed(is_done=first <= last or not has_ended or self._remove_workers(key))
        is_last = has_ended and cut == last
        workers = 0
        with self._transaction(is_remembered=is_last) as db:
            db.execute("DELETE FROM journal_records WHERE task_key = ? AND kind = 0 AND last_sequence <= ?", (key, cut))
            db.execute("DELETE FROM journal_records WHERE task_key = ? AND kind = 1 AND last_sequence <= ?", (key, cut))
            db.execute("DELETE FROM journal_summaries WHERE task_key = ? AND last_sequence <= ?", (key, cut))
            db.execute(
                "UPDATE journal_tasks SET first_sequence = ?1 + 1, stored_bytes = max(stored_bytes - ?2, 0), "
                "last_record = CASE WHEN last_sequence > ?1 THEN last_record ELSE 0 END, "
                "removable_at = CASE WHEN end_status IS NULL THEN ?4 ELSE 0 END WHERE task_key = ?3",
                (cut, size, key, int(time.time()) + IDLE_SECONDS),
            )
            if is_last:
                workers = db.execute(_REMOVE_WORKERS, (key, STEP_ROWS)).rowcount
        return Removed(cut + 1 - first, size, is_done and (cut < last or (is_last and workers < STEP_ROWS)))

    def remove_whole(self, through: Mapping[str, int], copied: int) -> RemovedTasks:
        """See ``Journal.remove_whole``."""
        wanted = json.dumps([*through.items()])
        with self._transaction(is_remembered=True) as db:  # nothing is added while it looks
            found = db.execute(_WHOLE, (wanted, copied, STEP_CHUNKS + 1, STEP_ROWS + 1)).fetchall()
            taken = _fitting(found)
            keys = json.dumps([key for key, *_ in taken])
            if taken:
                for statement in _EMPTY:
                    db.execute(statement, (keys,))
                db.execute(_EMPTIED, (keys, int(time.time()) + IDLE_SECONDS))
        names = tuple(task_id for _, task_id, *_ in taken)
        return RemovedTasks(names, sum(row[2] for row in taken), sum(row[3] for row in taken))

    def forget_producers(self, before: float) -> int:
        """See ``Journal.forget_producers``."""
        # A look without the lock first: nearly always there is nothing.
        found = self._db.execute(
            "SELECT producer_id FROM journal_producers WHERE updated_at < ? AND producer_id NOT GLOB ? LIMIT ?",
            (int(before), _WATCHES, STEP_ROWS),
        ).fetchall()
        if not found:
            return 0
        with self._transaction(is_remembered=True) as db:
            return db.execute(
                "DELETE FROM journal_producers WHERE updated_at < ? AND producer_id NOT GLOB ? "
                "AND producer_id <= ? AND producer_id >= ?",
                (int(before), _WATCHES, max(found)[0], min(found)[0]),
            ).rowcount

    def forget_tasks(self, at: float, copied: int) -> int:
        """See ``Journal.forget_tasks``."""
        bounds = (int(at), copied, _STEP_TASKS)
        if self._db.execute(f"SELECT 1 FROM journal_tasks WHERE {_REOPENED} LIMIT 1").fetchone():  # noqa: S608
            with self._transaction() as db:  # a report has opened it, but no line has come
                db.execute(f"UPDATE journal_tasks SET removable_at = ? WHERE {_REOPENED}", (int(at) + IDLE_SECONDS,))  # noqa: S608
        if not self._db.execute(_FORGETTABLE, bounds).fetchall():
            return 0
        with self._transaction(is_remembered=True) as db:
            tasks = db.execute(_FORGETTABLE, bounds).fetchall()  # again: under the lock nothing is added to them
            keys = json.dumps([key for key, *_ in tasks])
            if db.execute(_FORGET_WORKERS, (keys, STEP_ROWS)).rowcount == STEP_ROWS:
                return len(tasks)  # there may be more of them, and the tasks go with the last
            kept = [(name_hash(name), last, failed, unix_seconds(at)) for _, name, last, failed, at in tasks if last]
            db.executemany(_KEEP_NUMBER, kept)
            for table in ("journal_summaries", "journal_records", "journal_tasks"):
                db.execute(f"DELETE FROM {table} WHERE task_key IN (SELECT value FROM json_each(?))", (keys,))  # noqa: S608
        return len(tasks)

    def _bound(self, key: int, sequence: int, copied: int) -> int:
        """Up to where lines may go: not beyond an end that no sink has seen yet."""
        (uncopied,) = self._db.execute(
            "SELECT min(last_sequence) FROM journal_records WHERE task_key = ? AND kind = 1 AND record_id > ?",
            (key, copied),
        ).fetchone()
        return sequence if uncopied is None else min(sequence, uncopied - 1)

    def _cut(self, key: int, sequence: int, copied: int) -> tuple[int, int, bool]:
        """Where this step ends, its bytes, and whether there is nothing after it."""
        cut = size = 0
        rows = self._db.execute(
            "SELECT record_id, last_sequence, length(payload) FROM journal_records "
            "WHERE task_key = ? AND kind = 0 AND last_sequence <= ? ORDER BY last_sequence LIMIT ?",
            (key, sequence, STEP_CHUNKS),
        ).fetchall()
        for record, last, chunk_size in rows:
            if record > copied:
                return cut, size, True
            if cut and size + chunk_size > STEP_BYTES:
                return cut, size, False
            cut, size = last, size + chunk_size
        return cut, size, len(rows) < STEP_CHUNKS

    def _remove_workers(self, key: int) -> bool:
        """Some of a task's workers; whether none is left."""
        found = self._db.execute("SELECT 1 FROM journal_workers WHERE task_key = ? LIMIT 1", (key,)).fetchone()
        if found is None:
            return True
        with self._transaction(is_remembered=True) as db:
            db.execute(_REMOVE_WORKERS, (key, STEP_ROWS))
        return False

    @contextmanager
    def _transaction(self, *, is_remembered: bool = False) -> Iterator[sqlite3.Connection]:
        """Commits at the end; ``is_remembered``: the writer keeps what is changed here in memory."""
        db = self._db
        with self._lock.background():
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                self.close()  # rolls back, and takes a replaced file for what it is
                raise
            finally:
                if is_remembered:
                    self._forget()
        checkpoint(db, self._lock, _STEP_LOG_BYTES)

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection


def _fitting(found: Sequence[tuple[int, str, int, int, int, int]]) -> Sequence[tuple[int, str, int, int, int, int]]:
    """As many tasks as one step takes: key, name, lines, bytes, chunks and workers of each."""
    taken, size, chunks, workers = list[tuple[int, str, int, int, int, int]](), 0, 0, 0
    for row in found:
        *_, task_size, task_chunks, task_workers = row
        size, chunks, workers = size + task_size, chunks + task_chunks, workers + task_workers
        if size > STEP_BYTES or chunks > STEP_CHUNKS or workers > STEP_ROWS:
            size, chunks, workers = size - task_size, chunks - task_chunks, workers - task_workers
        else:
            taken.append(row)
    return taken
