"""Runs of the same name: a task with what its workers reported, and the last one that was good."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from filters.labels import labels_of
from filters.run_names import run_name
from gateway.auth import Principal
from gateway.history.reads import Budget, Reads
from storage.journal.history import WorkerRecord
from storage.journal.interface import TaskState

__all__ = ["Covers", "Run", "last_good_run", "read_run", "readable_by", "seconds_between"]

Covers = Callable[[str], bool]
"""Whether the reader may read a task."""

_WORKERS_MAX: Final = 200
_TASKS_PER_STEP: Final = 512
_STEPS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Run:
    """A task, and its workers; those that failed come first."""

    state: TaskState
    workers: Sequence[WorkerRecord]

    @property
    def status(self) -> str:
        """``RUNNING``, ``COMPLETED`` or ``FAILED``."""
        return self.state.ended.status if self.state.ended is not None else "RUNNING"

    @property
    def reported(self) -> Mapping[str, Any]:
        """What the worker said of itself that the task failed by; else the first that said what it runs."""
        told = [worker for worker in self.workers if worker.metadata]
        deciding = next((worker for worker in told if worker.status == "FAILED"), told[0] if told else None)
        return (deciding.metadata if deciding is not None else None) or {}

    @property
    def labels(self) -> dict[str, str]:
        """Of all workers."""
        return labels_of([self.reported, *(worker.metadata for worker in self.workers)])

    @property
    def ended_at(self) -> str | None:
        """When it ended, as a worker or the gateway says; None while it runs."""
        return self.reported.get("endedAt") or (self.state.ended.timestamp if self.state.ended is not None else None)


async def read_run(reads: Reads, state: TaskState) -> Run:
    """A task with its workers."""
    (workers,) = await reads.worker_records([state.task_id], count_max=_WORKERS_MAX)
    return Run(state, workers)


async def last_good_run(reads: Reads, run: Run, covers: Covers, budget: Budget) -> Run | None:
    """The newest run of the same name that has ended well, before this one if this one has ended.

    The last 2,048 tasks that ended well are looked at.

    Args:
        reads: the journal.
        run: the run that is to be compared.
        covers: whether the reader may read a task.
        budget: the time.
    """
    name = run_name(run.state.task_id, run.labels)
    snapshot = await reads.settled_record()
    below = snapshot + 1
    for _ in range(_STEPS_MAX):
        if budget.is_spent:
            return None
        step = await reads.newest_tasks(below, snapshot, status="COMPLETED", count_max=_TASKS_PER_STEP)
        ids = [task.task_id for task in step if task.task_id != run.state.task_id and covers(task.task_id)]
        for task_id, workers in zip(ids, await reads.worker_records(ids, count_max=_WORKERS_MAX), strict=True):
            if run_name(task_id, labels_of(worker.metadata for worker in workers)) == name:
                found = Run(await reads.task_state(task_id), workers)
                if _is_before(found.state, run.state):
                    return found
        if len(step) < _TASKS_PER_STEP:
            return None
        below = step[-1].record
    return None


def _is_before(good: TaskState, other: TaskState) -> bool:
    if good.ended is None or good.ended.status != "COMPLETED":
        return False
    return other.ended is None or good.ended.timestamp <= other.ended.timestamp


def readable_by(principal: Principal) -> Covers:
    """The tasks that a principal may read."""
    return lambda task_id: principal.allows("logs:read", task_id=task_id)


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Between two times, to the millisecond; None if one is unknown or they are in the wrong order."""
    try:
        seconds = (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds()
    except (ValueError, TypeError):
        return None
    return round(seconds, 3) if seconds >= 0 else None
