"""Which tasks got lines lately: a short list in memory, for a page that wants to offer them."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.vitals import timestamp
from storage.journal import Committed

__all__ = ["RecentTask", "RecentTasks"]

_TASKS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class RecentTask:
    """``status`` is ``RUNNING``, ``COMPLETED`` or ``FAILED``; ``updated_at`` is when it last got a line, or ended."""

    task_id: str
    last_sequence: int
    status: str
    updated_at: str


class RecentTasks:
    """The last tasks of this life of the process, the latest first."""

    def __init__(self, tasks_max: int = _TASKS_MAX) -> None:
        self._tasks_max = tasks_max
        self._tasks: OrderedDict[str, RecentTask] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RecentTasks {len(self._tasks)}>"

    def __len__(self) -> int:
        return len(self._tasks)

    def committed(self, committed: Committed) -> None:
        """Take what one commit stored; costs a dictionary operation per task in it."""
        now = timestamp()
        for block in committed.blocks:
            self._put(RecentTask(block.task_id, block.last, "RUNNING", now))
        for ended in committed.ended:
            self._put(RecentTask(ended.task_id, ended.last, ended.status, now))
        for task_id in committed.opened:
            if task_id in self._tasks:
                self._put(replace(self._tasks[task_id], status="RUNNING"))

    def latest(self) -> Sequence[RecentTask]:
        """The tasks, the one with the latest line first."""
        return tuple(reversed(self._tasks.values()))

    def _put(self, task: RecentTask) -> None:
        self._tasks[task.task_id] = task
        self._tasks.move_to_end(task.task_id)
        if len(self._tasks) > self._tasks_max:
            self._tasks.popitem(last=False)
