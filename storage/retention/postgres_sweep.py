"""Deleting rows of tables on PostgreSQL whose time is over, a few at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from storage.polling.postgres_schema import time_sql
from storage.postgres.address import plain_url, shown_address
from storage.postgres.errors import translate_errors
from storage.postgres.session import Session, SessionConnection
from storage.retention.policy import RetentionPolicy
from storage.retention.polling_rows import PollingRows
from storage.retention.table_sweep import JOB_LOGS, oldest_kept

__all__ = ["PostgresSweep"]

_FORGET: Final = "DELETE FROM otto_sink_rows WHERE last_id < (SELECT min(id) FROM job_logs)"
_IS_TIME: Final = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


class PostgresSweep:
    """See ``RetentionSweep``: the same passes, on PostgreSQL. A time that is a text is read as UTC.

    Args:
        url: of the database.
        policy: how old rows may be.
        rows: which rows.
        rows_max: rows looked at in a step, hence the most that one statement deletes.
    """

    def __init__(self, url: str, policy: RetentionPolicy, rows: PollingRows = JOB_LOGS, *, rows_max: int = 500) -> None:
        self._address = shown_address(url)
        self._policy = policy
        self._rows = rows
        self._rows_max = rows_max
        self._after = 0
        self._connection = SessionConnection(plain_url(url))
        self.deleted = 0

    def __repr__(self) -> str:
        return f"<PostgresSweep of {self._rows.table} in {self._address} at row {self._after}, {self.deleted} deleted>"

    @property
    def exists(self) -> bool:
        """See ``RetentionSweep.exists``."""
        with translate_errors(self._address), self._connection.use() as session:
            return self._has(session, self._rows.table)

    def step(self, now: float, pinned: frozenset[str] = frozenset()) -> bool:
        """See ``RetentionSweep.step``."""
        with translate_errors(self._address), self._connection.use() as session:
            if not self._is_there(session):
                return False
            oldest, parameters = self._oldest(now, pinned)
            name, page = self._rows.table, (self._after, self._rows_max)
            (last,) = session.execute(
                f"SELECT max(id) FROM (SELECT id FROM {name} WHERE id > ? AND {self._rows.condition} "  # noqa: S608
                "ORDER BY id LIMIT ?) AS page",
                page,
            ).fetchone()
            if last is None:
                self._after = 0
                if self._rows is JOB_LOGS:
                    session.execute(_FORGET)
                return False
            is_old = f"{self._is_old(session)} {oldest}"
            self.deleted += session.execute(
                f"DELETE FROM {name} WHERE {is_old} AND id > ? AND id <= ? AND {self._rows.condition}",  # noqa: S608
                (*parameters, self._after, last),
            ).rowcount
            self._after = last
            return True

    def last_rows(self, job_ids: Sequence[str]) -> Mapping[str, int]:
        """See ``RetentionSweep.last_rows``."""
        with translate_errors(self._address), self._connection.use() as session:
            if not self._is_there(session):
                return {}
            name, owner, condition = self._rows.table, self._rows.owner, self._rows.condition
            query = f"SELECT {owner}, max(id) FROM {name} WHERE {owner} = ANY (?::text[]) AND {condition} GROUP BY 1"  # noqa: S608
            return {job_id: int(last) for job_id, last in session.execute(query, ([*job_ids],)).fetchall()}

    def remove_jobs(self, upto: Mapping[str, int]) -> bool:
        """See ``RetentionSweep.remove_jobs``."""
        name = self._rows.table
        some = (
            f"SELECT r.id FROM unnest(?::text[], ?::bigint[]) AS job (owner, last) JOIN {name} AS r "  # noqa: S608
            f"ON r.{self._rows.owner} = job.owner AND r.id <= job.last LIMIT ?"
        )
        with translate_errors(self._address), self._connection.use() as session:
            query = f"DELETE FROM {name} WHERE id IN ({some})"  # noqa: S608
            deleted = session.execute(query, ([*upto], [*upto.values()], self._rows_max)).rowcount
            self.deleted += deleted
        return deleted == self._rows_max

    def rows_to_go(self, now: float, whole: Sequence[str], pinned: frozenset[str] = frozenset()) -> int:
        """See ``RetentionSweep.rows_to_go``."""
        name, owner, condition = self._rows.table, self._rows.owner, self._rows.condition
        with translate_errors(self._address), self._connection.use() as session:
            if not self._is_there(session):
                return 0
            mine = f"SELECT count(*) FROM {name} WHERE {condition} AND {owner} = ANY (?::text[])"  # noqa: S608
            count = int(session.execute(mine, (list(whole),)).fetchone()[0])
            if self._policy.has_ages:
                oldest, parameters = self._oldest(now, pinned)
                old = (
                    f"SELECT count(*) FROM {name} WHERE {self._is_old(session)} {oldest} AND {condition} "  # noqa: S608
                    f"AND NOT {owner} = ANY (?::text[])"
                )
                count += int(session.execute(old, (*parameters, list(whole))).fetchone()[0])
        return count

    def close(self) -> None:
        """See ``RetentionSweep.close``."""
        self._connection.close()

    def _oldest(self, now: float, pinned: frozenset[str]) -> tuple[str, list[Any]]:
        """An expression for the time before which a row goes, and its parameters; NULL if the row is kept."""
        other, rules = oldest_kept(self._policy, now)
        cases = "".join(f" WHEN {self._rows.owner} LIKE ?::text THEN ?::text" for _ in rules)
        parameters: list[Any] = [part for glob, time in rules for part in (_like(glob), time)]
        if pinned:
            cases = f" WHEN {self._rows.owner} = ANY (?::text[]) THEN NULL{cases}"
            parameters.insert(0, [*pinned])
        return (f"CASE{cases} ELSE ?::text END" if cases else "?::text"), [*parameters, other]

    def _is_old(self, session: Session) -> str:
        created = f"left(replace({time_sql(session, self._rows.table)}, 'T', ' '), 19)"
        return f"{created} ~ '{_IS_TIME}' AND {created} <"

    def _is_there(self, session: Session) -> bool:
        return self._has(session, self._rows.table) and (
            self._rows.needed is None or self._has(session, self._rows.needed)
        )

    @staticmethod
    def _has(session: Session, name: str) -> bool:
        return bool(session.execute("SELECT to_regclass(?) IS NOT NULL", (name,)).fetchone()[0])


def _like(pattern: str) -> str:
    """A rule's pattern as LIKE reads it."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
