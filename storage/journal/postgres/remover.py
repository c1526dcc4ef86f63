"""Removing from the database in small transactions."""

from collections.abc import Mapping
from typing import Final

from storage.journal.interface import WATCH_PREFIX
from storage.journal.inventory import Removed, RemovedTasks
from storage.journal.postgres.schema import add_partitions
from storage.journal.removed_tasks import IDLE_SECONDS, name_hash, unix_seconds
from storage.postgres.connections import Link

__all__ = ["PostgresRemover"]

_STEP_CHUNKS: Final = 64
_STEP_BYTES: Final = 512 << 10
"""What one transaction removes at most, unless a single chunk is larger."""

_STEP_ROWS: Final = 500
_WATCHES: Final = f"{WATCH_PREFIX}%"

_EMPTY_PARTITIONS: Final = """
SELECT c.oid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
WHERE inhparent = 'journal_records'::regclass
AND right(c.relname, 8) < to_char((now() AT TIME ZONE 'UTC')::date - 1, 'YYYYMMDD') ORDER BY c.relname LIMIT 100"""

_FORGET_MARKS: Final = """
DELETE FROM journal_marks WHERE position < (
  SELECT min(oldest.position) FROM journal_lanes l CROSS JOIN LATERAL (
    SELECT r.position FROM journal_records r WHERE r.lane = l.lane ORDER BY r.position LIMIT 1
  ) AS oldest
) AND position < (SELECT max(position) FROM journal_marks)"""

_TASK: Final = """
SELECT task_key, first_sequence, last_sequence, end_status IS NOT NULL FROM journal_tasks WHERE task_id = $1"""

# In one statement, so that lines and their numbers go together. What was given up is rolled back whole.
_REMOVE: Final = f"""
WITH gone AS (DELETE FROM journal_records WHERE task_key = $1 AND last_sequence <= $2),
summaries AS (DELETE FROM journal_summaries WHERE task_key = $1 AND last_sequence <= $2)
UPDATE journal_tasks SET first_sequence = $2 + 1, stored_bytes = greatest(stored_bytes - $3, 0),
last_record = CASE WHEN last_sequence > $2 THEN last_record ELSE 0 END,
removable_at = CASE WHEN end_status IS NULL THEN extract(epoch FROM now())::bigint + {IDLE_SECONDS} ELSE 0 END,
first_day = coalesce((SELECT day FROM journal_records WHERE task_key = $1 AND kind = 0 AND last_sequence > $2
ORDER BY last_sequence LIMIT 1), last_day) WHERE task_key = $1"""  # noqa: S608 - a constant


_STEP_TASKS: Final = 200

_FORGETTABLE: Final = """
SELECT task_key, version, task_id, last_sequence, (end_status = 'FAILED')::integer, end_timestamp FROM journal_tasks t
WHERE last_record = 0 AND removable_at <= $1 AND (end_status IS NOT NULL OR removable_at > 0)
AND NOT EXISTS (SELECT 1 FROM journal_records r WHERE r.task_key = t.task_key AND (kind = 0 OR position > $2))
LIMIT $3"""

# A report has opened these, but no line has come.
_SCHEDULE: Final = """
UPDATE journal_tasks SET removable_at = $1 WHERE last_record = 0 AND removable_at = 0 AND end_status IS NULL"""

_FORGET_WORKERS: Final = """
WITH workers AS (SELECT task_key, worker_id FROM journal_workers WHERE task_key = ANY($1::bigint[]) LIMIT $2),
task AS (UPDATE journal_tasks SET version = version + 1 WHERE task_key IN (SELECT task_key FROM workers)
AND last_record = 0 RETURNING task_key)
DELETE FROM journal_workers w USING workers JOIN task USING (task_key)
WHERE w.task_key = workers.task_key AND w.worker_id = workers.worker_id RETURNING 1"""

# What has another version by now was changed by a commit, and stays.
_FORGET: Final = """
WITH found AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[])
AS n (key, found_version, hash, last, failed, ended)),
gone AS (DELETE FROM journal_tasks USING found WHERE task_key = key AND version = found_version AND last_record = 0
RETURNING key, hash, last, failed, ended),
records AS (DELETE FROM journal_records WHERE task_key IN (SELECT key FROM gone)),
summaries AS (DELETE FROM journal_summaries WHERE task_key IN (SELECT key FROM gone)),
kept AS (INSERT INTO journal_removed_tasks AS r (name_hash, last_sequence, has_failed, ended_at)
SELECT hash, last, failed, ended FROM gone WHERE last > 0 ON CONFLICT (name_hash) DO UPDATE SET
last_sequence = greatest(r.last_sequence, excluded.last_sequence), has_failed = excluded.has_failed,
ended_at = excluded.ended_at)
SELECT count(*) FROM gone"""


class PostgresRemover:
    """See ``storage.journal.stored_journal.Removals``.

    Removed lines change nothing that writers keep in memory. Removed workers and producers do: workers raise the
    version of their task, and a producer's number that is gone does not match any more.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def __repr__(self) -> str:
        return f"<PostgresRemover {self._link!r}>"

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def mark(self, at: float) -> None:
        """See ``Journal.mark``; also makes the partition of the next day, and drops those that have become empty."""
        self._link.execute(
            "INSERT INTO journal_marks (position, at) SELECT max(position), $1 FROM journal_lanes "
            "HAVING max(position) > 0 ON CONFLICT DO NOTHING",
            int(at),
        )
        self._link.execute(_FORGET_MARKS)
        add_partitions(self._link)
        for (name,) in self._link.fetch(_EMPTY_PARTITIONS):
            if not self._link.fetch(f"SELECT 1 FROM {name} LIMIT 1"):  # noqa: S608 - quoted by the server
                self._link.execute(f"ALTER TABLE journal_records DETACH PARTITION {name} CONCURRENTLY")
                self._link.execute(f"DROP TABLE {name}")

    def remove(self, task_id: str, sequence: int, copied: int) -> Removed:
        """See ``Journal.remove_through``."""
        rows = self._link.fetch(_TASK, task_id)
        if not rows:
            return Removed()
        key, first, last, has_ended = rows[0]
        cut, size, is_done = self._cut(key, self._bound(key, sequence, copied), copied)
        if cut < first:
            return Removed(is_done=first <= last or not has_ended or self._remove_workers(key))
        self._link.execute(_REMOVE, key, cut, size)
        return Removed(cut + 1 - first, size, is_done and cut < last)

    def remove_whole(self, through: Mapping[str, int], copied: int) -> RemovedTasks:  # noqa: ARG002
        """See ``Journal.remove_whole``: it takes none, ``remove`` is one round trip more."""
        return RemovedTasks()

    def forget_producers(self, before: float) -> int:
        """See ``Journal.forget_producers``."""
        gone = self._link.fetch(
            "DELETE FROM journal_producers WHERE producer_id IN (SELECT producer_id FROM journal_producers "
            "WHERE updated_at < $1 AND producer_id NOT LIKE $2 LIMIT $3) AND updated_at < $1 RETURNING 1",
            *(int(before), _WATCHES, _STEP_ROWS),
        )
        return len(gone)

    def forget_tasks(self, at: float, copied: int) -> int:
        """See ``Journal.forget_tasks``."""
        self._link.execute(_SCHEDULE, int(at) + IDLE_SECONDS)
        tasks = self._link.fetch(_FORGETTABLE, int(at), copied, _STEP_TASKS)
        keys = [task[0] for task in tasks]
        if keys and self._link.fetch(_FORGET_WORKERS, keys, _STEP_ROWS):
            return len(keys)  # there may be more of them, and the tasks go after the last
        if not keys:
            return 0
        kept = [(name_hash(name), last, failed, unix_seconds(at)) for *_, name, last, failed, at in tasks]
        versions = [task[1] for task in tasks]
        return int(
            self._link.fetch(_FORGET, keys, versions, *(list(column) for column in zip(*kept, strict=True)))[0][0]
        )

    def _bound(self, key: int, sequence: int, copied: int) -> int:
        """Up to where lines may go: not beyond an end that no sink has seen yet."""
        (uncopied,) = self._link.fetch(
            "SELECT min(last_sequence) FROM journal_records WHERE task_key = $1 AND kind = 1 AND position > $2",
            *(key, copied),
        )[0]
        return sequence if uncopied is None else min(sequence, uncopied - 1)

    def _cut(self, key: int, sequence: int, copied: int) -> tuple[int, int, bool]:
        """Where this step ends, its bytes, and whether there is nothing after it."""
        cut = size = 0
        rows = self._link.fetch(
            "SELECT position, last_sequence, length(payload) FROM journal_records "
            "WHERE task_key = $1 AND kind = 0 AND last_sequence <= $2 ORDER BY last_sequence LIMIT $3",
            *(key, sequence, _STEP_CHUNKS),
        )
        for record, last, chunk_size in rows:
            if record > copied:
                return cut, size, True
            if cut and size + chunk_size > _STEP_BYTES:
                return cut, size, False
            cut, size = last, size + chunk_size
        return cut, size, len(rows) < _STEP_CHUNKS

    def _remove_workers(self, key: int) -> bool:
        """Some of a task's workers; whether none is left. A task that has lines again keeps them."""
        gone = self._link.fetch(
            "WITH task AS (UPDATE journal_tasks SET version = version + 1 WHERE task_key = $1 "
            "AND last_sequence < first_sequence AND end_status IS NOT NULL "
            "AND EXISTS (SELECT 1 FROM journal_workers WHERE task_key = $1) RETURNING 1) "
            "DELETE FROM journal_workers WHERE task_key = $1 AND worker_id IN "
            "(SELECT worker_id FROM journal_workers WHERE task_key = $1 LIMIT $2) AND EXISTS (SELECT 1 FROM task) "
            "RETURNING 1",
            *(key, _STEP_ROWS),
        )
        return not gone
