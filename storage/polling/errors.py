"""What goes wrong with the polling database, each in one sentence that names the file and what would help."""

import sqlite3
from pathlib import Path
from typing import Final

__all__ = ["PollingTableError", "PollingUnavailableError", "describe"]


class PollingTableError(Exception):
    """The polling database cannot be used as it is; the text says what is missing or wrong."""


class PollingUnavailableError(PollingTableError):
    """The polling database cannot be read or written at the moment; trying again may help."""


_TEXTS: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program",
    sqlite3.SQLITE_LOCKED: "is locked by another program",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_READONLY: "is read-only: the gateway needs to write to the file and to its directory",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its directory exists and may be written to",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "is damaged: check it with `PRAGMA integrity_check`",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
}


def describe(error: sqlite3.Error, path: Path) -> str:
    """One sentence for a person; the low byte of SQLite's code is the kind of error, the rest its circumstances."""
    code = getattr(error, "sqlite_errorcode", None)
    text = None if code is None else _TEXTS.get(code & 0xFF)
    return f"{path} {text}" if text else f"{path}: {error}"
