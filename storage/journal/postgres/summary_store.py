"""Where summaries of chunks are kept on PostgreSQL, and which tasks lack some."""

from typing import Final

from storage.journal.queries import Span
from storage.journal.summary_steps import TasksToSummarize, UnsummarizedTask
from storage.postgres.connections import Link

__all__ = ["PostgresSummaryStore"]

_RECORDS_PER_STEP: Final = 4096

_LANES: Final = "SELECT count(*) FROM journal_lanes"
_REACHED: Final = "SELECT coalesce(max(reached), 0) FROM journal_summarized"

# Records of several lanes become visible in another order than that of their positions, up to what is settled.
_REACH: Final = """
SELECT max(position) FROM (
  SELECT r.position FROM journal_lanes l CROSS JOIN LATERAL (
    SELECT i.position FROM journal_records i WHERE i.lane = l.lane AND i.position > $1 AND i.position <= $2
    ORDER BY i.position LIMIT $3
  ) r ORDER BY r.position LIMIT $3
) AS next"""

_TASKS: Final = """
SELECT task_id, end_status IS NOT NULL,
  coalesce((SELECT max(s.last_sequence) FROM journal_summaries s WHERE s.task_key = t.task_key), 0)
FROM journal_tasks t WHERE task_key IN (
  SELECT r.task_key FROM journal_lanes l JOIN journal_records r ON r.lane = l.lane
  WHERE r.position > $1 AND r.position <= $2
)"""

# Two gateways may believe that they lead, so summaries could overlap: the first one stays.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('otto summaries'), hashtext(current_schema()::text))"
_ADD: Final = """
INSERT INTO journal_summaries (task_key, last_sequence, first_sequence, summary)
SELECT task_key, $2, $3, $4 FROM journal_tasks t WHERE task_id = $1 AND NOT EXISTS (
  SELECT 1 FROM journal_summaries s WHERE s.task_key = t.task_key AND s.last_sequence >= $3
)"""
_SET_REACHED: Final = """
INSERT INTO journal_summarized (reached) VALUES ($1) ON CONFLICT (is_one) DO UPDATE SET reached = excluded.reached"""

_ALL: Final = (1 << 63) - 1


class PostgresSummaryStore:
    """See ``SummarySteps``. A summary is later in the WAL than its lines: a failover has both, or the lines alone.

    Args:
        link: the connection of removals.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def __repr__(self) -> str:
        return f"<PostgresSummaryStore {self._link!r}>"

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._link.close()

    def tasks(self) -> TasksToSummarize:
        """See ``SummarySteps.tasks``."""
        has_one_lane = self._link.fetch(_LANES)[0][0] == 1
        settled = _ALL if has_one_lane else self._link.fetch("SELECT journal_settled()")[0][0]
        after = self._link.fetch(_REACHED)[0][0]
        reached = self._link.fetch(_REACH, after, settled, _RECORDS_PER_STEP)[0][0]
        if reached is None:
            return TasksToSummarize()
        rows = self._link.fetch(_TASKS, after, reached)
        return TasksToSummarize([UnsummarizedTask(*row) for row in rows], reached)

    def add(self, task_id: str, span: Span) -> None:
        """See ``SummarySteps.add``."""
        self._link.execute("BEGIN")
        try:
            self._link.execute(_LOCK)
            self._link.execute(_ADD, task_id, span.last, span.first, span.summary)
            self._link.execute("COMMIT")
        except BaseException:
            self._link.drop()
            raise

    def set_reached(self, record: int) -> None:
        """See ``SummarySteps.set_reached``."""
        self._link.execute(_SET_REACHED, record)
