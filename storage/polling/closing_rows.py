"""The closing row: shows a polling UI that a task has ended when its own last line does not."""

import time
from enum import Enum
from typing import Final

from storage.journal.interface import TaskEnded
from storage.polling.batches import Rows
from storage.polling.interface import PollingStore, SqlConnection
from storage.polling.row_map import RowMap

__all__ = ["FINISHED", "ClosingRows", "Closings", "closing_message", "is_said"]

FINISHED: Final = "작업 완료"
"""The old UI stops polling at a last message that contains this."""

_SETTLED_MAX: Final = 200
"""Closing rows that one transaction writes at most."""

_LAST_MESSAGE: Final = "SELECT log_message FROM job_logs WHERE job_id = ? ORDER BY id DESC LIMIT 1"

_NOTE: Final = """
INSERT INTO otto_sink_closings (epoch, job_id, message, created_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (epoch, job_id) DO UPDATE SET message = ?3, created_at = ?4"""


class ClosingRows(Enum):
    """Which ends of tasks get a closing row."""

    STATUS = "status"
    """Ends that followed from worker status reports; who ends a task on the native wire writes its own last line."""
    ALWAYS = "always"
    NEVER = "never"


def closing_message(policy: ClosingRows, ended: TaskEnded) -> str | None:
    """What the closing row of an end says, or None if the setting gives it none."""
    if policy is ClosingRows.NEVER or (policy is ClosingRows.STATUS and not ended.through_status):
        return None
    return f"🎉 {FINISHED}" if ended.status == "COMPLETED" else f"❌ 오류: {ended.reason or ended.status}"


def is_said(message: str, last_message: str | None) -> bool:
    """Whether a job's newest row, of any writer, already says what the closing row would.

    The newest row counts because that is what the UI looks at. So a task that was opened again and ends again gets
    another closing row after its new lines, and an end without new lines adds nothing.
    """
    return last_message is not None and (FINISHED in last_message or last_message == message)


class Closings:
    """Closing rows that wait for their task to be quiet; belongs to the writer's thread and connection.

    A status can overtake the worker's last lines, which come on another connection: the task ends, opens and ends
    again. A UI that saw the closing row of the first end would stop without the last lines. So the row waits for
    ``delay_seconds`` without new lines; pending rows are stored in the copy's transaction, and survive a kill as the
    copy does.

    Args:
        delay_seconds: 0 writes closing rows at once, in the transaction of the lines before them.
    """

    def __init__(
        self, table: PollingStore, epoch: str, policy: ClosingRows, copies: RowMap, *, delay_seconds: float
    ) -> None:
        self._table = table
        self._epoch = epoch
        self._copies = copies
        self._policy = policy
        self._delay_seconds = delay_seconds
        self._due: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Closings {self._policy.value}, {len(self._due)} waiting>"

    @property
    def due_in_seconds(self) -> float | None:
        """When the next one is due; None if none waits."""
        return max(0.0, next(iter(self._due.values())) - time.monotonic()) if self._due else None

    def load(self, connection: SqlConnection) -> None:
        """Load pending rows from the database; after each new connection and each transaction that was given up."""
        waiting = connection.execute("SELECT job_id FROM otto_sink_closings WHERE epoch = ?", (self._epoch,))
        due = time.monotonic() + self._delay_seconds
        self._due = {job_id: due for (job_id,) in waiting}

    def end(self, connection: SqlConnection, ended: TaskEnded) -> int:
        """Note an end, inside the transaction of the copy; the number of rows written at once."""
        message = closing_message(self._policy, ended)
        if message is None:
            return 0
        created_at = f"{ended.timestamp[:10]} {ended.timestamp[11:19]}"
        if not self._delay_seconds:
            return self._write(connection, ended.task_id, message, created_at)
        connection.execute(_NOTE, (self._epoch, ended.task_id, message, created_at))
        self._due.pop(ended.task_id, None)  # the dictionary is in the order of what is due
        self._due[ended.task_id] = time.monotonic() + self._delay_seconds
        return 0

    def reopen(self, connection: SqlConnection, rows: Rows) -> None:
        """Take back what is pending for jobs that have these new rows, inside their transaction."""
        if not self._due:
            return
        for job_id in self._due.keys() & set(rows.values[0::3]):
            self._forget(connection, job_id)

    def settle(self, connection: SqlConnection, *, everything: bool) -> int:
        """Write what is due, or some of ``everything``, inside a transaction; the number of rows written."""
        now = time.monotonic()
        due = [job_id for job_id, time_due in self._due.items() if everything or time_due <= now]
        return sum(self._settle_one(connection, job_id) for job_id in due[:_SETTLED_MAX])

    def _settle_one(self, connection: SqlConnection, job_id: str) -> int:
        found = connection.execute(
            "SELECT message, created_at FROM otto_sink_closings WHERE epoch = ? AND job_id = ?", (self._epoch, job_id)
        ).fetchone()
        self._forget(connection, job_id)
        return self._write(connection, job_id, *found) if found else 0  # none: another process was faster

    def _forget(self, connection: SqlConnection, job_id: str) -> None:
        connection.execute("DELETE FROM otto_sink_closings WHERE epoch = ? AND job_id = ?", (self._epoch, job_id))
        del self._due[job_id]

    def _write(self, connection: SqlConnection, job_id: str, message: str, created_at: str) -> int:
        last = connection.execute(_LAST_MESSAGE, (job_id,)).fetchone()
        if is_said(message, None if last is None else str(last[0])):
            return 0
        ((row_id, _),) = self._table.insert_rows(connection, (job_id, message, created_at))
        self._copies.add_other(connection, row_id)
        return 1
