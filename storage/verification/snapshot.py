"""Opening a database for a look at it, beside its users."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from storage.errors import DatabaseError
from storage.polling.interface import SqlConnection
from storage.sqlite.connections import Access, lossy_text, open_connection
from storage.sqlite.errors import translate_errors

__all__ = ["has_table", "opened", "transaction"]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write.

    Raises:
        DatabaseError, StorageUnavailableError: it cannot be opened or read; the text says why in one sentence.
    """
    if not path.exists():
        raise DatabaseError(f"{path} does not exist")
    with translate_errors(path), contextlib.closing(open_connection(path, Access.READ)) as connection:
        connection.text_factory = lossy_text
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


@contextlib.contextmanager
def transaction(connection: SqlConnection) -> Iterator[None]:
    """Several reads of one moment. Keep it short: what others write meanwhile stays in the write-ahead log."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether there is such a table."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None
