"""Opening a database for a look at it, beside whoever uses it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from storage.sqlite.files import DatabaseError, translate_errors

__all__ = ["has_table", "opened", "transaction"]

_BUSY_TIMEOUT_SECONDS: Final = 5.0


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write.

    Raises:
        DatabaseError, JournalUnavailableError: it cannot be opened or read; the text says why in one sentence.
    """
    if not path.exists():
        raise DatabaseError(f"{path} does not exist")
    with translate_errors(path), contextlib.closing(_connect(path)) as connection:
        connection.text_factory = _text
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Several reads of one moment. Keep it short: what others write meanwhile stays in the write-ahead log."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether there is such a table."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def _connect(path: Path) -> sqlite3.Connection:
    """A write-ahead log can be read only by who may make its index; on a disk that cannot be written there is none."""
    for mode in ("rw", "ro"):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None
        )
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if mode == "ro" or (error.sqlite_errorcode & 0xFF) not in {
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
            }:
                raise
        else:
            break
    return connection


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
