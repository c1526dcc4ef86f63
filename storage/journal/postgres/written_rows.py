"""What the writer on PostgreSQL keeps of rows while it computes a commit, and the statements that read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from storage.journal.group_writer import CommitResult
from storage.journal.interface import Append
from storage.journal.known_state import WrittenTask

__all__ = [
    "DECIDING",
    "REMOVED",
    "REMOVED_STATUS",
    "REMOVED_TIME",
    "TASKS",
    "WORKERS",
    "ChangedWorker",
    "Doubt",
    "VersionedTask",
]

TASKS: Final = """
SELECT task_id, task_key, version, last_sequence, end_status, end_timestamp, end_reason, end_through_status,
(SELECT count(*) FROM journal_workers w WHERE w.task_key = t.task_key),
(SELECT count(*) FROM journal_workers w WHERE w.task_key = t.task_key
 AND status IN ('COMPLETED', 'FAILED', 'TERMINATED'))
FROM journal_tasks t WHERE task_id = ANY($1::text[])"""

REMOVED_STATUS: Final = "CASE has_failed WHEN 0 THEN 'COMPLETED' WHEN 1 THEN 'FAILED' END"
REMOVED_TIME: Final = """to_char(to_timestamp(ended_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS".000000000Z"')"""
"""The end of a removed task, as its row had it; its reason is gone."""

REMOVED: Final = f"""
SELECT name_hash, last_sequence, {REMOVED_STATUS}, {REMOVED_TIME} FROM journal_removed_tasks
WHERE name_hash = ANY($1::bigint[])"""  # noqa: S608 - constants

WORKERS: Final = """
SELECT w.task_key, w.worker_id, w.status FROM journal_workers w
JOIN unnest($1::bigint[], $2::text[]) AS n (key, id) ON w.task_key = n.key AND w.worker_id = n.id"""

DECIDING: Final = """
SELECT status, reason, worker_id FROM journal_workers WHERE task_key = $1 AND NOT worker_id = ANY($2::text[])
ORDER BY status = 'FAILED' DESC, reason <> '' DESC, worker_id LIMIT 1"""


@dataclass(slots=True)
class VersionedTask(WrittenTask):
    """A task with the version that it has in the database; 0: it is not there yet."""

    version: int = 0


@dataclass(slots=True)
class ChangedWorker:
    """What a commit changes of a worker; None: nothing."""

    is_new: bool = False
    status: str | None = None
    reason: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A commit whose answer was lost: it is stored, if the gateway's commit number is this one."""

    items: Sequence[Append]
    number: int
    results: Callable[[Sequence[int]], CommitResult]
    """Takes where its lanes stood before and after; see ``PostgresWriter``."""
