"""What goes wrong with the polling database, each in one sentence that names the file and what would help."""

import sqlite3
from pathlib import Path
from typing import Final

from storage.errors import StorageError

__all__ = ["PollingTableError", "PollingUnavailableError"]


class PollingTableError(StorageError):
    """The polling database cannot be used as it is; the text says what is missing or wrong."""


class PollingUnavailableError(PollingTableError):
    """The polling database cannot be read or written at the moment; trying again may help.

    ``reason`` is the text without the file's path, for those who must not learn it.
    """

    def __init__(self, error: sqlite3.Error, path: Path) -> None:
        self.reason = _reason(error)
        super().__init__(f"{path} {self.reason}")


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


def _reason(error: sqlite3.Error) -> str:
    """The low byte of SQLite's code is the kind of error; the rest, its circumstances, helps nobody here."""
    code = getattr(error, "sqlite_errorcode", 0)
    return _TEXTS.get(code & 0xFF) or f"cannot be used: {error}"
