"""Stages as coroutines of this process, beside commands: the same lines, progress, results and time limit."""

import asyncio
import json
import os
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog

from components.automation.files import TaskFiles
from components.automation.json_objects import parse_object
from components.automation.stages import POSITION, StageFailedError
from components.automation.tables import LockLostError, QueueItem, TaskLine
from components.automation.tables.records import progress_line
from storage.errors import RecordRefusedError, StorageError

__all__ = ["CoroutineStage", "StageEndedError", "StageRun", "run_coroutine"]

_TRACEBACK_LINES_MAX: Final = 40
_log = structlog.get_logger(__name__)


class StageEndedError(Exception):
    """A coroutine that was ended says something nevertheless; it is not stored."""


class StageRun:
    """One run of one stage, as its coroutine sees it.

    Attributes:
        task: the row of ``tasks``.
        settings: the task's settings, with its title as ``title``.
        queue_type: which stage this is.
        attempt: 1 for the first try.
        files: where the task's files are; their directory exists.
        cancelled: set once the run has to end; a thread that the coroutine waits for can look at it. The coroutine
            itself is cancelled.
    """

    def __init__(
        self,
        item: QueueItem,
        task: Mapping[str, Any],
        settings: Mapping[str, Any],
        directory: Path,
        line: TaskLine,
        write: Callable[[Sequence[TaskLine]], Awaitable[None]],
    ) -> None:
        self.task = task
        self.settings = settings
        self.queue_type = item.queue_type
        self.attempt = item.retry_count + 1
        self.files = TaskFiles(directory)
        self.cancelled = threading.Event()
        self._line = line
        self._write = write

    def __repr__(self) -> str:
        return f"<StageRun {self.queue_type} of {self.task_id}, attempt {self.attempt}>"

    @property
    def task_id(self) -> str:
        """The task's id, which is that of its stream and its pipeline, too."""
        return self._line.task_id

    async def log(self, message: str, *, level: str = "INFO", **metadata: Any) -> None:
        """Add to the task's log; each line of ``message`` is one, and they are stored when this returns.

        Args:
            message: what to say.
            level: TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
            metadata: JSON values, shown with the line.

        Raises:
            StageEndedError: the stage was ended before.
        """
        self._check()
        metadata.pop(POSITION, None)
        line = replace(self._line, level=level, metadata=metadata)
        await self._write([replace(line, message=text) for text in message.removesuffix("\n").split("\n")])

    async def progress(self, done: float, total: float = 100, message: str = "") -> None:
        """Say how far the stage is.

        Raises:
            StageEndedError: the stage was ended before.
        """
        self._check()
        given = {"current": done, "total": total, "message": message}
        await self._write([progress_line(replace(self._line, message=message or f"{done}/{total}"), given)])

    def _check(self) -> None:
        if self.cancelled.is_set():
            raise StageEndedError(f"{self.queue_type} of {self.task_id} was ended")


@dataclass(frozen=True, slots=True)
class CoroutineStage:
    """A coroutine function that does a stage's work, and returns its results, or None.

    It shares the event loop with the gateway, so blocking calls belong into ``asyncio.to_thread``. A coroutine that
    does not end ``grace_seconds`` after it was cancelled is abandoned, and its later output is ignored.
    """

    run: Callable[[StageRun], Awaitable[Mapping[str, Any] | None]]
    timeout_seconds: float = 3600.0
    grace_seconds: float = 5.0

    @property
    def name(self) -> str:
        """What ``process_name`` says."""
        function = self.run
        return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}"[-64:]


async def run_coroutine(
    stage: CoroutineStage,
    item: QueueItem,
    directory: Path,
    task: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    write: Callable[[Sequence[TaskLine]], Awaitable[None]],
) -> dict[str, Any]:
    """Run a coroutine to its end and return its results.

    Args:
        stage: what to run.
        item: what it runs for.
        directory: the task's; made if it is missing.
        task: its row of ``tasks``.
        settings: the task's.
        write: stores lines, in order.

    Raises:
        StageFailedError: it raised, its time was up, or what it returned is no JSON object.
        LockLostError, StorageError: its lines could not be stored.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    line = TaskLine(
        item.task_id, "", queue_id=item.id, queue_type=item.queue_type, pid=os.getpid(), process_name=stage.name
    )
    run = StageRun(item, task, settings, directory, line, write)
    work = asyncio.ensure_future(stage.run(run))
    try:
        done, _ = await asyncio.wait({work}, timeout=stage.timeout_seconds)
    finally:
        await asyncio.shield(_ended(work, run, stage.grace_seconds))
    if not done:
        raise StageFailedError(f"{item.queue_type} took longer than {stage.timeout_seconds:g} s")
    if work.cancelled():
        raise StageFailedError(f"{item.queue_type} has cancelled itself")
    error = work.exception()
    if isinstance(error, (LockLostError, StorageError)) and not isinstance(error, RecordRefusedError):
        raise error
    if error is not None:
        told = "".join(traceback.format_exception(error)).splitlines()[-_TRACEBACK_LINES_MAX:]
        stderr = replace(line, level="error", metadata={"source": "stderr"})
        await write([replace(stderr, message=text) for text in told])
        reason = f"{type(error).__name__}: {error}".strip().removesuffix(":")
        raise StageFailedError(f"{item.queue_type} failed with {reason[:500]}") from error
    return _result(item.queue_type, work.result())


async def _ended(work: "asyncio.Future[Any]", run: StageRun, grace_seconds: float) -> None:
    run.cancelled.set()
    if work.cancel():
        await asyncio.wait({work}, timeout=grace_seconds)
    if not work.done():
        _log.error("stage still running after cancellation", task_id=run.task_id, stage=run.queue_type)
        work.add_done_callback(lambda late: late.cancelled() or late.exception())


def _result(queue_type: str, given: object) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        found = parse_object(json.dumps(given))
    except (TypeError, ValueError, RecursionError):
        found = None
    if found is None:
        raise StageFailedError(f"{queue_type} has returned no JSON object: return a dict of JSON values, or nothing")
    found.pop(POSITION, None)
    return found
