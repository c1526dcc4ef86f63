"""Deleting rows of ``task_logs`` whose time is over, a few at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, inspect, select

from storage.automation.database import AutomationDatabase
from storage.automation.log import progress
from storage.automation.schema import courier_progress, task_logs
from storage.retention.policy import RetentionPolicy

__all__ = ["TaskLogsSweep"]


class TaskLogsSweep:
    """Passes over the whole table in the order of its numbers; belongs to one thread at a time.

    Rows go by their own ``created_at``, and only where a courier has sent them to the stream. A database without the
    queue's tables has none that go.

    Args:
        database: where the table is, if there is one.
        policy: how old rows may be; its limits are those of the journal, see ``remove_job``.
        rows_max: the most that one transaction deletes.

    Raises:
        JournalError: by every method, where the database cannot be used now; the same step can be tried again.
    """

    def __init__(self, database: AutomationDatabase, policy: RetentionPolicy, *, rows_max: int = 500) -> None:
        self._database = database
        self._policy = policy
        self._rows_max = rows_max
        self._after = 0
        self.deleted = 0

    def __repr__(self) -> str:
        return f"<TaskLogsSweep of {self._database.path} at row {self._after}, {self.deleted} deleted>"

    def step(self, now: float) -> bool:
        """Delete some old rows; False at the end of the pass, the next step starts a new one.

        Args:
            now: Unix seconds.
        """
        with self._database.reading() as connection:
            last, old = self._next(connection, self._after, now)
        if old:
            with self._database.transaction() as connection:
                for before, numbers in old.items():
                    some = delete(task_logs).where(task_logs.c.id.in_(numbers), task_logs.c.created_at < before)
                    self.deleted += connection.execute(some).rowcount
        self._after = last
        return last > 0

    def old_rows(self, now: float) -> int:
        """How many rows a pass would delete; changes nothing."""
        count = after = 0
        with self._database.reading() as connection:
            while True:
                after, old = self._next(connection, after, now)
                for before, numbers in old.items():
                    some = select(func.count()).where(task_logs.c.id.in_(numbers), task_logs.c.created_at < before)
                    count += connection.execute(some).scalar_one()
                if not after:
                    return count

    def last_row(self, task_id: str) -> int:
        """The newest row of a task that may go; 0 where it has none."""
        with self._database.reading() as connection:
            if not (sent := _sent(connection)):
                return 0
            mine = select(func.max(task_logs.c.id)).where(task_logs.c.task_id == task_id, task_logs.c.id <= sent)
            return connection.execute(mine).scalar() or 0

    def remove_job(self, task_id: str, upto: int) -> bool:
        """Delete some rows of a task, up to the row ``upto``; False where there are none left."""
        mine = select(task_logs.c.id).where(task_logs.c.task_id == task_id, task_logs.c.id <= upto)
        some = mine.order_by(task_logs.c.id).limit(self._rows_max)
        with self._database.transaction() as connection:
            deleted = connection.execute(delete(task_logs).where(task_logs.c.id.in_(some))).rowcount
        self.deleted += deleted
        return deleted == self._rows_max

    def close(self) -> None:
        """Nothing stays open between two steps."""

    def _next(self, connection: Connection, after: int, now: float) -> tuple[int, Mapping[datetime, Sequence[int]]]:
        """Rows that may be old, by the time before which they are, and the last of them; 0 at the end."""
        old: dict[datetime, list[int]] = defaultdict(list)
        youngest = _time(now - min(self._policy.ages)) if self._policy.has_ages else None
        if youngest is None or not (sent := _sent(connection)):
            return 0, old
        rows = connection.execute(
            select(task_logs.c.id, task_logs.c.task_id)
            .where(task_logs.c.id > after, task_logs.c.id <= sent, task_logs.c.created_at < youngest)
            .order_by(task_logs.c.id)
            .limit(self._rows_max)
        ).all()
        for number, task_id in rows:
            kept = self._policy.oldest_kept(task_id, now)
            if kept is not None and (before := _time(kept)) is not None:
                old[before].append(number)
        return (rows[-1][0] if rows else 0), old


def _sent(connection: Connection) -> int:
    """The last row that a courier has sent; 0 where there is no queue."""
    return progress(connection, "stream") if inspect(connection).has_table(courier_progress.name) else 0


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (OverflowError, ValueError, OSError):
        return None  # longer ago than there are dates
