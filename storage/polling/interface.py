"""What the parts of the polling tables need of a database, whichever it is: statements, transactions, and differences.

Statements are written once, with ``?`` or ``?1`` for parameters. What SQLite and PostgreSQL do differently is a method
of ``PollingStore``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

__all__ = ["Extent", "ExternalRow", "Page", "PollingStore", "Result", "SqlConnection", "StoreConnection"]


class Result(Protocol):
    """What a statement has returned."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchone(self) -> Any:
        """The next row; None without one."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class SqlConnection(Protocol):
    """A connection to the database, in autocommit mode."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Result:
        """Execute one statement."""
        ...


class StoreConnection(Protocol):
    """A connection that is opened when it is needed; belongs to one thread at a time."""

    @property
    def current(self) -> SqlConnection | None:
        """The open connection; None if it is closed."""
        ...

    @property
    def is_replaced(self) -> bool:
        """Whether another database has taken the place of the one that is open."""
        ...

    def get(self) -> SqlConnection:
        """The connection to the database that is there now."""
        ...

    def use(self) -> AbstractContextManager[SqlConnection]:
        """``get``; after an error the next use opens another."""
        ...

    def close(self) -> None:
        """Close the connection; idempotent. ``get`` opens another."""
        ...


class ExternalRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row that is no copy. ``message`` may be cut, to a byte more than was asked for; ``size`` is all of it."""

    id: int
    job_id: str
    message: str
    size: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Extent:
    """The ids of the first and the last row of a stretch (0 and 0: no rows), and a checksum of the last row."""

    first: int = 0
    last: int = 0
    checksum: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """``count`` rows up to id ``last`` as JSON objects with commas between them; no rows: ``b""``, 0 and 0."""

    rows: bytes
    count: int
    last: int


class PollingStore(Protocol):
    """``job_logs`` and the sink's own tables in one database; a ``connection`` is one of its own."""

    @property
    def location(self) -> str:
        """Where the database is, without a password."""
        ...

    def prepare(self, *, busy_timeout_seconds: float = 5.0) -> None:
        """Create what is missing; blocks.

        Raises:
            DatabaseError: the database cannot be used, or its ``job_logs`` lacks what a row needs.
        """
        ...

    def writing(self, busy_seconds: float, on_open: Callable[[Any], None] = lambda _: None) -> StoreConnection:
        """A connection for writing; ``on_open`` is called with each one that is opened."""
        ...

    def reading(self, busy_seconds: float) -> StoreConnection:
        """A connection for reading."""
        ...

    def translated(self) -> AbstractContextManager[None]:
        """Turns what the driver raises into errors of storage that name the database."""
        ...

    def transaction(self, connection: Any) -> AbstractContextManager[None]:
        """A write transaction, one at a time among all who insert rows; nothing is stored if something is raised."""
        ...

    def snapshot(self, connection: Any) -> AbstractContextManager[None]:
        """Several reads that agree: no row with a lower id than those seen is inserted later."""
        ...

    def checkpoint(self, connection: Any, written_bytes: int) -> None:
        """Keep the database's log small, after a transaction of about so many bytes."""
        ...

    def create_missing(self, connection: Any) -> None:
        """Create the tables that are missing.

        Raises:
            SchemaError: there is a ``job_logs`` that rows cannot be added to.
        """
        ...

    def insert_rows(self, connection: Any, values: Sequence[str]) -> Sequence[tuple[int, int]]:
        """Insert rows in their order, inside a transaction.

        Args:
            connection: of ``writing``.
            values: job id, message and creation time of each row, one after the other.

        Returns:
            the stretches of ids that they got: the last id of each, and its length.
        """
        ...

    def has_gone_back(self, connection: Any, reached: int) -> bool:
        """Whether the next row may get an id that was given before: the table was made anew, or an old one put back."""
        ...

    def skip_ids(self, connection: Any, count: int) -> None:
        """Move ids far behind those that may have been given, where the table keeps such a number."""
        ...

    def rows(
        self, connection: Any, after: int, upto: int, *, message_bytes_max: int, rows_max: int
    ) -> list[ExternalRow]:
        """Rows by their ids, of every writer."""
        ...

    async def extent(self, job_id: str, after_id: int = 0) -> Extent:
        """From which to which row the log of a job goes after ``after_id``; costs two look-ups, however long it is.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        ...

    async def page(self, job_id: str, after_id: int, upto_id: int, *, rows_max: int, bytes_max: int) -> Page:
        """The first rows of a stretch: at most ``rows_max`` and about ``bytes_max`` bytes, at least one where any is.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        ...

    async def close(self) -> None:
        """End the readers; idempotent."""
        ...
