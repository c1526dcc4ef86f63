"""Reading what is known of tasks for overviews and searches, without their lines."""

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from storage.journal.history import KnownTask

__all__ = ["known_tasks", "tasks_at"]

_KNOWN_TASKS: Final = """
SELECT task_key, task_id, first_sequence,
(SELECT r.last_sequence FROM journal_records r WHERE r.task_key = t.task_key AND kind = 0 AND record_id <= ?2
 ORDER BY r.last_sequence DESC LIMIT 1),
end_status, stored_bytes,
(SELECT record_id FROM journal_records r WHERE r.task_key = t.task_key AND kind = 0 AND record_id <= ?2
 ORDER BY r.last_sequence DESC LIMIT 1)
FROM journal_tasks t WHERE task_key > ?1 ORDER BY task_key LIMIT ?3"""

_TASKS_AT: Final = """
SELECT task_key, task_id, t.first_sequence, r.last_sequence, end_status, stored_bytes, record_id
FROM journal_records r JOIN journal_tasks t USING (task_key)
WHERE record_id IN (SELECT value FROM json_each(?)) AND kind = 0 ORDER BY record_id DESC"""


def known_tasks(connection: sqlite3.Connection, after: int, upto_record: int, count_max: int) -> Sequence[KnownTask]:
    """See ``storage.journal.history.HistoryReads``."""
    return _tasks(connection.execute(_KNOWN_TASKS, (after, upto_record, count_max)))


def tasks_at(connection: sqlite3.Connection, records: Sequence[int]) -> Sequence[KnownTask]:
    """See ``storage.journal.history.HistoryReads``."""
    return _tasks(connection.execute(_TASKS_AT, (msgspec.json.encode(records).decode(),)))


def _tasks(rows: sqlite3.Cursor) -> Sequence[KnownTask]:
    return [
        KnownTask(key, task_id, first, last or 0, status or "RUNNING", size, record or 0)
        for key, task_id, first, last, status, size, record in rows
    ]
