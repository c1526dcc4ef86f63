"""Reading what is known of tasks for overviews and searches, without their lines.

The index ``journal_tasks_by_activity`` has the tasks that have lines, by status and newest chunk. What a page costs
does not depend on how many tasks there are.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from storage.journal.history import KnownTask

__all__ = ["count_tasks", "newest_tasks"]

_STATUSES: Final = (None, "COMPLETED", "FAILED")
"""As they are stored; None: the task has not ended."""

_UNCHANGED: Final = """
SELECT task_id, first_sequence, last_sequence, end_status, stored_bytes, last_record FROM journal_tasks
WHERE end_status IS ?1 AND last_record > 0 AND last_record < min(?2, ?3 + 1) ORDER BY last_record DESC LIMIT ?4"""

# Those that went on after the moment of the ranking. The place that each had in it is looked for in its chunks.
_CONTINUED: Final = """
SELECT task_id, t.first_sequence, r.last_sequence, end_status, stored_bytes, r.record_id
FROM journal_tasks t JOIN journal_records r ON r.record_id = (
  SELECT record_id FROM journal_records WHERE task_key = t.task_key AND kind = 0 AND record_id <= ?3
  ORDER BY last_sequence DESC LIMIT 1
)
WHERE end_status IS ?1 AND last_record > 0 AND last_record > ?3 AND r.record_id < ?2 ORDER BY r.record_id DESC LIMIT ?4"""

_COUNT: Final = """
SELECT count(*) FROM (SELECT 1 FROM journal_tasks WHERE end_status IS ? AND last_record > 0 LIMIT ?)"""


def newest_tasks(
    connection: sqlite3.Connection, below: int, snapshot: int, status: str, count_max: int
) -> Sequence[KnownTask]:
    """See ``storage.journal.history.HistoryReads``."""
    rows: list[tuple[str, int, int, str | None, int, int]] = []
    for stored in _stored(status):
        for query in (_UNCHANGED, _CONTINUED):
            rows += connection.execute(query, (stored, below, snapshot, count_max)).fetchall()
    rows.sort(key=lambda row: row[-1], reverse=True)
    return [
        KnownTask(task_id, first, last, ended or "RUNNING", size, record)
        for task_id, first, last, ended, size, record in rows[:count_max]
    ]


def count_tasks(connection: sqlite3.Connection, status: str, count_max: int) -> int:
    """See ``storage.journal.history.HistoryReads``."""
    count = 0
    for stored in _stored(status):
        count += connection.execute(_COUNT, (stored, count_max - count)).fetchone()[0]
    return count


def _stored(status: str) -> Sequence[str | None]:
    return _STATUSES if not status else (None if status == "RUNNING" else status,)
