"""Passes tasks through their stages while it holds the lock; wakes for events and due times."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from components.automation.coroutines import CoroutineStage, run_coroutine
from components.automation.processes import boot_id, end_group
from components.automation.schedules import next_due
from components.automation.stages import Stage, StageFailedError, run_stage
from components.automation.statistics import QueueCounters
from components.automation.tables import (
    AutomationDatabase,
    LockLostError,
    QueueItem,
    QueueRepository,
    SchedulerLock,
    TaskLine,
    TaskRepository,
)
from components.automation.tables.records import QUEUE_TYPES
from storage.errors import StorageError

__all__ = ["AnyStage", "Scheduler", "utc_now"]

AnyStage = Stage | CoroutineStage
_log = structlog.get_logger()

_TAKEN_UP: Final = "the scheduler that ran this stage died"


def utc_now() -> datetime:
    """The time in UTC, without a time zone, as the tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


class Scheduler:
    """One of perhaps several on a database; those without the lock wait for it.

    Args:
        database: prepared.
        stages: what runs for each queue type except ``schedule``.
        tasks_directory: where each task has its files, under its id.
        now: the time in UTC.
        expiry_seconds: how long the lock outlives a dead holder; renewed, and tasks of other processes noticed, three
            times in it.
    """

    def __init__(
        self,
        database: AutomationDatabase,
        stages: Mapping[str, AnyStage],
        tasks_directory: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        expiry_seconds: int = 15,
    ) -> None:
        self._database = database
        self._stages = stages
        self._directory = tasks_directory
        self._now = now
        self._expiry_seconds = expiry_seconds
        self._tasks = TaskRepository(database, now)
        self._wake = asyncio.Event()
        self.counters = QueueCounters(database)
        self._running: dict[str, tuple[QueueItem, asyncio.Task[None]]] = {}

    def __repr__(self) -> str:
        return f"<Scheduler running={sorted(self._running)}>"

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; a stage that runs then is ended, and taken up as a retry by whoever comes next.

        A database that cannot be used is tried again after a third of the lock's expiry.
        """
        while True:
            try:
                await self._bid()
            except* StorageError as errors:
                _log.warning("the scheduler has to wait for its database", error=str(errors.exceptions[0]))
                await asyncio.sleep(self._expiry_seconds / 3)

    async def _bid(self) -> None:
        is_told = False
        while True:
            lock = SchedulerLock(self._database, self._now, expiry_seconds=self._expiry_seconds)
            if not await asyncio.to_thread(lock.take):
                if not is_told:
                    is_told = True
                    _log.info("another scheduler works, or died: waiting for its lock", seconds=self._expiry_seconds)
                await asyncio.sleep(self._expiry_seconds / 3)
                continue
            self.counters.holds_lock, is_told = True, False
            try:
                await self._hold(lock)
            except* LockLostError:
                _log.warning("the scheduler lost its lock")
            finally:
                self.counters.holds_lock = False
                with contextlib.suppress(StorageError):  # it expires
                    await asyncio.to_thread(lock.release)

    async def _hold(self, lock: SchedulerLock) -> None:
        queue = QueueRepository(lock)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew(lock))
                await self._take_up(queue)
                while True:
                    self._wake.clear()
                    await self._end_stopped(queue)
                    for queue_type in QUEUE_TYPES:
                        await self._begin(queue, queue_type, group)
                    await self._next_event(queue)
        finally:
            self._running.clear()

    async def _renew(self, lock: SchedulerLock) -> None:
        while True:
            await asyncio.sleep(self._expiry_seconds / 3)
            if not await asyncio.to_thread(lock.take):
                raise LockLostError(f"{lock!r} is another's")
            self.wake()

    async def _end_stopped(self, queue: QueueRepository) -> None:
        """End what was stopped; of a command its stop has done so, if that was in a process that runs on.

        Once: a stage that is ended notes it when nothing of it runs, and a second time would keep it from that.
        """
        for item, task in list(self._running.values()):
            if not task.cancelling() and not await asyncio.to_thread(queue.is_processing, item):
                task.cancel()

    async def _take_up(self, queue: QueueRepository) -> None:
        """End what a dead scheduler left running, then count it as a failed try."""
        for item, process in await asyncio.to_thread(queue.orphans):
            if process is not None and process[0] == boot_id():
                await end_group(process[1], process[2], grace_seconds=2.0)
            if await self._fail(queue, item, _TAKEN_UP) is not None:
                self.counters.taken_up(item.queue_type)

    async def _begin(self, queue: QueueRepository, queue_type: str, group: asyncio.TaskGroup) -> None:
        if queue_type in self._running:
            return
        item = await asyncio.to_thread(queue.dequeue, queue_type)
        if item is not None:
            task = group.create_task(self._pass(queue, item))
            self._running[queue_type] = item, task
            task.add_done_callback(lambda _: self._ended(queue_type))

    def _ended(self, queue_type: str) -> None:
        self._running.pop(queue_type, None)
        self.wake()

    async def _pass(self, queue: QueueRepository, item: QueueItem) -> None:
        if item.queue_type == "schedule":
            schedule = await asyncio.to_thread(self._tasks.schedule, item.schedule_id or 0)
            due = next_due(schedule, self._now()) if schedule and schedule["is_active"] else None
            if await asyncio.to_thread(lambda: queue.complete(item, {}, next_run_at=due)):
                self.counters.completed(item.queue_type)
            return
        task = await asyncio.to_thread(self._tasks.task, item.task_id)
        if task is None:
            return
        settings = json.loads(task["settings"] or "{}") | {"title": task["title"]}
        stage = self._stages.get(item.queue_type)
        if stage is None:
            await self._fail(queue, item, f"no command is configured for {item.queue_type}")
            return
        directory = self._directory / item.task_id

        async def write(lines: Sequence[TaskLine]) -> None:
            await asyncio.to_thread(queue.write, lines)

        began = time.monotonic()
        try:
            if isinstance(stage, CoroutineStage):
                result = await run_coroutine(stage, item, directory, task, settings, write=write)
            else:
                result = await run_stage(
                    stage,
                    item,
                    directory,
                    settings,
                    started=lambda boot, pid, ticks: asyncio.to_thread(queue.started, item, boot, pid, ticks),
                    write=write,
                )
        except (StageFailedError, OSError) as error:
            await self._fail(queue, item, str(error))
            return
        except asyncio.CancelledError:
            with contextlib.suppress(LockLostError, StorageError):  # then its next holder notes it
                await asyncio.to_thread(queue.ended, item)
            raise
        finally:
            self.counters.tried(item.queue_type, began)
        if await asyncio.to_thread(queue.complete, item, result):
            self.counters.completed(item.queue_type)

    async def _fail(self, queue: QueueRepository, item: QueueItem, error: str) -> bool | None:
        is_tried_again = await asyncio.to_thread(queue.fail, item, error)
        if is_tried_again is not None:
            self.counters.failed(item.queue_type, is_tried_again=is_tried_again)
        return is_tried_again

    async def _next_event(self, queue: QueueRepository) -> None:
        """Wait for a wake-up or for the next due time."""
        due = await asyncio.to_thread(queue.next_due)
        seconds = None if due is None else max(0.05, (due - self._now()).total_seconds())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
