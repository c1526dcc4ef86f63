"""The database of the automation queue."""

from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect

from components.automation.tables.migration import create_missing, pending_changes
from storage.sqlite.files import sqlite_path
from storage.tables import DatabaseLocation, TableDatabase

__all__ = ["AutomationDatabase"]

_log = structlog.get_logger(__name__)


class AutomationDatabase(TableDatabase):
    """A database that the gateway, other schedulers and other programs may be using.

    Args:
        location: a path, or a URL ``sqlite:///path`` or ``postgresql://…``.
        busy_seconds: how long another program may hold the file before a transaction fails.
    """

    def __init__(self, location: DatabaseLocation, *, busy_seconds: float = 30.0) -> None:
        super().__init__(_location(location), lock_seconds_max=busy_seconds, has_foreign_keys=True, name="automation")

    def prepare(self) -> None:
        """Create what is missing, and bring tables of older programs to the present schema; blocks.

        Raises:
            StorageError: the database cannot be used; the text names the table and the column if one of them is why.
        """
        changes = self.write(_create_missing)
        if changes:
            _log.info("automation tables migrated", database=self.location, changes=changes)

    def has_tables(self) -> bool:
        """Whether a table of the queue is there; blocks.

        Raises:
            StorageError: the database cannot be used.
        """
        with self.reading() as connection:
            return bool(inspect(connection).has_table("task_queue"))

    def pending_changes(self) -> list[str]:
        """What ``prepare`` would change of tables that exist; blocks, and writes nothing.

        Raises:
            StorageError: as for ``prepare``.
        """
        return [change.text for change in self.read(pending_changes)]


def _location(location: DatabaseLocation) -> DatabaseLocation:
    if isinstance(location, Path) or "://" not in location:
        return Path(location)
    return location if location.startswith("postgres") else sqlite_path(location)


def _create_missing(connection: Connection) -> list[str]:
    return create_missing(connection, datetime.now(UTC).replace(tzinfo=None))
