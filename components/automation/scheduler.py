"""Passes tasks through their stages while it holds the lock; wakes for events and due times."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from components.automation.coroutines import CoroutineStage, run_coroutine
from components.automation.json_objects import parse_object
from components.automation.processes import boot_id, end_processes
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
from storage.errors import RecordRefusedError, StorageError

__all__ = ["AnyStage", "Scheduler", "utc_now"]

AnyStage = Stage | CoroutineStage
_log = structlog.get_logger()

_FOLLOW_SECONDS: Final = 0.5
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
        is_leader: whether this gateway bids for the lock, if several share the database.
    """

    def __init__(
        self,
        database: AutomationDatabase,
        stages: Mapping[str, AnyStage],
        tasks_directory: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        expiry_seconds: int = 15,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leader = is_leader
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
        """Work until cancelled; a stage that runs then is ended, and taken up as a retry by anyone who comes next.

        A database that cannot be used is tried again after a third of the lock's expiry.
        """
        while True:
            try:
                await self._bid()
            except* RecordRefusedError as errors:
                _log.error("the scheduler cannot use a row", error=str(errors.exceptions[0]))
                await asyncio.sleep(self._expiry_seconds / 3)
            except* StorageError as errors:
                _log.warning("scheduler delayed by database", error=str(errors.exceptions[0]))
                await asyncio.sleep(self._expiry_seconds / 3)

    async def _bid(self) -> None:
        is_told = False
        while True:
            if not self._is_leader():
                await asyncio.sleep(_FOLLOW_SECONDS)
                continue
            lock = SchedulerLock(self._database, self._now, expiry_seconds=self._expiry_seconds)
            if not await asyncio.to_thread(lock.take):
                if not is_told:
                    is_told = True
                    _log.info("scheduler waiting for lock", seconds=self._expiry_seconds)
                await asyncio.sleep(self._expiry_seconds / 3)
                continue
            self.counters.holds_lock, is_told = True, False
            try:
                await self._hold(lock)
            except* LockLostError:
                _log.warning("scheduler lost its lock")
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
                    await asyncio.to_thread(queue.enqueue_due)
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
                await end_processes(process[1], process[2], grace_seconds=2.0)
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
        """Run an item to its end. An error fails this item only."""
        try:
            result = {} if item.queue_type == "schedule" else await self._run_stage(queue, item)
            due = await asyncio.to_thread(self._next_due, item)
            if await asyncio.to_thread(lambda: queue.complete(item, result, next_run_at=due)):
                self.counters.completed(item.queue_type)
        except (StageFailedError, RecordRefusedError, OSError) as error:
            await self._fail(queue, item, str(error))
        except (LockLostError, StorageError):  # of the database: it concerns all items
            raise
        except Exception as error:  # noqa: BLE001 - logged with its traceback
            _log.exception("a stage could not be run", task_id=item.task_id, stage=item.queue_type)
            await self._fail(queue, item, f"{item.queue_type}: {type(error).__name__}: {error}")

    def _next_due(self, item: QueueItem) -> datetime | None:
        """When the item's schedule is due again, at the beginning and at the end of its run; None: not again."""
        if item.queue_type not in (QUEUE_TYPES[0], QUEUE_TYPES[-1]) or item.schedule_id is None:
            return None
        schedule = self._tasks.schedule(item.schedule_id)
        try:
            return next_due(schedule, self._now()) if schedule and schedule["is_active"] else None
        except ValueError:
            if item.queue_type == QUEUE_TYPES[0]:
                raise
            return None  # what is done is done

    async def _run_stage(self, queue: QueueRepository, item: QueueItem) -> dict[str, Any]:
        stage = self._stages.get(item.queue_type)
        if stage is None:
            raise StageFailedError(f"no command is configured for {item.queue_type}")
        task = await asyncio.to_thread(self._tasks.task, item.task_id)
        if task is None:
            raise StageFailedError("there is no such task")
        settings = parse_object(task["settings"] or "{}")
        if settings is None:
            raise StageFailedError(f"tasks.settings of {item.task_id} is no JSON object")
        settings["title"] = task["title"]
        directory = self._directory / item.task_id
        if directory.parent != self._directory or item.task_id == "..":
            raise StageFailedError(f"tasks.id {item.task_id[:64]!r} is no name of a directory")

        async def write(lines: Sequence[TaskLine]) -> None:
            await asyncio.to_thread(queue.write, lines)

        began = time.monotonic()
        try:
            if isinstance(stage, CoroutineStage):
                return await run_coroutine(stage, item, directory, task, settings, write=write)
            return await run_stage(
                stage,
                item,
                directory,
                settings,
                started=lambda boot, pid, ticks: asyncio.to_thread(queue.started, item, boot, pid, ticks),
                write=write,
            )
        except asyncio.CancelledError:
            with contextlib.suppress(LockLostError, StorageError):  # then its next holder notes it
                await asyncio.to_thread(queue.ended, item)
            raise
        finally:
            self.counters.tried(item.queue_type, began)

    async def _fail(self, queue: QueueRepository, item: QueueItem, error: str) -> bool | None:
        try:
            is_tried_again = await asyncio.to_thread(queue.fail, item, error)
        except RecordRefusedError as refusal:
            _log.error("a failure could not be stored whole", task_id=item.task_id, error=str(refusal))
            await asyncio.to_thread(queue.give_up, item, error)
            is_tried_again = False
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
