"""Database files: their URL, their migrations, and which gateway has them."""

import asyncio
import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from storage.errors import DatabaseError, DatabaseInUseError
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors
from storage.sqlite.schema_version import SCHEMA_VERSION, VERSION_TABLE

__all__ = [
    "acquire_lock",
    "exposure",
    "migrate",
    "migrate_file",
    "schema_version",
    "sqlite_path",
    "wait_for_lock",
]

_HOLD_SECONDS: Final = 0.1
"""Pause between two looks whether a database is free."""


def sqlite_path(url: str) -> Path:
    """The file that an SQLite URL names: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Raises:
        DatabaseError: the URL is of another kind, or names no file.
    """
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] in {"postgres", "postgresql"}:
        raise DatabaseError("PostgreSQL cannot be used for this yet; use sqlite:///FILE")
    if parts.scheme != "sqlite":
        raise DatabaseError(f"the database URL must start with sqlite:///, not with {parts.scheme[:32]!r}")
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path or path == ":memory:":
        raise DatabaseError("the database URL must name a file: sqlite:///otto.db, or sqlite:////var/lib/otto/otto.db")
    return Path(path)


def migrate(url: str) -> str:
    """Bring a database to the present schema; harmless if it is there already.

    Tables that are not ours are not touched.

    Returns:
        the schema's version.

    Raises:
        DatabaseError: it cannot be opened or written, or was written by a newer gateway.
    """
    return migrate_file(sqlite_path(url))


def migrate_file(path: Path, *, busy_seconds: float = 30.0) -> str:
    """``migrate`` for the file itself, whatever its name has in it.

    Args:
        path: the file.
        busy_seconds: how long another program may lock it, at most, before the attempt fails.
    """
    with translate_errors(path):
        with closing(open_connection(path, Access.WRITE, busy_seconds=busy_seconds)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            if schema_version(connection) == SCHEMA_VERSION:
                return SCHEMA_VERSION  # without a transaction: another program's lock need not keep us from starting
        from storage.sqlite.upgrade import upgrade  # here: Alembic takes as long to import as a start takes otherwise

        current = upgrade(path, busy_seconds)
    if current != SCHEMA_VERSION:
        raise DatabaseError(
            f"{path} was written by a newer gateway (schema {current}, this one knows {SCHEMA_VERSION})"
        )
    return current


def schema_version(connection: sqlite3.Connection) -> str | None:
    """The migrations that a database has; None: none of ours."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchone()
    found = known and connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - ours
    return str(found[0]) if found else None


async def wait_for_lock(path: Path, seconds: float, *, on_wait: Callable[[], None] = lambda: None) -> IO[bytes]:
    """``acquire_lock``, waiting for the gateway that has it to end.

    Args:
        path: the database.
        seconds: how long to wait; 0: not at all.
        on_wait: called once where it has to be waited for.

    Raises:
        DatabaseInUseError: another gateway still has it.
    """
    deadline = time.monotonic() + seconds
    is_first = True
    while True:
        try:
            return acquire_lock(path)
        except DatabaseInUseError as error:
            if time.monotonic() >= deadline:
                waited = f"it has not ended within {seconds:g} s" if seconds else "LOCK_WAIT_SECONDS lets a start wait"
                raise DatabaseInUseError(f"{error}; {waited}") from None
        if is_first:
            is_first = False
            on_wait()
        await asyncio.sleep(min(_HOLD_SECONDS, max(0.0, deadline - time.monotonic())))


def acquire_lock(path: Path) -> IO[bytes]:
    """Take a database for this process, until the returned file is closed; other programs may still use its tables.

    Raises:
        DatabaseInUseError: another gateway has it.
    """
    with translate_errors(path):
        lock = open(f"{path}.lock", "ab", opener=_open_private)  # noqa: SIM115 - as long as the database
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DatabaseInUseError(f"another gateway is running on {path}; one database belongs to one gateway") from None
    return lock


def _open_private(path: str, flags: int) -> int:
    """Of a new file, for its owner alone; others with write access to the folder cannot have another file opened."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def exposure(path: Path) -> str | None:
    """A warning if every user of the machine may read or write a database; None: none, or there is no such file.

    A group may have been let in on purpose.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    rights = [right for bit, right in ((stat.S_IROTH, "read"), (stat.S_IWOTH, "write")) if mode & bit]
    if not rights:
        return None
    return f"every user of this machine may {' and '.join(rights)} {path}; if that is not intended: chmod o-rwx"
