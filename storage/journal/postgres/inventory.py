"""What the database holds, for a look at what retention would remove; changes nothing."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from storage.journal.inventory import StoredChunk, StoredTask
from storage.journal.postgres.queries import PostgresQueries
from storage.postgres.address import plain_url, shown_address
from storage.postgres.connections import Link
from storage.postgres.errors import translate_errors

__all__ = ["PostgresInventory"]

T = TypeVar("T")


class PostgresInventory:
    """``storage.journal.inventory.Inventory`` of a database that gateways may use meanwhile."""

    def __init__(self, url: str) -> None:
        self._address = shown_address(url)
        self._queries = PostgresQueries(Link(plain_url(url)))

    def __repr__(self) -> str:
        return f"<PostgresInventory {self._address}>"

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.to_thread(self._queries.close)

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        """See ``Inventory``."""
        return await self._ask(lambda: self._queries.stored_tasks(after, count_max))

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        """See ``Inventory``."""
        return await self._ask(lambda: self._queries.stored_chunks(task_id, after, count_max))

    async def _ask(self, question: Callable[[], T]) -> T:
        with translate_errors(self._address):
            return await asyncio.to_thread(question)
