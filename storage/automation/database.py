"""The database of the automation queue: one transaction at a time, which holds the write lock from its beginning."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from storage.automation.schema import create_missing
from storage.database import sqlite_path
from storage.sqlite.locks import write_lock

__all__ = ["AutomationDatabase"]


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
        """Create what is missing; blocks."""
        with self.transaction() as connection:
            create_missing(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of the block or nothing of it; blocks, so it belongs in a thread."""
        with self._lock.background(), self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent picture."""
        with self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN")
            yield connection


def _opened(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - the engine is SQLite's
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
