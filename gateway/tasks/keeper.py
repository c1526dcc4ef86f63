"""Deletes and pins tasks, and notifies their readers."""

import time
from typing import Final

import structlog

from gateway.auth import TASKS_WRITE, Principal
from gateway.databases import Databases
from gateway.errors import ApiError
from gateway.hubs import Hubs
from sessions.updates import TaskChange
from storage.retention.pins import PINS_MAX, TooManyPinsError

__all__ = ["TaskKeeper"]

_PINNED: Final = "the task is pinned: unpin it first"
_TOO_MANY: Final = f"{PINS_MAX} tasks are pinned already: unpin some first"
_log = structlog.get_logger(__name__)


class TaskKeeper:
    """See the module. Each method raises ``ApiError`` as its route does, and ``StorageError``.

    Args:
        databases: know the tasks and the pins, and remove lines and rows.
        hubs: end the streams of a task that was deleted and forget its lines, and notify UIs.
    """

    def __init__(self, databases: Databases, hubs: Hubs) -> None:
        self._journal = databases.journal
        self._retention = databases.retention
        self._pins = databases.pins
        self._logs = hubs.logs
        self._updates = hubs.updates

    def __repr__(self) -> str:
        return f"<TaskKeeper {self._pins!r}>"

    async def delete(self, principal: Principal, task_id: str) -> int:
        """Remove the lines of a task and their rows. Returns the number of lines. Later sequences continue."""
        await self._check(principal, task_id)
        if await self._pins.among([task_id]):
            raise ApiError("CONFLICT", _PINNED, field="taskId")
        try:
            lines = await self._retention.remove_task(task_id)
        finally:  # also what was removed in part is read anew
            self._logs.drop_task(task_id)
        _log.info("task deleted", task=task_id, lines=lines, by=principal.subject)
        self._updates.publish(TaskChange(type="deleted", task_id=task_id))
        return lines

    async def pin(self, principal: Principal, task_id: str) -> None:
        """Keep a task: neither retention nor ``delete`` removes anything of it."""
        await self._check(principal, task_id)
        try:
            is_new = await self._pins.pin(task_id, by=principal.subject, at=time.time())
        except TooManyPinsError:
            raise ApiError("RESOURCE_EXHAUSTED", _TOO_MANY) from None
        if is_new:
            _log.info("task pinned", task=task_id, by=principal.subject)
            self._updates.publish(TaskChange(type="pinned", task_id=task_id))

    async def unpin(self, principal: Principal, task_id: str) -> None:
        """Leave a task to retention again."""
        await self._check(principal, task_id)
        if await self._pins.unpin(task_id):
            _log.info("task unpinned", task=task_id, by=principal.subject)
            self._updates.publish(TaskChange(type="unpinned", task_id=task_id))

    async def _check(self, principal: Principal, task_id: str) -> None:
        principal.require(TASKS_WRITE, task_id=task_id)
        if (await self._journal.task_state(task_id)).last == 0:
            raise ApiError("NOT_FOUND", "there is no such task", field="taskId")
