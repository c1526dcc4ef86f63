"""The reader's queries on SQLite."""

import json
import sqlite3
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from storage.journal.history import KnownTask, WorkerRecord
from storage.journal.inventory import StoredChunk, StoredTask
from storage.journal.queries import INLINE_BYTES_MAX, Bounds, RecordRow, Span, StateRow
from storage.journal.removed_tasks import name_hash
from storage.journal.sqlite.epoch import newest_record
from storage.journal.sqlite.known_tasks import count_tasks, newest_tasks
from storage.journal.sqlite.stored_chunks import stored_chunks, stored_tasks
from storage.sqlite.connections import Access, open_connection

__all__ = ["REMOVED_STATUS", "REMOVED_TIME", "SqliteQueries", "open_queries"]

_BOUNDS: Final = f"""
    SELECT record_id, first_sequence, last_sequence, levels, earliest, latest, codec, raw_size, checksum,
    CASE WHEN length(payload) <= {INLINE_BYTES_MAX} THEN payload END
    FROM journal_records WHERE task_key = ? AND kind = 0 AND last_sequence
"""  # noqa: S608 - a constant


_SPANS: Final = """
    SELECT first_sequence, last_sequence, summary FROM journal_summaries WHERE task_key = ? AND last_sequence
"""

REMOVED_STATUS: Final = "CASE has_failed WHEN 0 THEN 'COMPLETED' WHEN 1 THEN 'FAILED' END"
REMOVED_TIME: Final = "strftime('%Y-%m-%dT%H:%M:%S.000000000Z', ended_at, 'unixepoch')"
"""The end of a removed task, as its row had it; its reason is gone."""

# In one statement, so that a task that is removed or comes back meanwhile is found in one place or the other.
_REMOVED: Final = """
FROM journal_removed_tasks WHERE name_hash = ?2 AND NOT EXISTS (SELECT 1 FROM journal_tasks WHERE task_id = ?1)"""
_STATE: Final = f"""
SELECT first_sequence, last_sequence, end_status, end_timestamp, end_reason, end_through_status
FROM journal_tasks WHERE task_id = ?1
UNION ALL SELECT last_sequence + 1, last_sequence, {REMOVED_STATUS}, {REMOVED_TIME}, '', 1 {_REMOVED}"""  # noqa: S608
_TASK: Final = f"""
SELECT task_key, first_sequence, last_sequence FROM journal_tasks WHERE task_id = ?1
UNION ALL SELECT 0, last_sequence + 1, last_sequence {_REMOVED}"""  # noqa: S608 - constants

_BUSY_SECONDS: Final = 1.0


def open_queries(path: Path) -> "SqliteQueries":
    """The queries on a connection of their own.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    return SqliteQueries(open_connection(path, Access.READ, busy_seconds=_BUSY_SECONDS))


_LAST_SEQUENCES: Final = """
SELECT task_id, last_sequence FROM journal_tasks WHERE task_id IN (SELECT value FROM json_each(?))"""


class SqliteQueries:
    """See ``storage.journal.queries.Queries``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def state(self, task_id: str) -> StateRow | None:
        """What exists of a task."""
        row: StateRow | None = self._db.execute(_STATE, (task_id, name_hash(task_id))).fetchone()
        return row

    def task(self, task_id: str) -> tuple[int, int, int] | None:
        """Key, first and last sequence; the key of a removed task is 0."""
        row: tuple[int, int, int] | None = self._db.execute(_TASK, (task_id, name_hash(task_id))).fetchone()
        return row

    def bounds_after(self, key: int, sequence: int, rows_max: int) -> Sequence[Bounds]:
        """Chunks that end after a sequence."""
        rows = self._db.execute(f"{_BOUNDS} > ? ORDER BY last_sequence LIMIT ?", (key, sequence, rows_max))
        return [*map(Bounds._make, rows.fetchall())]

    def bounds_before(self, key: int, sequence: int, rows_max: int) -> Sequence[Bounds]:
        """Chunks that end before a sequence."""
        rows = self._db.execute(f"{_BOUNDS} < ? ORDER BY last_sequence DESC LIMIT ?", (key, sequence, rows_max))
        return [*map(Bounds._make, rows.fetchall())]

    def spans_after(self, key: int, sequence: int, rows_max: int) -> Sequence[Span]:
        """Summaries that end after a sequence."""
        rows = self._db.execute(f"{_SPANS} > ? ORDER BY last_sequence LIMIT ?", (key, sequence, rows_max))
        return [*map(Span._make, rows.fetchall())]

    def spans_before(self, key: int, sequence: int, rows_max: int) -> Sequence[Span]:
        """Summaries that end before a sequence."""
        rows = self._db.execute(f"{_SPANS} < ? ORDER BY last_sequence DESC LIMIT ?", (key, sequence, rows_max))
        return [*map(Span._make, rows.fetchall())]

    def payload(self, record_id: int) -> bytes | None:
        """The payload of a record."""
        row = self._db.execute("SELECT payload FROM journal_records WHERE record_id = ?", (record_id,)).fetchone()
        return None if row is None else row[0]

    def records(self, after: int, bytes_max: int) -> Generator[RecordRow, None, None]:  # noqa: ARG002 - read one by one
        """Records in commit order."""
        rows = self._db.execute(
            "SELECT record_id, task_id, kind, r.first_sequence, r.last_sequence, codec, raw_size, checksum, payload "
            "FROM journal_records r JOIN journal_tasks USING (task_key) "
            "WHERE record_id > ? ORDER BY record_id LIMIT 256",
            (after,),
        )
        with closing(rows):
            yield from rows

    def newest_record(self) -> int:
        """The last id that was given; retention may have removed its record."""
        return newest_record(self._db)

    def last_number(self, producer_id: str) -> int:
        """The highest number on disk."""
        row = self._db.execute("SELECT number FROM journal_producers WHERE producer_id = ?", (producer_id,)).fetchone()
        return int(row[0]) if row else 0

    def stages(self, pipeline_id: str) -> Sequence[tuple[str, bytes, int]]:
        """Stages of a pipeline."""
        return self._db.execute(
            "SELECT stage_id, document, number FROM journal_stages WHERE pipeline_id = ? ORDER BY number",
            (pipeline_id,),
        ).fetchall()

    def workers(self, task_id: str, count_max: int) -> tuple[Sequence[str], int]:
        """Some workers of a task, and how many there are."""
        known = self.task(task_id)
        key = known[0] if known else 0
        names = self._db.execute(
            "SELECT worker_id FROM journal_workers WHERE task_key = ? ORDER BY worker_id LIMIT ?", (key, count_max)
        ).fetchall()
        count = len(names)
        if count == count_max:
            (count,) = self._db.execute("SELECT count(*) FROM journal_workers WHERE task_key = ?", (key,)).fetchone()
        return [name for (name,) in names], count

    def worker_records(self, task_id: str, count_max: int) -> Sequence[WorkerRecord]:
        """What some workers of a task reported; those that failed come first."""
        known = self.task(task_id)
        rows = self._db.execute(
            "SELECT worker_id, status, reason, metadata FROM journal_workers WHERE task_key = ? "
            "ORDER BY status = 'FAILED' DESC, worker_id LIMIT ?",
            (known[0] if known else 0, count_max),
        )
        return [
            WorkerRecord(worker_id, status, reason, None if metadata is None else msgspec.json.decode(metadata))
            for worker_id, status, reason, metadata in rows
        ]

    def newest_tasks(self, below: int, snapshot: int, status: str, count_max: int) -> Sequence[KnownTask]:
        """Tasks by activity."""
        return newest_tasks(self._db, below, snapshot, status, count_max)

    def count_tasks(self, status: str, count_max: int) -> int:
        """How many tasks have lines."""
        return count_tasks(self._db, status, count_max)

    def stored_tasks(self, after: str, count_max: int) -> Sequence[StoredTask]:
        """Tasks that have lines."""
        return stored_tasks(self._db, after, count_max)

    def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        """The last sequences of tasks."""
        return dict(self._db.execute(_LAST_SEQUENCES, (json.dumps([*task_ids]),)).fetchall())

    def stored_chunks(self, task_id: str, after: int, count_max: int) -> Sequence[StoredChunk]:
        """Chunks of a task."""
        return stored_chunks(self._db, task_id, after, count_max)
