"""The database of the automation queue: one transaction at a time, which holds the write lock from its beginning."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import sqlalchemy
import structlog
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from components.automation.tables.migration import SchemaError, create_missing, pending_changes
from storage.sqlite.files import DatabaseError, sqlite_path, translate_errors
from storage.sqlite.write_lock import write_lock

__all__ = ["AutomationDatabase", "RefusedRowError"]

_log = structlog.get_logger(__name__)
_CHECKPOINT_BYTES: Final = 500 * 4096
_REFUSALS: Final = (
    sqlalchemy.exc.IntegrityError,
    sqlalchemy.exc.DataError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.ProgrammingError,
    UnicodeEncodeError,
    OverflowError,
)
"""What is the fault of a value, and not of the database."""


class RefusedRowError(Exception):
    """The database does not take a value, or a rule of its own forbids the row; nothing was stored."""


class AutomationDatabase:
    """A SQLite database that the gateway, other schedulers and other programs may be using.

    Args:
        location: a path, or a URL ``sqlite:///path``.
        busy_seconds: how long another program may hold the file before a transaction fails.
    """

    def __init__(self, location: str | Path, *, busy_seconds: float = 30.0) -> None:
        is_path = isinstance(location, Path) or "://" not in location
        self.path = (Path(location) if is_path else sqlite_path(str(location))).absolute()
        self._lock = write_lock(self.path)
        self._engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite", database=str(self.path)),
            poolclass=sqlalchemy.NullPool,
            connect_args={"timeout": busy_seconds, "isolation_level": None, "check_same_thread": False},
        )
        sqlalchemy.event.listen(self._engine, "connect", _opened)

    def __repr__(self) -> str:
        return f"<AutomationDatabase {self.path}>"

    def prepare(self) -> None:
        """Create what is missing, and bring tables of older programs to the present schema; blocks.

        Raises:
            JournalError: the database cannot be used; the text names the table and the column if one of them is why.
        """
        try:
            with self.transaction() as connection:
                changes = create_missing(connection, datetime.now(UTC).replace(tzinfo=None))
        except SchemaError as error:
            raise DatabaseError(f"{self.path}: {error}") from error
        if changes:
            _log.info("automation tables migrated", database=str(self.path), changes=changes)

    def pending_changes(self) -> list[str]:
        """What ``prepare`` would change of tables that exist; blocks, and writes nothing.

        Raises:
            JournalError: as for ``prepare``.
        """
        try:
            with self.reading() as connection:
                return [change.text for change in pending_changes(connection)]
        except SchemaError as error:
            raise DatabaseError(f"{self.path}: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of the block or nothing of it; blocks, so it belongs in a thread.

        Raises:
            JournalError: the database cannot be used, now or at all.
            RefusedRowError: it can, but does not take what the block wrote.
        """
        with _translated(self.path), self._engine.connect() as connection:
            with self._lock.background(), connection.begin():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
            self._checkpoint(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent snapshot.

        Raises:
            JournalError: the database cannot be used, now or at all.
        """
        with _translated(self.path), self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN")
            yield connection

    def _checkpoint(self, connection: Connection) -> None:
        """Copy the write-ahead log back in small steps, outside of the lock: it stops nobody."""
        driver = connection.connection.driver_connection
        wal = Path(f"{self.path}-wal")
        with contextlib.suppress(sqlite3.Error, FileNotFoundError):
            if driver is not None and wal.stat().st_size > _CHECKPOINT_BYTES:
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    with translate_errors(path):
        try:
            yield
        except _REFUSALS as error:
            raise RefusedRowError(f"{path} does not take a row: {getattr(error, 'orig', error)}") from error


def _opened(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - the engine is SQLite's
    connection.text_factory = _text  # one row of another program must not hide the others
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # a commit of ours must not stop the journal's for a checkpoint


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
