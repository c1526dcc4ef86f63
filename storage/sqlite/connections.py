"""Connections to SQLite files: the one place that opens them, with the settings that each use needs."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Final, Literal

from storage.sqlite.write_lock import WriteLock

__all__ = [
    "Access",
    "Durability",
    "FileConnection",
    "checkpoint",
    "file_identity",
    "lossy_text",
    "open_connection",
    "transaction",
]

Durability = Literal["full", "process"]
"""What survives: ``full`` a power loss, ``process`` a killed process."""

_CHECKPOINT_BYTES: Final = 4 << 20
_TRANSACTION_BYTES: Final = 32 << 10
"""What a transaction adds to the log besides its content: whole pages, of the table, its indexes and the free list."""


class Access(Enum):
    """What a connection is for."""

    READ = "read"
    """A file that must exist; nothing can be changed."""
    WRITE = "write"
    """Creates a missing file for its owner alone, with a write-ahead log. One that is there keeps both modes."""
    CHANGE = "change"
    """A file that must exist, as it is: no setting is changed."""


def open_connection(
    path: Path,
    access: Access,
    *,
    busy_seconds: float = 5.0,
    durability: Durability = "process",
    autocheckpoint_pages: int = 0,
    statements_max: int = 128,
) -> sqlite3.Connection:
    """A connection in autocommit mode, for one thread at a time.

    Args:
        path: the file.
        access: what it is for.
        busy_seconds: how long SQLite waits for another connection's lock.
        durability: of what is committed. It counts in a write-ahead log alone, where a power cut takes back whole
            transactions: without one, ``synchronous=NORMAL`` may damage the file, so SQLite's default, FULL, stays.
        autocheckpoint_pages: size of the write-ahead log from which a commit copies it back into the file; 0: never,
            which is for ``checkpoint`` then, outside of the write lock.
        statements_max: prepared statements that are kept.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    if access is Access.WRITE:
        _make_private(path)
    connection = sqlite3.connect(
        str(path) if access is Access.WRITE else f"{path.absolute().as_uri()}?mode={_mode(path)}",
        uri=access is not Access.WRITE,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=statements_max,
    )
    try:
        if access is Access.READ:
            connection.execute("PRAGMA query_only = ON")
        elif access is Access.WRITE:
            if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
                connection.execute("PRAGMA journal_mode = WAL")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
                connection.execute(f"PRAGMA wal_autocheckpoint = {autocheckpoint_pages}")
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Create a missing file with mode 0600; SQLite gives the files beside it the same.

    Not by the process's umask, which would change what stages of the automation queue make for other programs. A file
    that is there is not opened: closing it would give up the locks that SQLite has on it in this process.
    """
    with suppress(OSError):  # it is there, or SQLite says why it cannot be made
        os.close(os.open(path.resolve(), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _mode(path: Path) -> str:
    """Also for reading it is "rw" where that may be: the first to open a write-ahead log has to make its index."""
    return "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"


def lossy_text(value: bytes) -> str:
    """A ``text_factory`` for rows of other programs, which need not be UTF-8."""
    return value.decode(errors="replace")


@contextmanager
def transaction(connection: sqlite3.Connection, lock: WriteLock) -> Iterator[None]:
    """A write transaction after the journal's; where something is raised, nothing is stored.

    Raises:
        sqlite3.Error: it could not be begun or committed.
    """
    with lock.background():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def checkpoint(connection: sqlite3.Connection, lock: WriteLock, written_bytes: int) -> None:
    """After a transaction: copy the write-ahead log into its file when enough was written since the last time.

    A copy waits for the disk three times, and slows down the commits of others meanwhile, so it is not made after each
    transaction. The size of the log's file says nothing: it stays as large as it once was. No lock is held.

    Args:
        connection: the one that wrote.
        lock: of the database file.
        written_bytes: the content of the transaction, about.

    Raises:
        sqlite3.Error: it could not be copied; the log stays as it was.
    """
    lock.unchecked_bytes += written_bytes + _TRANSACTION_BYTES
    if lock.unchecked_bytes >= _CHECKPOINT_BYTES:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        lock.unchecked_bytes = 0


def file_identity(path: Path) -> tuple[int, int] | None:
    """What changes where another file takes the place of this one; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class FileConnection:
    """A connection that is opened when it is needed, and anew where another file has taken the place of the open one.

    SQLite keeps using the file that it has: without this, everything would go into a file that nobody sees. Belongs to
    one thread at a time.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"<FileConnection {self._path} {'open' if self.is_open else 'closed'}>"

    @property
    def current(self) -> sqlite3.Connection | None:
        """The open connection, to whatever file; None if it is closed."""
        return self._connection

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, to whatever file."""
        return self._connection is not None

    @property
    def is_replaced(self) -> bool:
        """Whether another file has taken the place of the one that is open."""
        return self.is_open and self._identity != file_identity(self._path)

    def get(self) -> sqlite3.Connection:
        """The connection to the file that is there now.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        if self.is_replaced:
            self.close()
        if self._connection is None:
            self._connection = self._connect()
            self._identity = file_identity(self._path)
        return self._connection

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """``get``; after an error of SQLite the connection is closed, and the next use opens another.

        Raises:
            sqlite3.Error: it cannot be opened or used.
        """
        try:
            yield self.get()
        except sqlite3.Error:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; idempotent. ``get`` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
