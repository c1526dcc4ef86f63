"""Backups of a database as an operator takes them and puts them back."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.waiting import WAIT_SECONDS_MAX

__all__ = ["put_back", "take_backup"]


def take_backup(database: Path, folder: Path | None = None) -> Path:
    """A copy in a folder, or beside the database, made by SQLite's own means while it may be in use."""
    folder = folder or database.parent
    number = len(list(folder.glob(f"{database.name}.backup-*")))
    backup = folder / f"{database.name}.backup-{number}"
    with (
        closing(sqlite3.connect(database, timeout=WAIT_SECONDS_MAX)) as source,
        closing(sqlite3.connect(backup)) as copy,
    ):
        source.backup(copy)
    return backup


def put_back(backup: Path, database: Path) -> None:
    """Replace a database that nobody has open, its write-ahead log included."""
    for leftover in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        leftover.unlink(missing_ok=True)
    database.write_bytes(backup.read_bytes())
