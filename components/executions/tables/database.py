"""The database of the executions."""

from pathlib import Path

from components.executions.tables.schema import create_missing, is_complete
from storage.sqlite.connections import Durability
from storage.sqlite.database import Database

__all__ = ["ExecutionDatabase"]


class ExecutionDatabase(Database):
    """A SQLite database that may be the journal's own, and that other programs may be using."""

    def __init__(self, path: Path, *, durability: Durability = "full", lock_seconds_max: float = 10.0) -> None:
        super().__init__(
            path,
            create=create_missing,
            is_complete=is_complete,
            durability=durability,
            lock_seconds_max=lock_seconds_max,
        )
