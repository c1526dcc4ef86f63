"""Where summaries of chunks are kept, and which tasks lack some."""

import sqlite3
from collections.abc import Callable
from typing import Final

from storage.journal.queries import Span
from storage.journal.summary_steps import TasksToSummarize, UnsummarizedTask
from storage.sqlite.connections import transaction
from storage.sqlite.write_lock import WriteLock

__all__ = ["SummaryStore"]

_RECORDS_PER_STEP: Final = 4096
_REACHED: Final = "summarized_record"

_TASKS: Final = """
SELECT task_id, end_status IS NOT NULL,
  coalesce((SELECT max(s.last_sequence) FROM journal_summaries s WHERE s.task_key = t.task_key), 0)
FROM journal_tasks t WHERE task_key IN
  (SELECT task_key FROM journal_records WHERE record_id > ? ORDER BY record_id LIMIT ?)"""

_REACH: Final = "SELECT max(record_id) FROM (SELECT record_id FROM journal_records WHERE record_id > ? LIMIT ?)"

_SET_REACHED: Final = """
INSERT INTO journal_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"""


class SummaryStore:
    """See ``SummarySteps``.

    Args:
        connect: opens a connection.
        lock: the database's; commits of the journal go first.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], lock: WriteLock) -> None:
        self._connect = connect
        self._lock = lock
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<SummaryStore {'idle' if self._connection is None else 'open'}>"

    def close(self) -> None:
        """Close the connection; a further step opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def tasks(self) -> TasksToSummarize:
        """See ``SummarySteps.tasks``."""
        found = self._db.execute("SELECT value FROM journal_meta WHERE name = ?", (_REACHED,)).fetchone()
        after = int(found[0]) if found else 0
        (reached,) = self._db.execute(_REACH, (after, _RECORDS_PER_STEP)).fetchone()
        if reached is None:
            return TasksToSummarize()
        rows = self._db.execute(_TASKS, (after, _RECORDS_PER_STEP)).fetchall()
        return TasksToSummarize([UnsummarizedTask(name, bool(ended), last) for name, ended, last in rows], reached)

    def add(self, task_id: str, span: Span) -> None:
        """See ``SummarySteps.add``."""
        with transaction(self._db, self._lock):
            self._db.execute(
                "INSERT OR REPLACE INTO journal_summaries (task_key, last_sequence, first_sequence, summary) "
                "SELECT task_key, ?, ?, ? FROM journal_tasks WHERE task_id = ?",
                (span.last, span.first, span.summary, task_id),
            )

    def set_reached(self, record: int) -> None:
        """See ``SummarySteps.set_reached``."""
        with transaction(self._db, self._lock):
            self._db.execute(_SET_REACHED, (_REACHED, str(record)))

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection
