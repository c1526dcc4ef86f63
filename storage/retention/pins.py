"""Pinned tasks: nothing of them is removed, neither by retention nor on request, until the pin is taken away."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Column, Connection, Float, MetaData, Table, Text, delete, func, insert, inspect, select

from storage.tables import DatabaseLocation, TableDatabase

__all__ = ["PINS_MAX", "Pins", "TooManyPinsError", "metadata"]

PINS_MAX: Final = 10_000
"""Pinned tasks; each pass of retention has all of them in memory."""

T = TypeVar("T")

metadata = MetaData()

pins = Table(
    "otto_pinned_tasks",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("pinned_at", Float, nullable=False),  # Unix seconds
    Column("pinned_by", Text, nullable=False),
)


class TooManyPinsError(Exception):
    """As many tasks are pinned as may be."""


class Pins:
    """The table of pins, in the journal's database; the first pin makes it.

    Args:
        location: of the journal's database.

    Every method raises ``StorageError`` if the database cannot be used.
    """

    def __init__(self, location: DatabaseLocation) -> None:
        self._database = TableDatabase(location, create=metadata.create_all, name="pins")
        self._writer = ThreadPoolExecutor(1, "pins")

    def __repr__(self) -> str:
        return f"<Pins {self._database!r}>"

    def create(self) -> None:
        """Make the table, for pins that are moved there; blocks."""
        self._database.write(lambda _: None)
        self._database.close()

    async def all(self) -> frozenset[str]:
        """Every pinned task."""
        return await asyncio.to_thread(self.read)

    def read(self) -> frozenset[str]:
        """See ``all``; blocks."""
        return self._database.read(lambda db: _pinned(db, None)) if self._database.exists else frozenset()

    async def among(self, task_ids: Sequence[str]) -> frozenset[str]:
        """Those of some tasks that are pinned."""
        return await asyncio.to_thread(self._database.read, lambda db: _pinned(db, task_ids))

    async def pin(self, task_id: str, *, by: str, at: float) -> bool:
        """Pin a task; False if it was pinned already.

        Raises:
            TooManyPinsError: there are ``PINS_MAX``.
        """

        def work(db: Connection) -> bool:
            if _pinned(db, [task_id]):
                return False
            if (db.execute(select(func.count()).select_from(pins)).scalar() or 0) >= PINS_MAX:
                raise TooManyPinsError
            db.execute(insert(pins).values(task_id=task_id, pinned_at=at, pinned_by=by))
            return True

        return await self._write(work)

    async def unpin(self, task_id: str) -> bool:
        """Take the pin of a task away; False if it had none."""
        query = delete(pins).where(pins.c.task_id == task_id)
        return await self._write(lambda db: db.execute(query).rowcount > 0)

    async def close(self) -> None:
        """Close the connections; idempotent, and nothing is read or written any more."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._database.close)  # a connection to PostgreSQL needs a thread without a loop

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._database.write, work)


def _pinned(db: Connection, task_ids: Collection[str] | None) -> frozenset[str]:
    if not inspect(db).has_table(pins.name):
        return frozenset()
    query = select(pins.c.task_id)
    if task_ids is not None:
        query = query.where(pins.c.task_id.in_(task_ids))
    return frozenset(db.execute(query).scalars())
