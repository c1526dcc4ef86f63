"""Sends the rows of ``task_logs`` to a stream, in their order."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from components.automation.tables import AutomationDatabase
from components.automation.tables.log import progress, rows_after, save_progress
from components.automation.task_log_events import RowEvents, RowReader
from storage.outage import OutageLog
from storage.tailing import TailingLoop

__all__ = ["Destination", "TaskLogForwarder"]

_ROWS_MAX: Final = 500
_PROGRESS: Final = "stream"


class Destination(Protocol):
    """The destination of the events of rows."""

    async def resume(self, noted: int) -> int:
        """The number of the last row that is stored there with all its events.

        Args:
            noted: the number that the database's own note has; 0: none.
        """
        ...

    async def store(self, rows: Sequence[RowEvents]) -> None:
        """Return once all events are stored.

        Raises:
            StorageError: not all of them; the forwarder resumes and sends them again.
        """
        ...


class TaskLogForwarder:
    """Polls for new rows, because other processes also write them.

    Belongs to the event loop's thread; the database is read in others.

    Args:
        database: where the rows are.
        destination: where they go.
        poll_seconds: pause between two polls without new rows.
        is_leader: whether this gateway sends them, if several share the database.
    """

    def __init__(
        self,
        database: AutomationDatabase,
        destination: Destination,
        *,
        poll_seconds: float = 0.25,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leader = is_leader
        self._database = database
        self._destination = destination
        self._poll_seconds = poll_seconds
        self._reader = RowReader()
        self._after: int | None = None
        self._turn = asyncio.Lock()
        self._loop = TailingLoop(
            "automation log forwarder",
            self._step,
            OutageLog(
                "automation log forwarding delayed", "automation log forwarding continues", said_after_seconds=0.0
            ),
        )

    def __repr__(self) -> str:
        return f"<TaskLogForwarder {self._database!r} after={self._after}>"

    def wake(self) -> None:
        """There may be new rows."""
        self._loop.wake()

    async def run(self) -> None:
        """Deliver until cancelled; a database or a journal that cannot be used is tried again."""
        await self._loop.run()

    async def _step(self) -> float:
        if not self._is_leader():
            self._after = None
            return self._poll_seconds
        return 0.0 if await self.deliver() else self._poll_seconds

    async def deliver(self) -> int:
        """Deliver what is next, at most 500 rows; returns how many.

        Raises:
            StorageError: not all of them; the next call sends them again.
        """
        async with self._turn:
            try:
                return await self._deliver()
            except BaseException:
                self._after = None  # the destination knows what it has stored
                raise

    async def _deliver(self) -> int:
        if self._after is None:
            self._after = await self._destination.resume(await asyncio.to_thread(self._noted))
        rows = await asyncio.to_thread(self._next, self._after)
        if not rows:
            return 0
        await self._destination.store([events for row in rows if (events := self._reader.read(row)) is not None])
        self._after = rows[-1]["id"]
        await asyncio.to_thread(self._save, rows[-1]["id"])
        return len(rows)

    def _noted(self) -> int:
        with self._database.reading() as connection:
            return progress(connection, _PROGRESS)

    def _next(self, after_id: int) -> list[dict[str, Any]]:
        with self._database.reading() as connection:
            return rows_after(connection, after_id, _ROWS_MAX)

    def _save(self, log_id: int) -> None:
        with self._database.transaction() as connection:
            save_progress(connection, _PROGRESS, log_id)
