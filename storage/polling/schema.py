"""The tables of the polling database: creating what is missing, and refusing what does not fit."""

import sqlite3
from pathlib import Path
from typing import Final

from storage.errors import SchemaError

__all__ = ["is_complete", "prepare"]

_JOB_LOGS: Final = """
CREATE TABLE job_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL,
  log_message TEXT NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
)"""

_INDEX: Final = "CREATE INDEX idx_job_logs_job_id ON job_logs(job_id)"

_PROGRESS: Final = """
CREATE TABLE otto_sink_progress (
  sink TEXT NOT NULL,
  epoch TEXT NOT NULL,
  record INTEGER NOT NULL,
  line INTEGER NOT NULL,
  PRIMARY KEY (sink, epoch)
) WITHOUT ROWID"""
# A row per epoch, not one row in all: two gateways with a journal each may fill the same table, and neither takes the
# other's progress for its own and starts over.

_CLOSINGS: Final = """
CREATE TABLE otto_sink_closings (
  epoch TEXT NOT NULL,
  job_id TEXT NOT NULL,
  message TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (epoch, job_id)
) WITHOUT ROWID"""

_ROWS: Final = """
CREATE TABLE otto_sink_rows (
  epoch TEXT NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  record INTEGER NOT NULL,
  line INTEGER NOT NULL,
  PRIMARY KEY (epoch, first_id)
) WITHOUT ROWID"""

_WATCH: Final = """
CREATE TABLE otto_table_watch (
  epoch TEXT NOT NULL PRIMARY KEY,
  watch_id TEXT NOT NULL,
  start_id INTEGER NOT NULL
) WITHOUT ROWID"""

_OWN: Final = {
    "otto_sink_progress": _PROGRESS,
    "otto_sink_closings": _CLOSINGS,
    "otto_sink_rows": _ROWS,
    "otto_table_watch": _WATCH,
}

_COLUMNS: Final = ("id", "job_id", "log_message", "created_at")


def is_complete(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether there is nothing to create; takes no lock.

    Raises:
        SchemaError: there is a ``job_logs`` that rows cannot be added to.
    """
    return not _missing(connection, path)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables and the index where they are missing, and leave the rest as it is.

    The caller holds a write transaction.

    Raises:
        SchemaError: there is a ``job_logs`` that rows cannot be added to.
    """
    missing = _missing(connection, path)
    for statement in missing:
        connection.execute(statement)
    if _JOB_LOGS in missing:
        connection.execute("DELETE FROM otto_sink_rows")  # those rows went with the table


def _missing(connection: sqlite3.Connection, path: Path) -> list[str]:
    missing = []
    if _check_job_logs(connection, path):
        if not _has_index(connection):
            missing.append(_INDEX)
    else:
        missing += [_JOB_LOGS, _INDEX]
    for name, statement in _OWN.items():
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
            missing.append(statement)
    return missing


def _check_job_logs(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether ``job_logs`` exists; refuses one that does not have what a row needs."""
    found = connection.execute(
        "SELECT type FROM sqlite_master WHERE lower(name) = 'job_logs' AND type IN ('table', 'view')"
    ).fetchone()
    if found is None:
        return False
    if found[0] == "view":
        raise SchemaError(f"{path}: job_logs is a view; the gateway needs a table that it can add rows to")
    columns = {
        name.lower(): (kind.upper(), required and default is None, in_key)
        for _, name, kind, required, default, in_key in connection.execute("PRAGMA table_info(job_logs)")
    }
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise SchemaError(
            f"{path}: the table job_logs exists without {_listed(missing)}; "
            f"it needs the columns id, job_id, log_message and created_at"
        )
    if columns["id"][0] != "INTEGER" or not columns["id"][2] or sum(bool(key) for _, _, key in columns.values()) != 1:
        raise SchemaError(f"{path}: the column id of job_logs is not INTEGER PRIMARY KEY, so that rows get no number")
    unknown = [name for name, (_, required, _) in columns.items() if required and name not in _COLUMNS]
    if unknown:
        raise SchemaError(
            f"{path}: job_logs has {_listed(unknown)} as NOT NULL without a default, which the gateway has no value for"
        )
    return True


def _listed(names: list[str]) -> str:
    return f"the column{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _has_index(connection: sqlite3.Connection) -> bool:
    """Whether some index begins with ``job_id``, whatever its name."""
    for _, name, _, _, partial in connection.execute("PRAGMA index_list(job_logs)").fetchall():
        first = connection.execute("SELECT name FROM pragma_index_info(?) WHERE seqno = 0", (name,)).fetchone()
        if first and first[0] and first[0].lower() == "job_id" and not partial:
            return True
    return False
