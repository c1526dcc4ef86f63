"""Labels of tasks, for rules that choose by them; asked for once in some seconds and task."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from filters.labels import labels_of
from storage.journal.history import WorkerRecord

__all__ = ["ReadWorkers", "TaskLabels"]

ReadWorkers = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[WorkerRecord]]]]
"""What the workers of each of these tasks have reported."""

_TASKS_MAX: Final = 10_000
_TASKS_PER_STEP: Final = 256
_FRESH_SECONDS: Final = 5.0
"""Workers may say what they are after their first lines."""


class TaskLabels:
    """Belongs to an event loop.

    Args:
        read: asks the journal.
    """

    def __init__(self, read: ReadWorkers) -> None:
        self._read = read
        self._known: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<TaskLabels of {len(self._known)} tasks>"

    async def of(self, task_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The labels of each task, as ``name`` and as ``name=value``; at most 5 s old."""
        now = time.monotonic()
        wanted = [name for name in task_ids if now - self._known.get(name, (float("-inf"),))[0] > _FRESH_SECONDS]
        for start in range(0, len(wanted), _TASKS_PER_STEP):
            step = wanted[start : start + _TASKS_PER_STEP]
            for task_id, workers in zip(step, await self._read(step), strict=True):
                labels = labels_of(worker.metadata for worker in workers)
                named = frozenset((*labels, *(f"{name}={value}" for name, value in labels.items())))
                self._known[task_id] = (now, named)
                self._known.move_to_end(task_id)
        found = {task_id: self._known[task_id][1] for task_id in task_ids}
        while len(self._known) > _TASKS_MAX:
            self._known.popitem(last=False)
        return found
