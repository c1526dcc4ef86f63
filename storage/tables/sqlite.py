"""``TableDatabase`` on an SQLite file."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import Connection, Engine

from storage.errors import SchemaError
from storage.sqlite.connections import (
    Access,
    Durability,
    checkpoint,
    file_identity,
    lossy_text,
    open_connection,
)
from storage.sqlite.errors import is_locked, is_refusal, translate_errors
from storage.sqlite.write_lock import write_lock

__all__ = ["SqliteTables"]

_READ_BUSY_SECONDS: Final = 5.0
_WRITE_BUSY_SECONDS: Final = 0.1
"""Short, because the journal may want the write lock meanwhile; between two attempts it can have it."""
_RETRY_SECONDS: Final = 0.02


class SqliteTables:
    """See ``TableDatabase``; several threads may use it."""

    def __init__(
        self,
        path: Path,
        *,
        create: Callable[[Connection], None],
        durability: Durability,
        lock_seconds_max: float,
        has_foreign_keys: bool,
    ) -> None:
        self.path = path.absolute()
        self.write_lock = write_lock(self.path)
        self.lock_seconds_max = lock_seconds_max
        self._create = create
        self._durability = durability
        self._has_foreign_keys = has_foreign_keys
        self._readers = self._engine(Access.READ, _READ_BUSY_SECONDS)
        self._writers = self._engine(Access.WRITE, _WRITE_BUSY_SECONDS)
        self._writer: Connection | None = None
        self._identity: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    @property
    def location(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    @property
    def is_wanted(self) -> bool:
        """The journal waits for the write lock."""
        return self.write_lock.is_wanted

    @property
    def is_new(self) -> bool:
        """Whether the next write is the first one to the file, or to the one that has taken its place."""
        return self._writer is None or self._identity != file_identity(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See ``TableDatabase.reading``."""
        with self._translated(), self._readers.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def transaction(self, is_closing: Callable[[], bool]) -> Iterator[Connection]:
        """See ``TableDatabase.transaction``; the journal's commits go first."""
        deadline = time.monotonic() + self.lock_seconds_max

        def is_late() -> bool:
            return time.monotonic() >= deadline or is_closing()

        with self._translated():
            while True:
                with self.write_lock.background():
                    try:
                        connection = self._begun()
                    except sqlalchemy.exc.OperationalError as error:
                        if not is_locked(error.orig) or is_late():
                            self.close()
                            raise
                    else:
                        with self._committed(connection, is_late):
                            yield connection
                        break
                time.sleep(_RETRY_SECONDS)  # outside of the lock: who waits for it goes first
            with suppress(sqlite3.Error):
                checkpoint(_driver(connection), self.write_lock, 0)

    def close(self) -> None:
        """See ``TableDatabase.close``."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _begun(self) -> Connection:
        """The writer's connection in a transaction, on the file that is there now."""
        is_new = self.is_new
        if is_new:
            self.close()
            self._writer = self._writers.connect()
            self._identity = file_identity(self.path)
        writer = self._writer
        assert writer is not None  # noqa: S101 - made above
        try:
            writer.exec_driver_sql("BEGIN IMMEDIATE")
            if is_new:
                self._create(writer)
        except BaseException:
            self.close()  # the next attempt is a first one again
            raise
        return writer

    @contextmanager
    def _committed(self, connection: Connection, is_late: Callable[[], bool]) -> Iterator[None]:
        try:
            yield
            while True:
                try:
                    _driver(connection).execute("COMMIT")
                    break
                except sqlite3.OperationalError as error:  # without a write-ahead log, readers are waited for here
                    if not is_locked(error) or is_late():
                        raise
                time.sleep(_RETRY_SECONDS)
            connection.commit()
        except BaseException as error:
            cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
            if isinstance(cause, sqlite3.Error) and not is_refusal(cause):
                self.close()  # rolls back, and takes a replaced file for what it is
            else:
                connection.rollback()
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translate_errors(self.path, refuses_records=True):
                yield
        except SchemaError as error:
            raise SchemaError(f"{self.path}: {error}", error.reason) from error

    def _engine(self, access: Access, busy_seconds: float) -> Engine:
        def connect() -> sqlite3.Connection:
            connection = open_connection(self.path, access, busy_seconds=busy_seconds, durability=self._durability)
            connection.text_factory = lossy_text
            if self._has_foreign_keys and access is Access.WRITE:
                connection.execute("PRAGMA foreign_keys = ON")
            return connection

        return sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=sqlalchemy.NullPool)


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - the engine's
    return driver
