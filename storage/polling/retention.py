"""Deleting rows of `job_logs` whose time is over, a few at a time."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from storage.polling.errors import PollingUnavailableError
from storage.polling.table import PollingTable
from storage.retention.policy import RetentionPolicy

__all__ = ["RetentionSweep", "oldest_kept_sql"]

_BUSY_TIMEOUT_SECONDS: Final = 0.1

_LAST_ROW: Final = "SELECT coalesce(max(id), 0) FROM job_logs WHERE job_id = ?"

_FORGET: Final = "DELETE FROM otto_sink_rows WHERE last_id < (SELECT min(id) FROM job_logs)"

_DELETE_OF_JOB: Final = (
    "DELETE FROM job_logs WHERE id IN (SELECT id FROM job_logs WHERE job_id = ? AND id <= ? ORDER BY id LIMIT ?)"
)


def oldest_kept_sql(policy: RetentionPolicy, now: float) -> tuple[str, dict[str, str | None]]:
    """An expression for the time before which a row goes, and its parameters; NULL where the row is kept.

    SQLite decides row by row: fetching rows to decide here would give up the interpreter's lock at every one.
    """
    parameters: dict[str, str | None] = {"other": _time(policy.age_seconds, now)}
    cases = ""
    for index, rule in enumerate(policy.rules):
        cases += f" WHEN job_id GLOB :glob{index} THEN :oldest{index}"
        parameters |= {f"glob{index}": rule.glob, f"oldest{index}": _time(rule.seconds, now)}
    return (f"CASE{cases} ELSE :other END" if cases else ":other"), parameters


class RetentionSweep:
    """Passes over the whole table in the order of its ids; belongs to one thread at a time.

    Rows of every program are deleted by their own ``created_at``, in any form that SQLite's ``datetime`` reads; a row
    without a readable time is kept. Times need not grow with the ids (workers' clocks differ), hence the whole pass. It
    looks without a lock, and takes it only where there is something to delete.

    Args:
        policy: how old rows may be; its limits are those of the journal, see ``remove_job``.
        rows_max: rows looked at in a step, hence the most that one transaction deletes.
    """

    def __init__(self, table: PollingTable, policy: RetentionPolicy, *, rows_max: int = 500) -> None:
        self._table = table
        self._policy = policy
        self._rows_max = rows_max
        self._after = 0
        self._connection: sqlite3.Connection | None = None
        self.deleted = 0

    def __repr__(self) -> str:
        return f"<RetentionSweep of {self._table.path} at row {self._after}, {self.deleted} deleted>"

    def step(self, now: float) -> bool:
        """Look at the next rows and delete the old ones; False at the end of the pass, the next step starts a new one.

        Args:
            now: Unix seconds.

        Raises:
            PollingUnavailableError: the database cannot be used now; the same step can be tried again.
        """
        try:
            return self._step(self._open(), now)
        except sqlite3.Error as error:
            self.close()
            raise PollingUnavailableError(error, self._table.path) from error

    def last_row(self, job_id: str) -> int:
        """The newest row of a job; 0 where it has none.

        Raises:
            PollingUnavailableError: the database cannot be used now.
        """
        try:
            return int(self._open().execute(_LAST_ROW, (job_id,)).fetchone()[0])
        except sqlite3.Error as error:
            self.close()
            raise PollingUnavailableError(error, self._table.path) from error

    def remove_job(self, job_id: str, upto: int) -> bool:
        """Delete some rows of a job, up to the row ``upto``; False where there are none left.

        Raises:
            PollingUnavailableError: the database cannot be used now; the same step can be tried again.
        """
        try:
            connection = self._open()
            with self._table.write_lock.background():
                deleted = connection.execute(_DELETE_OF_JOB, (job_id, upto, self._rows_max)).rowcount
            self.deleted += deleted
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            self.close()
            raise PollingUnavailableError(error, self._table.path) from error
        return deleted == self._rows_max

    def old_rows(self, now: float) -> int:
        """How many rows a pass would delete; reads the whole table, and changes nothing.

        Raises:
            PollingUnavailableError: the database cannot be read.
        """
        oldest, parameters = oldest_kept_sql(self._policy, now)
        try:
            with closing(sqlite3.connect(f"{self._table.path.as_uri()}?mode=rw", uri=True)) as connection:
                connection.execute("PRAGMA query_only=1")
                found = connection.execute(
                    f"SELECT count(*) FROM job_logs WHERE datetime(created_at) < {oldest}",  # noqa: S608 - parameters only
                    parameters,
                ).fetchone()
        except sqlite3.Error as error:
            raise PollingUnavailableError(error, self._table.path) from error
        return int(found[0])

    def close(self) -> None:
        """Close the connection; idempotent, and a further step opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._table.connect(busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS)
        return self._connection

    def _step(self, connection: sqlite3.Connection, now: float) -> bool:
        oldest, parameters = oldest_kept_sql(self._policy, now)
        page = {"after": self._after, "rows_max": self._rows_max}
        last, old = connection.execute(
            f"SELECT max(id), sum(datetime(created_at) < {oldest}) FROM "  # noqa: S608 - parameters only
            "(SELECT id, job_id, created_at FROM job_logs WHERE id > :after ORDER BY id LIMIT :rows_max)",
            parameters | page,
        ).fetchone()
        if last is None:
            self._after = 0
            self._forget_copies(connection)
            self.close()  # a connection would keep a replaced file open until the next pass
            return False
        if old:
            with self._table.write_lock.background():
                self.deleted += connection.execute(
                    f"DELETE FROM job_logs WHERE id > :after AND id <= :last AND datetime(created_at) < {oldest}",  # noqa: S608
                    parameters | {"after": self._after, "last": last},
                ).rowcount
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._after = last
        return True

    def _forget_copies(self, connection: sqlite3.Connection) -> None:
        """Drop the account of rows in front of the first that is left."""
        with self._table.write_lock.background():
            connection.execute(_FORGET)


def _time(seconds: float | None, now: float) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(now - seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return None  # longer ago than there are dates
