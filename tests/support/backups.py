"""Backups of a database as an operator takes them and puts them back."""

from pathlib import Path

from storage.backup import back_up, restore
from storage.sqlite.files import acquire_lock

__all__ = ["put_back", "take_backup"]


def take_backup(database: Path, folder: Path | None = None) -> Path:
    """A copy in a folder, or beside the database, which may be in use."""
    folder = folder or database.parent
    number = len(list(folder.glob(f"{database.name}.backup-*")))
    backup = folder / f"{database.name}.backup-{number}"
    back_up(database, backup)
    return backup


def put_back(backup: Path, database: Path) -> None:
    """Replace what is in a database that no gateway has open."""
    restore(backup, database, acquire_lock(database))
