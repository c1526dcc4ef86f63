"""The database of the automation queue."""

from pathlib import Path

from components.automation.tables.schema import create_missing
from storage.sqlite.database import Database
from storage.sqlite.files import sqlite_path

__all__ = ["AutomationDatabase"]


class AutomationDatabase(Database):
    """A SQLite database that the gateway, other schedulers and other programs may be using.

    Args:
        location: a path, or a URL ``sqlite:///path``.
        busy_seconds: how long another program may hold the file before a transaction fails.
    """

    def __init__(self, location: str | Path, *, busy_seconds: float = 30.0) -> None:
        is_path = isinstance(location, Path) or "://" not in location
        path = Path(location) if is_path else sqlite_path(str(location))
        super().__init__(path, create=create_missing, lock_seconds_max=busy_seconds, has_foreign_keys=True)
