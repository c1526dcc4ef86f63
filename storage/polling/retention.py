"""Deleting rows of `job_logs` that have passed their age, a few at a time."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

from storage.polling.errors import PollingUnavailableError
from storage.polling.table import PollingTable

__all__ = ["RetentionSweep"]

_BUSY_TIMEOUT_SECONDS: Final = 0.1

_LOOK: Final = """
SELECT max(id), sum(datetime(created_at) < ?1) FROM (
  SELECT id, created_at FROM job_logs WHERE id > ?2 ORDER BY id LIMIT ?3
)"""

_FORGET: Final = "DELETE FROM otto_sink_rows WHERE last_id < (SELECT min(id) FROM job_logs)"

_DELETE: Final = "DELETE FROM job_logs WHERE id > ?1 AND id <= ?2 AND datetime(created_at) < ?3"


class RetentionSweep:
    """One pass over the whole table in the order of its ids; belongs to one thread.

    Rows of every program are deleted by their own ``created_at``, in any form that SQLite's ``datetime`` reads; a row
    without a readable time is kept. Times need not grow with the ids (workers' clocks differ), hence the whole pass. It
    looks without a lock, and takes it only where there is something to delete.

    Args:
        days: rows older than this are deleted.
        rows_max: rows looked at in a step, hence the most that one transaction deletes.
    """

    def __init__(self, table: PollingTable, days: float, *, rows_max: int = 500) -> None:
        self._table = table
        self._days = days
        self._rows_max = rows_max
        self._after = 0
        self._connection: sqlite3.Connection | None = None
        self.deleted = 0

    def step(self) -> bool:
        """Look at the next rows and delete the old ones; False at the end of the pass, the next step starts a new one.

        Raises:
            PollingUnavailableError: the database cannot be used now; the same step can be tried again.
        """
        try:
            if self._connection is None:
                self._connection = self._table.connect(busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS)
            return self._step(self._connection)
        except sqlite3.Error as error:
            self.close()
            raise PollingUnavailableError(error, self._table.path) from error

    def close(self) -> None:
        """Close the connection; idempotent, and a further step opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _step(self, connection: sqlite3.Connection) -> bool:
        oldest = (datetime.now(UTC) - timedelta(days=self._days)).strftime("%Y-%m-%d %H:%M:%S")
        last, old = connection.execute(_LOOK, (oldest, self._after, self._rows_max)).fetchone()
        if last is None:
            self._after = 0
            self._forget_copies(connection)
            self.close()  # a connection would keep a replaced file open until the next pass
            return False
        if old:
            with self._table.write_lock.background():
                self.deleted += connection.execute(_DELETE, (self._after, last, oldest)).rowcount
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._after = last
        return True

    def _forget_copies(self, connection: sqlite3.Connection) -> None:
        """Drop the account of rows in front of the first that is left."""
        with self._table.write_lock.background():
            connection.execute(_FORGET)
