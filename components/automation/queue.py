"""The automation queue as one part of a process: its scheduler, its log forwarder, and what users do to tasks."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from components.automation.journal_destination import JournalDestination
from components.automation.messages import AutomationTaskStopped
from components.automation.scheduler import AnyStage, Scheduler, utc_now
from components.automation.statistics import QueueStatistics
from components.automation.stopping import stop_task
from components.automation.stream_to_task_logs import ReceivedLines
from components.automation.tables import (
    TABS,
    AutomationDatabase,
    TaskDetail,
    TaskOverview,
    TaskPage,
    TaskRepository,
)
from components.automation.task_log_forwarder import TaskLogForwarder
from storage.errors import StorageError
from storage.journal.interface import Journal

__all__ = ["AutomationQueue"]

_ROUNDS_MAX: Final = 20
_log = structlog.get_logger(__name__)


class AutomationQueue:
    """Works from ``start`` until ``close``; all methods belong to the event loop's thread.

    Args:
        database: where the tables are, or will be.
        journal: gets lines, stages and ends; lines of others for tasks of the queue become rows of ``task_logs``.
        stages: what runs for each queue type.
        tasks_directory: where each task has its files.
        message_bytes_max: a longer line is cut.
        is_leader: whether this gateway works on the queue, if several share the database.

    Raises:
        StorageError: by every method that reads or writes, if the database is unavailable.
    """

    def __init__(
        self,
        database: AutomationDatabase,
        journal: Journal,
        stages: Mapping[str, AnyStage],
        tasks_directory: Path,
        *,
        message_bytes_max: int = 64 << 10,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._tasks = TaskRepository(database, utc_now)
        self._overview = TaskOverview(database)
        self._scheduler = Scheduler(database, stages, tasks_directory, is_leader=is_leader)
        self._forwarder = TaskLogForwarder(
            database, JournalDestination(journal, message_bytes_max=message_bytes_max), is_leader=is_leader
        )
        self._received = ReceivedLines(database, journal, is_leader=is_leader)
        self._work: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<AutomationQueue {self._scheduler!r} {self._forwarder!r}>"

    @property
    def statistics(self) -> QueueStatistics:
        """What was done since the start, and what exists to do; may be read in any thread."""
        return self._scheduler.counters.statistics

    @property
    def tabs(self) -> tuple[str, ...]:
        """What ``page`` takes as ``tab``."""
        return TABS

    async def start(self) -> None:
        """Create missing tables, and continue with the stored tasks."""
        await asyncio.to_thread(self._database.prepare)
        self._work = [
            asyncio.create_task(self._lasting(part.run), name=f"automation {name}")
            for name, part in (
                ("scheduler", self._scheduler),
                ("log forwarder", self._forwarder),
                ("received lines", self._received),
                ("counts", self._scheduler.counters),
            )
        ]

    async def close(self) -> None:
        """End the stages that run, which are taken up by the next start, and send their last lines; idempotent."""
        work, self._work = self._work, []
        if not work:
            return
        scheduler, *others = work
        scheduler.cancel()
        await asyncio.gather(scheduler, return_exceptions=True)
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._send_rest()
        if self._database.is_shared:
            await asyncio.to_thread(self._database.close)

    async def create(self, title: str, kind: str, **fields: Any) -> str:
        """Add a task; see ``TaskRepository.create``."""
        task_id = await asyncio.to_thread(lambda: self._tasks.create(title, kind, **fields))
        self._changed()
        return task_id

    async def page(
        self, tab: str | None, limit: int, offset: int, *, may_read: Callable[[str], bool] | None = None
    ) -> TaskPage:
        """The newest tasks of a tab; see ``TaskOverview.page``."""
        return await asyncio.to_thread(lambda: self._overview.page(tab, limit, offset, may_read=may_read))

    async def detail(self, task_id: str) -> TaskDetail | None:
        """One task; see ``TaskOverview.detail``."""
        return await asyncio.to_thread(self._overview.detail, task_id)

    async def logs(self, task_id: str, **filters: Any) -> list[dict[str, Any]]:
        """Rows of ``task_logs``; see ``TaskRepository.logs``."""
        return await asyncio.to_thread(lambda: self._tasks.logs(task_id, **filters))

    async def stop(self, task_id: str) -> AutomationTaskStopped | None:
        """Stop a task and end its processes; None for an unknown one."""
        report = await stop_task(self._tasks, task_id)
        self._changed()
        return report

    async def retry(self, task_id: str) -> tuple[str, int] | None:
        """Put the failed stage that a task ended with in the queue anew: its type and the new item's number."""
        found = await asyncio.to_thread(self._tasks.retry, task_id)
        self._changed()
        return found

    async def delete(self, task_id: str) -> bool:
        """Remove a task, and stop it first if it has not ended. False for an unknown task.

        Its content stays, and so do the lines in its stream.
        """
        detail = await self.detail(task_id)
        if detail is None:
            return False
        if any(item["status"] in ("waiting", "processing") for item in detail.queue):
            await self.stop(task_id)
        await self._send_rest()
        return await asyncio.to_thread(self._tasks.delete, task_id)

    def _changed(self) -> None:
        self._scheduler.wake()
        self._forwarder.wake()

    async def _send_rest(self) -> None:
        with contextlib.suppress(StorageError):
            for _ in range(_ROUNDS_MAX):
                if not await self._forwarder.deliver():
                    break

    async def _lasting(self, run: Callable[[], Any]) -> None:
        """Begin again after a mistake: tasks of others must not wait for ever because of one."""
        while True:
            try:
                await run()
            except Exception:  # noqa: BLE001 - it is logged, with its traceback
                _log.exception("automation scheduler failed")
                await asyncio.sleep(1.0)
            else:
                return  # the journal has been closed
