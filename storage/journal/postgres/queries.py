"""The reader's queries on PostgreSQL."""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Final

import msgspec

from storage.journal.history import KnownTask, WorkerRecord
from storage.journal.inventory import StoredChunk, StoredTask
from storage.journal.postgres.written_rows import REMOVED_STATUS, REMOVED_TIME
from storage.journal.queries import INLINE_BYTES_MAX, Bounds, RecordRow, Span, StateRow
from storage.journal.removed_tasks import name_hash
from storage.postgres.connections import Link, Row

__all__ = ["PostgresQueries"]

_BOUNDS: Final = f"""
SELECT position, first_sequence, last_sequence, levels, earliest, latest, codec, raw_size, checksum,
CASE WHEN length(payload) <= {INLINE_BYTES_MAX} THEN payload END
FROM journal_records WHERE task_key = $1 AND day BETWEEN $4 AND $5 AND kind = 0 AND last_sequence
"""  # noqa: S608 - a constant

_RECORDS: Final = """
SELECT r.position, task_id, kind, r.first_sequence, r.last_sequence, codec, raw_size, checksum, payload
FROM journal_lanes l CROSS JOIN LATERAL (
  SELECT * FROM journal_records i WHERE i.lane = l.lane AND i.position > $1 AND i.position <= $2
  ORDER BY i.position LIMIT 256
) r JOIN journal_tasks USING (task_key) ORDER BY r.position LIMIT 256"""

_SPANS: Final = """
SELECT first_sequence, last_sequence, summary FROM journal_summaries WHERE task_key = $1 AND last_sequence"""

# As far as the sizes allow, and one in any case.
_UPTO: Final = """
SELECT max(position) FROM (
  SELECT position, sum(raw_size) OVER (ORDER BY position) - raw_size AS before FROM (
    SELECT r.position, r.raw_size FROM journal_lanes l CROSS JOIN LATERAL (
      SELECT i.position, i.raw_size FROM journal_records i
      WHERE i.lane = l.lane AND i.position > $1 AND i.position <= $3 ORDER BY i.position LIMIT 256
    ) r ORDER BY r.position LIMIT 256
  ) AS next
) AS sized WHERE before < $2"""

_ALL: Final = (1 << 63) - 1

# In one statement, so that a task that is removed or comes back meanwhile is found in one place or the other.
_REMOVED: Final = """
FROM journal_removed_tasks WHERE name_hash = $2 AND NOT EXISTS (SELECT 1 FROM journal_tasks WHERE task_id = $1)"""
_STATE: Final = f"""
SELECT first_sequence, last_sequence, end_status, end_timestamp, end_reason, end_through_status
FROM journal_tasks WHERE task_id = $1
UNION ALL SELECT last_sequence + 1, last_sequence, {REMOVED_STATUS}, {REMOVED_TIME}, '', true {_REMOVED}"""  # noqa: S608
_TASK: Final = f"""
SELECT task_key, first_sequence, last_sequence, first_day, last_day, lane FROM journal_tasks WHERE task_id = $1
UNION ALL SELECT 0, last_sequence + 1, last_sequence, NULL, NULL, 0 {_REMOVED}"""  # noqa: S608 - constants

_UNCHANGED: Final = """
SELECT task_id, first_sequence, last_sequence, end_status, stored_bytes, last_record FROM journal_tasks
WHERE coalesce(end_status, 'RUNNING') = $4 AND last_record > 0 AND last_record < least($1, $2::bigint + 1)
ORDER BY last_record DESC LIMIT $3"""

# Those that continued after the moment of the ranking. The place that each had in it is looked for in its chunks.
_CONTINUED: Final = """
SELECT task_id, t.first_sequence, r.last_sequence, end_status, stored_bytes, r.position
FROM journal_tasks t CROSS JOIN LATERAL (
  SELECT last_sequence, position FROM journal_records WHERE task_key = t.task_key AND kind = 0 AND position <= $2
  AND day BETWEEN t.first_day AND t.last_day ORDER BY last_sequence DESC LIMIT 1
) AS r WHERE coalesce(end_status, 'RUNNING') = $4 AND last_record > 0 AND last_record > $2 AND r.position < $1
ORDER BY r.position DESC LIMIT $3"""

_COUNT: Final = """
SELECT count(*) FROM (
  SELECT 1 FROM journal_tasks WHERE coalesce(end_status, 'RUNNING') = $1 AND last_record > 0 LIMIT $2
) AS found"""

_STATUSES: Final = ("RUNNING", "COMPLETED", "FAILED")

_NOW: Final = "extract(epoch FROM now())::bigint"
"""The database's clock: those of the gateways may differ."""

_STORED_TASKS: Final = f"""
SELECT task_id, first_sequence, last_sequence, stored_bytes,
coalesce((SELECT at FROM journal_marks WHERE position >= oldest.position ORDER BY position LIMIT 1), {_NOW}),
coalesce((SELECT at FROM journal_marks WHERE position >= newest.position ORDER BY position LIMIT 1), {_NOW}),
newest.position
FROM (SELECT * FROM journal_tasks WHERE task_id > $1 AND last_sequence >= first_sequence ORDER BY task_id LIMIT $2) t
CROSS JOIN LATERAL (
  SELECT position FROM journal_records WHERE task_key = t.task_key AND kind = 0
  AND day BETWEEN t.first_day AND t.last_day ORDER BY last_sequence LIMIT 1
) AS oldest
CROSS JOIN LATERAL (
  SELECT position FROM journal_records WHERE task_key = t.task_key AND kind = 0
  AND day BETWEEN t.first_day AND t.last_day ORDER BY last_sequence DESC LIMIT 1
) AS newest ORDER BY task_id"""  # noqa: S608 - a constant

_STORED_CHUNKS: Final = f"""
SELECT r.position, r.last_sequence, length(payload),
coalesce((SELECT at FROM journal_marks m WHERE m.position >= r.position ORDER BY m.position LIMIT 1), {_NOW})
FROM journal_records r WHERE task_key = (SELECT task_key FROM journal_tasks WHERE task_id = $1) AND kind = 0
AND last_sequence > $2 ORDER BY last_sequence LIMIT $3"""  # noqa: S608 - a constant


class PostgresQueries:
    """See ``storage.journal.queries.Queries``. Days and lane of the task last looked at bound the search in it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._days: tuple[object, object] = (None, None)
        self._lane = 0
        self._lanes = 0

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def state(self, task_id: str) -> StateRow | None:
        """What exists of a task."""
        rows = self._link.read(_STATE, _text(task_id), name_hash(task_id))
        return tuple(rows[0]) if rows else None

    def task(self, task_id: str) -> tuple[int, int, int] | None:
        """Key, first and last sequence; the key of a removed task is 0."""
        rows = self._link.read(_TASK, _text(task_id), name_hash(task_id))
        if not rows:
            return None
        key, first, last, *days, self._lane = rows[0]
        self._days = (days[0], days[1])
        return key, first, last

    def bounds_after(self, key: int, sequence: int, rows_max: int) -> Sequence[Bounds]:
        """Chunks that end after a sequence."""
        query = f"{_BOUNDS} > $2 ORDER BY last_sequence LIMIT $3"
        return [Bounds(*row) for row in self._link.read(query, key, sequence, rows_max, *self._days)]

    def bounds_before(self, key: int, sequence: int, rows_max: int) -> Sequence[Bounds]:
        """Chunks that end before a sequence."""
        query = f"{_BOUNDS} < $2 ORDER BY last_sequence DESC LIMIT $3"
        return [Bounds(*row) for row in self._link.read(query, key, sequence, rows_max, *self._days)]

    def spans_after(self, key: int, sequence: int, rows_max: int) -> Sequence[Span]:
        """Summaries that end after a sequence."""
        query = f"{_SPANS} > $2 ORDER BY last_sequence LIMIT $3"
        return [Span(*row) for row in self._link.read(query, key, sequence, rows_max)]

    def spans_before(self, key: int, sequence: int, rows_max: int) -> Sequence[Span]:
        """Summaries that end before a sequence."""
        query = f"{_SPANS} < $2 ORDER BY last_sequence DESC LIMIT $3"
        return [Span(*row) for row in self._link.read(query, key, sequence, rows_max)]

    def payload(self, record_id: int) -> bytes | None:
        """The payload of a record."""
        rows = self._link.read(
            "SELECT payload FROM journal_records WHERE lane = $1 AND position = $2 AND day BETWEEN $3 AND $4",
            *(self._lane, record_id, *self._days),
        )
        return rows[0][0] if rows else None

    def records(self, after: int, bytes_max: int) -> Generator[RecordRow, None, None]:
        """Records in commit order, as many as fit in."""
        (upto,) = self._link.read(_UPTO, after, max(bytes_max, 1), self._settled())[0]
        for row in self._link.read(_RECORDS, after, upto) if upto is not None else ():
            yield tuple(row)

    def newest_record(self) -> int:
        """The position of the newest record, before which none is under way."""
        settled = self._settled()
        return settled if self._lanes > 1 else int(self._link.read("SELECT position FROM journal_lanes")[0][0])

    def _settled(self) -> int:
        """A position before which no record is under way; those of one lane become visible in their order."""
        if not self._lanes:
            (self._lanes,) = self._link.read("SELECT count(*) FROM journal_lanes")[0]
        return _ALL if self._lanes == 1 else int(self._link.read("SELECT journal_settled()")[0][0])

    def last_number(self, producer_id: str) -> int:
        """The highest number on disk."""
        rows = self._link.read("SELECT number FROM journal_producers WHERE producer_id = $1", producer_id)
        return int(rows[0][0]) if rows else 0

    def stages(self, pipeline_id: str) -> Sequence[tuple[str, bytes, int]]:
        """Stages of a pipeline."""
        rows = self._link.read(
            "SELECT stage_id, document, number FROM journal_stages WHERE pipeline_id = $1 ORDER BY number",
            _text(pipeline_id),
        )
        return [tuple(row) for row in rows]

    def workers(self, task_id: str, count_max: int) -> tuple[Sequence[str], int]:
        """Some workers of a task, and how many there are."""
        known = self.task(task_id)
        key = known[0] if known else 0
        names = self._link.read(
            "SELECT worker_id FROM journal_workers WHERE task_key = $1 ORDER BY worker_id LIMIT $2", key, count_max
        )
        count = len(names)
        if count == count_max:
            (count,) = self._link.read("SELECT count(*) FROM journal_workers WHERE task_key = $1", key)[0]
        return [name for (name,) in names], count

    def worker_records(self, task_id: str, count_max: int) -> Sequence[WorkerRecord]:
        """What some workers of a task reported; those that failed come first."""
        known = self.task(task_id)
        rows = self._link.read(
            "SELECT worker_id, status, reason, metadata FROM journal_workers WHERE task_key = $1 "
            "ORDER BY status = 'FAILED' DESC, worker_id LIMIT $2",
            *(known[0] if known else 0, count_max),
        )
        return [
            WorkerRecord(worker_id, status, reason, None if metadata is None else msgspec.json.decode(metadata))
            for worker_id, status, reason, metadata in rows
        ]

    def newest_tasks(self, below: int, snapshot: int, status: str, count_max: int) -> Sequence[KnownTask]:
        """Tasks by activity."""
        rows: list[Row] = []
        for wanted in [status] if status else _STATUSES:
            for query in (_UNCHANGED, _CONTINUED):
                rows += self._link.read(query, below, snapshot, count_max, wanted)
        rows.sort(key=lambda row: row[5], reverse=True)
        return [
            KnownTask(task_id, first, last, ended or "RUNNING", size, record)
            for task_id, first, last, ended, size, record in rows[:count_max]
        ]

    def count_tasks(self, status: str, count_max: int) -> int:
        """How many tasks have lines."""
        count = 0
        for wanted in [status] if status else _STATUSES:
            count += self._link.read(_COUNT, wanted, count_max - count)[0][0]
        return count

    def stored_tasks(self, after: str, count_max: int) -> Sequence[StoredTask]:
        """Tasks that have lines."""
        return [StoredTask(*row) for row in self._link.read(_STORED_TASKS, after, count_max)]

    def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        """The last sequences of tasks."""
        query = "SELECT task_id, last_sequence FROM journal_tasks WHERE task_id = ANY($1::text[])"
        return dict(self._link.read(query, [*map(_text, task_ids)]))

    def stored_chunks(self, task_id: str, after: int, count_max: int) -> Sequence[StoredChunk]:
        """Chunks of a task."""
        return [StoredChunk(*row) for row in self._link.read(_STORED_CHUNKS, _text(task_id), after, count_max)]


def _text(name: str) -> str:
    """A name that can be asked for: none that is stored has a NUL, and PostgreSQL takes none."""
    return name.replace("\0", "\x01")
