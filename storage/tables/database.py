"""Tables that SQLAlchemy describes, in an SQLite file or in PostgreSQL, which other programs may be using as well."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from storage.sqlite.connections import Durability
from storage.tables.engine import TableEngine
from storage.tables.sqlite import SqliteTables

__all__ = ["DatabaseLocation", "TableDatabase"]

T = TypeVar("T")

DatabaseLocation = Path | str
"""An SQLite file, or the URL of a PostgreSQL database."""


class TableDatabase:
    """Reads and transactions on one database. SQLAlchemy makes the statements, for whichever it is.

    All methods block, so they belong in a thread. Writes wait for each other: those of several threads, and those
    of all gateways on PostgreSQL where ``name`` is the same.

    Args:
        location: the file, which may be the journal's own, or ``postgresql://…``.
        create: creates the tables that are missing, before the first write to a database.
        durability: of what is written to a file.
        lock_seconds_max: how long another program may hold a lock before a write is given up.
        has_foreign_keys: whether references between tables of a file are enforced.
        name: of the tables, for the lock on PostgreSQL.
    """

    def __init__(
        self,
        location: DatabaseLocation,
        *,
        create: Callable[[Connection], None] = lambda _: None,
        durability: Durability = "full",
        lock_seconds_max: float = 10.0,
        has_foreign_keys: bool = False,
        name: str = "tables",
    ) -> None:
        self.is_shared = isinstance(location, str)
        self._engine: TableEngine
        if isinstance(location, Path):
            self._engine = SqliteTables(
                location,
                create=create,
                durability=durability,
                lock_seconds_max=lock_seconds_max,
                has_foreign_keys=has_foreign_keys,
            )
        else:
            from storage.tables.postgres import PostgresTables

            self._engine = PostgresTables(location, create=create, lock_seconds_max=lock_seconds_max, name=name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.location}>"

    @property
    def location(self) -> str:
        """Where the database is, without a password."""
        return self._engine.location

    @property
    def path(self) -> Path:
        """The file; for SQLite alone."""
        return Path(self.location)

    @property
    def exists(self) -> bool:
        """Whether there is a database."""
        return self._engine.exists

    @property
    def is_new(self) -> bool:
        """Whether the next write is the first one to the database, or to the one that has taken its place."""
        return self._engine.is_new

    @property
    def is_wanted(self) -> bool:
        """The journal waits for the file; a long transaction would do well to end."""
        return self._engine.is_wanted

    def create_missing(self, is_complete: Callable[[Connection], bool]) -> None:
        """Create the tables, unless ``is_complete`` reports that none is missing.

        Raises:
            SchemaError: a table that is there does not fit.
            StorageError: the database cannot be used, now or as it is.
        """
        if not self.exists or not self.read(is_complete):
            self.close()
            self.write(lambda _: None)  # the first one creates what is missing
            self.close()  # the connection belongs to the thread that writes from now on

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query: see ``reading``."""
        with self.reading() as connection:
            return query(connection)

    def write(self, work: Callable[[Connection], T], *, is_closing: Callable[[], bool] = lambda: False) -> T:
        """Do work in one transaction: see ``transaction``."""
        with self.transaction(is_closing=is_closing) as connection:
            return work(connection)

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent snapshot of the database that is there now.

        Raises:
            StorageError: the database cannot be read, now or as it is.
        """
        return self._engine.reading()

    def transaction(self, *, is_closing: Callable[[], bool] = lambda: False) -> AbstractContextManager[Connection]:
        """All of the block or nothing of it; on a file the journal's commits go first.

        Args:
            is_closing: whether to give up at once on another program's lock.

        Raises:
            StorageError: the database cannot be written, now or as it is.
            RecordRefusedError: a constraint of a table stands against what was written.
        """
        return self._engine.transaction(is_closing)

    def close(self) -> None:
        """Close the writer's connection; idempotent. The next write opens another."""
        self._engine.close()
