"""What SQLite and the file system raise, as errors of storage with one sentence each."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy

from storage.errors import (
    DatabaseError,
    DiskFullError,
    RecordRefusedError,
    StorageError,
    StorageObstructedError,
    StorageUnavailableError,
)

__all__ = ["bytes_free", "is_locked", "is_refusal", "translate_errors"]

_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_REFUSALS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    UnicodeEncodeError,
    OverflowError,
)
"""What is the fault of a value, and not of the database."""

_OPENING_BYTES: Final = 64 << 10
"""What SQLite needs to open a database with a write-ahead log: 32 KiB of its index, and the log's beginning."""

_UNUSABLE: Final = {
    sqlite3.SQLITE_NOTADB: "is not an SQLite database",
    sqlite3.SQLITE_READONLY: "is read-only: the gateway needs to write to the file and to its directory",
    sqlite3.SQLITE_CORRUPT: "is damaged: check it with `PRAGMA integrity_check`",
}


@contextlib.contextmanager
def translate_errors(path: Path, *, refuses_records: bool = False) -> Iterator[None]:
    """Turn what SQLite, SQLAlchemy and the file system raise into errors of storage that name the file.

    Args:
        path: the file.
        refuses_records: whether tables may have constraints that are not ours, so that a record can be wrong.

    Raises:
        DatabaseError: it will not get better by itself.
        StorageUnavailableError: it may.
        RecordRefusedError: a constraint of a table stands against what was to be stored.
    """
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if not isinstance(error.orig, (sqlite3.Error, *_REFUSALS)):
            raise
        raise _translated(path, error.orig, refuses_records=refuses_records) from error.orig
    except (UnicodeEncodeError, OverflowError) as error:
        if not refuses_records:
            raise
        raise _translated(path, error, refuses_records=True) from error
    except (sqlite3.Error, OSError) as error:
        raise _translated(path, error, refuses_records=refuses_records) from error


def is_locked(error: BaseException | None) -> bool:
    """Whether another connection or program holds a lock that was needed."""
    return _code(error) in _LOCKED


def is_refusal(error: BaseException) -> bool:
    """Whether a value is the fault, or a constraint of a table."""
    return isinstance(error, _REFUSALS)


def _translated(path: Path, error: Exception, *, refuses_records: bool) -> StorageError:
    code = _code(error)
    if refuses_records and is_refusal(error):
        return RecordRefusedError(str(error), _column(str(error)))
    kind: type[StorageError] = DatabaseError
    if is_locked(error):
        kind, reason = StorageObstructedError, "is locked by another program"
    elif _is_disk_full(path, code, error):
        free = bytes_free(path) or 0
        reason = f"cannot grow: the disk is full, {free:,} bytes are free; make room on it"
        return DiskFullError(f"{path} {reason}", reason, bytes_free=free)
    elif code in _UNUSABLE:
        reason = _UNUSABLE[code]
    elif isinstance(error, PermissionError):
        reason = "cannot be written: permission denied"
    elif code == sqlite3.SQLITE_CANTOPEN or isinstance(error, FileNotFoundError):
        reason = _not_opened(path)
    elif code == sqlite3.SQLITE_IOERR:
        kind, reason = StorageUnavailableError, "cannot be read or written: the disk reports an error"
    else:
        kind, reason = StorageUnavailableError, f"cannot be used: {error}"
    return kind(f"{path} {reason}", reason)


def bytes_free(path: Path) -> int | None:
    """What a file may still grow by on its disk, for this user; None: it is not known."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _is_disk_full(path: Path, code: int, error: Exception) -> bool:
    """Also if SQLite says something else: it cannot make the files beside a database that nobody has open."""
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return True
    free = bytes_free(path) if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} else None
    return free is not None and free < _OPENING_BYTES


def _not_opened(path: Path) -> str:
    folder = path.parent.resolve()
    if not folder.is_dir():
        return f"cannot be opened: there is no folder {folder}"
    return "cannot be opened" if os.access(folder, os.W_OK) else "cannot be opened: the folder cannot be written"


def _code(error: BaseException | None) -> int:
    """The low byte of SQLite's code is the kind of error; the rest, its circumstances, helps nobody here."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _column(reason: str) -> str | None:
    """The column in SQLite's ``NOT NULL constraint failed: table.column``."""
    _, _, place = reason.partition("constraint failed: ")
    _, _, column = place.partition(".")
    return column if column.isidentifier() else None
