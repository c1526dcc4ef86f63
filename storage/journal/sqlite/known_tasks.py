"""Reading what is known of tasks for overviews and searches, without their lines.

The index ``journal_tasks_by_activity`` has the tasks that have lines, by status and newest chunk. What a page costs
does not depend on how many tasks there are.
"""

import functools
import sqlite3
from collections.abc import Sequence
from typing import Final

from storage.journal.history import KnownTask

__all__ = ["count_queries", "count_tasks", "newest_tasks", "queries"]

_CONDITIONS: Final = {
    "RUNNING": "end_status IS NULL",
    "COMPLETED": "end_status = 'COMPLETED'",
    "FAILED": "end_status = 'FAILED'",
}
"""Each is a range of the index. SQLite merges the ranges of several, and reads no more rows than it returns."""

_UNCHANGED: Final = """
SELECT task_id, first_sequence, last_sequence, end_status, stored_bytes, last_record AS record FROM journal_tasks
WHERE {} AND last_record > 0 AND last_record < min(?1, ?2 + 1)"""

# Those that continued after the moment of the ranking. The place that each had in it is looked for in its chunks. The
# first condition on last_record is the one by which SQLite seeks; the second is what the index says of its rows.
_CONTINUED: Final = """
SELECT task_id, t.first_sequence, r.last_sequence, end_status, stored_bytes, r.record_id AS record
FROM journal_tasks t JOIN journal_records r ON r.record_id = (
  SELECT record_id FROM journal_records WHERE task_key = t.task_key AND kind = 0 AND record_id <= ?2
  ORDER BY last_sequence DESC LIMIT 1
)
WHERE {} AND last_record > ?2 AND last_record > 0 AND r.record_id < ?1"""

_COUNT: Final = """
SELECT count(*) FROM (SELECT 1 FROM journal_tasks WHERE {} AND last_record > 0 LIMIT ?)"""


def newest_tasks(
    connection: sqlite3.Connection, below: int, snapshot: int, status: str, count_max: int
) -> Sequence[KnownTask]:
    """See ``storage.journal.history.HistoryReads``."""
    rows: list[tuple[str, int, int, str | None, int, int]] = []
    for query in queries(status):
        rows += connection.execute(query, (below, snapshot, count_max)).fetchall()
    rows.sort(key=lambda row: row[-1], reverse=True)
    return [
        KnownTask(task_id, first, last, ended or "RUNNING", size, record)
        for task_id, first, last, ended, size, record in rows[:count_max]
    ]


def count_tasks(connection: sqlite3.Connection, status: str, count_max: int) -> int:
    """See ``storage.journal.history.HistoryReads``."""
    count = 0
    for query in count_queries(status):
        count += connection.execute(query, (count_max - count,)).fetchone()[0]
    return count


@functools.cache
def queries(status: str) -> Sequence[str]:
    """The statements of a page: for a record, a snapshot and a limit."""
    return [
        f"{' UNION ALL '.join(map(query.format, _conditions(status)))} ORDER BY record DESC LIMIT ?3"
        for query in (_UNCHANGED, _CONTINUED)
    ]


def count_queries(status: str) -> Sequence[str]:
    """The statements that count, each for a limit."""
    return [*map(_COUNT.format, _conditions(status))]


def _conditions(status: str) -> Sequence[str]:
    return [_CONDITIONS[status]] if status else [*_CONDITIONS.values()]
