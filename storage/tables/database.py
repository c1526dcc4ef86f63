"""A database with tables of a component: how it is opened, read, and written in transactions."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from storage.polling.errors import PollingTableError, PollingUnavailableError
from storage.sqlite.write_lock import write_lock
from storage.tables.refusal import RecordRefusedError

__all__ = ["TableDatabase"]

T = TypeVar("T")

_READ_BUSY_SECONDS: Final = 5.0
_WRITE_BUSY_SECONDS: Final = 0.1
"""Short, because the journal may want the lock meanwhile; who writes tries again for as long as it may."""
_RETRY_SECONDS: Final = 0.02
_CHECKPOINT_PAGES: Final = 500


class TableDatabase:
    """A SQLite database that may be the journal's own, and that other programs may be using.

    Args:
        path: the database's file.
        create: creates the tables that are missing, before the first write to a file.
        durability: ``full``: what is stored survives a power loss; ``process``: a killed process.
        lock_seconds_max: how long another program may lock the file before a write is given up.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: Callable[[Connection], None],
        durability: Literal["full", "process"] = "full",
        lock_seconds_max: float = 10.0,
    ) -> None:
        self.path = path.absolute()
        self.write_lock = write_lock(self.path)
        self.lock_seconds_max = lock_seconds_max
        self._create = create
        self._synchronous = "FULL" if durability == "full" else "NORMAL"
        self._readers = self._engine(_READ_BUSY_SECONDS, self._prepare_reader)
        self._writers = self._engine(_WRITE_BUSY_SECONDS, self._prepare_writer)
        sqlalchemy.event.listen(self._writers, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
        self._writer: Connection | None = None
        self._file: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"<TableDatabase {self.path}>"

    def prepare(self, is_complete: Callable[[Connection], bool]) -> None:
        """Create the tables and indexes that are missing, unless ``is_complete`` says that none is; blocks.

        Raises:
            PollingTableError: a table that is there does not fit.
            PollingUnavailableError: the database cannot be used now.
        """
        if not self.path.exists() or not self.read(is_complete):
            self.write(lambda _: None)
            self.close()  # the connection belongs to the thread that writes from now on

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a connection of its own: a file that was replaced meanwhile is the new one.

        Raises:
            PollingUnavailableError: the database cannot be read now.
        """
        with self._explained(), self._readers.connect() as connection:
            return query(connection)

    def write(self, work: Callable[[Connection], T], *, is_closing: Callable[[], bool] = lambda: False) -> T:
        """Do work in one transaction, behind the journal's; for one thread at a time.

        Args:
            work: what to do. Where it raises, nothing is stored.
            is_closing: whether to give up on a lock at once.

        Raises:
            PollingUnavailableError: the database cannot be written now.
            RecordRefusedError: a constraint of a table stands against it.
        """
        deadline = time.monotonic() + self.lock_seconds_max
        while True:
            try:
                with self._explained(), self.write_lock.background():
                    result = self._write(work)
                break
            except PollingUnavailableError as error:
                is_busy = isinstance(error.__cause__, sqlite3.OperationalError) and _is_locked(error.__cause__)
                if not is_busy or time.monotonic() >= deadline or is_closing():
                    self.close()
                    raise
            time.sleep(_RETRY_SECONDS)  # outside of the lock: whoever waits for it goes first
        self._checkpoint()
        return result

    @property
    def is_new(self) -> bool:
        """Whether the next write is the first one to the file, or to the one that has taken its place."""
        return self._writer is None or self._file != self._file_now()

    def close(self) -> None:
        """Close the writer's connection; idempotent. The next write opens a new one."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self.is_new:
            self.close()
            self._writer = self._writers.connect()
            self._file = self._file_now()
            with self._writer.begin():
                self._create(self._writer)
        assert self._writer is not None  # noqa: S101 - made above
        with self._writer.begin():
            return work(self._writer)

    def _checkpoint(self) -> None:
        """Copy the write-ahead log back in small steps, outside of the lock: it stops nobody."""
        if self._writer is not None:
            with contextlib.suppress(PollingUnavailableError), self._explained():
                driver = self._writer.connection.driver_connection
                wal = Path(f"{self.path}-wal")
                if driver is not None and wal.exists() and wal.stat().st_size > _CHECKPOINT_PAGES * 4096:
                    driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _engine(self, busy_seconds: float, prepare: Callable[[sqlite3.Connection], None]) -> Engine:
        engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite", database=str(self.path)),
            poolclass=sqlalchemy.NullPool,
            connect_args={"timeout": busy_seconds, "isolation_level": None, "check_same_thread": False},
        )

        def opened(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - the engine is SQLite's
            connection.text_factory = _text  # rows of other programs need not be UTF-8
            prepare(connection)

        sqlalchemy.event.listen(engine, "connect", opened)
        return engine

    def _prepare_reader(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")

    def _prepare_writer(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            connection.execute("PRAGMA journal_mode = WAL")  # a new file; an existing one keeps its mode
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA wal_autocheckpoint = 0")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy.exc.IntegrityError as error:
            reason = str(error.orig)
            raise RecordRefusedError(reason, _column(reason)) from error.orig
        except sqlalchemy.exc.DBAPIError as error:
            if not isinstance(error.orig, sqlite3.Error):
                raise
            raise PollingUnavailableError(error.orig, self.path) from error.orig
        except sqlite3.Error as error:
            raise PollingUnavailableError(error, self.path) from error
        except PollingTableError as error:
            if isinstance(error, PollingUnavailableError):
                raise
            raise PollingTableError(f"{self.path}: {error}") from error

    def _file_now(self) -> tuple[int, int] | None:
        try:
            file = self.path.stat()
        except FileNotFoundError:
            return None
        return file.st_dev, file.st_ino


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _column(reason: str) -> str | None:
    """The column in SQLite's ``NOT NULL constraint failed: table.column``."""
    _, _, place = reason.partition("constraint failed: ")
    _, _, column = place.partition(".")
    return column if column.isidentifier() else None


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
