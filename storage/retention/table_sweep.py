"""Deleting rows of the polling tables whose time is over, a few at a time."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from storage.polling.table import PollingTable
from storage.retention.policy import RetentionPolicy
from storage.retention.polling_rows import PollingRows
from storage.sqlite.connections import Access, FileConnection, checkpoint, open_connection, transaction
from storage.sqlite.errors import translate_errors

__all__ = ["JOB_LOGS", "RetentionSweep", "oldest_kept", "oldest_kept_sql"]

_BUSY_TIMEOUT_SECONDS: Final = 0.1
_ROW_BYTES: Final = 256  # that change when a row is deleted, about

_FORGET: Final = "DELETE FROM otto_sink_rows WHERE last_id < (SELECT min(id) FROM job_logs)"

_IS_THERE: Final = "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"


JOB_LOGS: Final = PollingRows("job_logs", "job_id")


def oldest_kept(policy: RetentionPolicy, now: float) -> tuple[str | None, list[tuple[str, str | None]]]:
    """The time before which a row goes: by default, and by the pattern of each rule; None: it is kept."""
    rules = [(rule.pattern, _time(rule.seconds, now)) for rule in policy.rules]
    return _time(policy.age_seconds, now), rules


def oldest_kept_sql(
    policy: RetentionPolicy, now: float, owner: str = JOB_LOGS.owner
) -> tuple[str, dict[str, str | None]]:
    """An expression for the time before which a row goes, and its parameters; NULL if the row is kept.

    SQLite decides row by row: fetching rows to decide here would give up the interpreter's lock at every one.
    """
    parameters: dict[str, str | None] = {"other": _time(policy.age_seconds, now)}
    cases = ""
    if policy.pinned:
        cases = f" WHEN {owner} IN (SELECT value FROM json_each(:pinned)) THEN NULL"  # noqa: S608 - a name only
        parameters["pinned"] = json.dumps([*policy.pinned])
    for index, rule in enumerate(policy.rules):
        cases += f" WHEN {owner} GLOB :glob{index} THEN :oldest{index}"
        parameters |= {f"glob{index}": rule.glob, f"oldest{index}": _time(rule.seconds, now)}
    return (f"CASE{cases} ELSE :other END" if cases else ":other"), parameters


class RetentionSweep:
    """Passes over the whole table in the order of its ids; belongs to one thread at a time.

    Rows of every program are deleted by their own ``created_at``, in any form that SQLite's ``datetime`` reads; a row
    without a readable time is kept. Times need not grow with the ids (workers' clocks differ), hence the whole pass. It
    looks without a lock, and takes it only if there is something to delete.

    Args:
        policy: how old rows may be; its limits are those of the journal, see ``remove_jobs``.
        rows: which rows.
        rows_max: rows looked at in a step, hence the most that one transaction deletes.
    """

    def __init__(
        self, table: PollingTable, policy: RetentionPolicy, rows: PollingRows = JOB_LOGS, *, rows_max: int = 500
    ) -> None:
        self._table = table
        self._policy = policy
        self._rows = rows
        self._name, self._condition = rows.table, rows.condition
        self._rows_max = rows_max
        self._after = 0
        self._connection = FileConnection(table.path, lambda: table.connect(busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS))
        self.deleted = 0

    def __repr__(self) -> str:
        return f"<RetentionSweep of {self._name} in {self._table.path} at row {self._after}, {self.deleted} deleted>"

    @property
    def exists(self) -> bool:
        """Whether the database has the table; before the first start there is none.

        Raises:
            StorageUnavailableError: the database cannot be read.
        """
        path = self._table.path
        if not path.exists():
            return False
        with translate_errors(path), closing(open_connection(path, Access.READ)) as connection:
            return _has_table(connection, self._name)

    def step(self, now: float, pinned: frozenset[str] = frozenset()) -> bool:
        """Look at the next rows and delete the old ones; False at the end of the pass, the next step starts a new one.

        Args:
            now: Unix seconds.
            pinned: tasks whose rows stay.

        Raises:
            StorageUnavailableError: the database cannot be used now; the same step can be tried again.
        """
        with self._opened() as connection:
            return self._step(connection, now, replace(self._policy, pinned=pinned))

    def last_rows(self, job_ids: Sequence[str]) -> Mapping[str, int]:
        """The newest row of each of some jobs that have any.

        Raises:
            StorageUnavailableError: the database cannot be used now.
        """
        with self._opened() as connection:
            if not self._is_there(connection):
                return {}
            query = (
                f"SELECT value, (SELECT max(id) FROM {self._name} WHERE {self._rows.owner} = value "  # noqa: S608
                f"AND {self._condition}) AS last FROM json_each(?) WHERE last IS NOT NULL"
            )
            return dict(connection.execute(query, (json.dumps(job_ids),)).fetchall())

    def remove_jobs(self, upto: Mapping[str, int]) -> bool:
        """Delete some rows of some jobs, up to a row of each; False if there are none left.

        Raises:
            StorageUnavailableError: the database cannot be used now; the same step can be tried again.
        """
        theirs = (
            f"SELECT r.id FROM json_each(?) AS job CROSS JOIN {self._name} AS r "  # noqa: S608 - names only
            f"ON r.{self._rows.owner} = json_extract(job.value, '$[0]') "
            "AND r.id <= json_extract(job.value, '$[1]') LIMIT ?"
        )
        with self._opened() as connection:
            with transaction(connection, self._table.write_lock):
                some = f"DELETE FROM {self._name} WHERE id IN ({theirs})"  # noqa: S608 - names only
                deleted = connection.execute(some, (json.dumps([*upto.items()]), self._rows_max)).rowcount
            self.deleted += deleted
            checkpoint(connection, self._table.write_lock, deleted * _ROW_BYTES)
        return deleted == self._rows_max

    def rows_to_go(self, now: float, whole: Sequence[str], pinned: frozenset[str] = frozenset()) -> int:
        """How many rows a pass would delete: those of jobs that go whole for a limit's sake, and old ones of others.

        It changes nothing. Where the policy has ages it reads the whole table.

        Raises:
            StorageUnavailableError: the database cannot be read.
        """
        path = self._table.path
        with translate_errors(path), closing(open_connection(path, Access.READ)) as connection:
            if not self._is_there(connection):
                return 0
            count = sum(self._rows_of_job(connection, job_id) for job_id in whole)
            return count + (self._old_rows(connection, now, whole, pinned) if self._policy.has_ages else 0)

    def _rows_of_job(self, connection: sqlite3.Connection, job_id: str) -> int:
        """What ``last_rows`` and ``remove_jobs`` would take."""
        name, owner = self._name, self._rows.owner
        last = f"SELECT max(id) FROM {name} WHERE {owner} = ?1 AND {self._condition}"  # noqa: S608 - names only
        query = f"SELECT count(*) FROM {name} WHERE {owner} = ?1 AND id <= ({last})"  # noqa: S608 - names only
        return int(connection.execute(query, (job_id,)).fetchone()[0])

    def _old_rows(
        self, connection: sqlite3.Connection, now: float, whole: Sequence[str], pinned: frozenset[str]
    ) -> int:
        oldest, parameters = oldest_kept_sql(replace(self._policy, pinned=pinned), now, self._rows.owner)
        query = (
            f"SELECT count(*) FROM {self._name} WHERE datetime(created_at) < {oldest} AND {self._condition} "  # noqa: S608
            f"AND {self._rows.owner} NOT IN (SELECT value FROM json_each(:whole))"
        )
        return int(connection.execute(query, parameters | {"whole": json.dumps(whole)}).fetchone()[0])

    def close(self) -> None:
        """Close the connection; idempotent, and a further step opens a new one."""
        self._connection.close()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with translate_errors(self._table.path), self._connection.use() as connection:
            yield connection

    def _is_there(self, connection: sqlite3.Connection) -> bool:
        needed = self._rows.needed
        return needed is None or _has_table(connection, needed)

    def _step(self, connection: sqlite3.Connection, now: float, policy: RetentionPolicy) -> bool:
        if not self._is_there(connection):
            self.close()
            return False
        oldest, parameters = oldest_kept_sql(policy, now, self._rows.owner)
        page = {"after": self._after, "rows_max": self._rows_max}
        last, old = connection.execute(
            f"SELECT max(id), sum(datetime(created_at) < {oldest}) FROM "  # noqa: S608 - parameters only
            f"(SELECT id, {self._rows.owner}, created_at FROM {self._name} "
            f"WHERE id > :after AND {self._condition} ORDER BY id LIMIT :rows_max)",
            parameters | page,
        ).fetchone()
        if last is None:
            self._after = 0
            if self._rows is JOB_LOGS:
                self._forget_copies(connection)
            self.close()  # a connection would keep a replaced file open until the next pass
            return False
        if old:
            with transaction(connection, self._table.write_lock):
                self.deleted += connection.execute(
                    f"DELETE FROM {self._name} WHERE id > :after AND id <= :last AND datetime(created_at) < {oldest}",  # noqa: S608
                    parameters | {"after": self._after, "last": last},
                ).rowcount
            checkpoint(connection, self._table.write_lock, self._rows_max * _ROW_BYTES)
        self._after = last
        return True

    def _forget_copies(self, connection: sqlite3.Connection) -> None:
        """Drop the account of rows in front of the first that is left."""
        with transaction(connection, self._table.write_lock):
            connection.execute(_FORGET)


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    return bool(connection.execute(_IS_THERE, (name,)).fetchone()[0])


def _time(seconds: float | None, now: float) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(now - seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return None  # longer ago than there are dates
