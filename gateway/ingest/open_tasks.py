"""Which tasks have streams open, so that the journal learns when the last of them has closed."""

import asyncio
from collections import Counter
from typing import Final

from storage.errors import StorageClosedError, StorageError
from storage.journal.interface import Journal, Receipt, StreamClosed

__all__ = ["RETRY_SECONDS", "OpenTasks", "StreamTasks"]

RETRY_SECONDS: Final = 1.0
_WAITING_MAX: Final = 10_000


class OpenTasks:
    """Counts the open streams of every task, over all producers of this gateway.

    ``StreamClosed`` goes to the journal when the last one has closed: while another worker's stream is open, its lines
    are still to come. If the journal cannot take it now it is sent again later, because a task that was opened by
    late lines would otherwise never end.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._streams: Counter[str] = Counter()
        self._waiting: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<OpenTasks {len(self._streams)} open, {len(self._waiting)} waiting to be closed>"

    def open(self, task_id: str) -> None:
        """A stream has written its first line of the task."""
        self._streams[task_id] += 1
        self._waiting.pop(task_id, None)

    def close(self, task_id: str, *, tell: bool = True) -> None:
        """That stream has ended. ``tell`` is False if its producer is expected to reconnect and continue."""
        self._streams[task_id] -= 1
        if self._streams[task_id] > 0:
            return
        del self._streams[task_id]
        if tell:
            self._tell(task_id)

    def stop(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()

    def _tell(self, task_id: str) -> None:
        def settled(outcome: Receipt | StorageError) -> None:
            is_lost = isinstance(outcome, StorageError) and not isinstance(outcome, StorageClosedError)
            if is_lost and task_id not in self._streams:
                self._tell_later(task_id)

        self._journal.submit(StreamClosed(task_id), settled)

    def _tell_later(self, task_id: str) -> None:
        if len(self._waiting) < _WAITING_MAX:
            self._waiting[task_id] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._tell_again)

    def _tell_again(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for task_id in waiting:
            self._tell(task_id)


class StreamTasks:
    """The tasks that one stream has written, at most ``tasks_max``; beyond that the first counts as closed."""

    __slots__ = ("_open_tasks", "_tasks", "_tasks_max")

    def __init__(self, open_tasks: OpenTasks, tasks_max: int) -> None:
        self._open_tasks = open_tasks
        self._tasks: dict[str, None] = {}
        self._tasks_max = tasks_max

    def __repr__(self) -> str:
        return f"<StreamTasks {len(self._tasks)} tasks>"

    def add(self, task_id: str) -> None:
        """The stream has written a line of the task."""
        if task_id in self._tasks:
            return
        if len(self._tasks) >= self._tasks_max:
            oldest = next(iter(self._tasks))
            del self._tasks[oldest]
            self._open_tasks.close(oldest)
        self._tasks[task_id] = None
        self._open_tasks.open(task_id)

    def close(self, *, tell: bool = True) -> None:
        """The stream is over."""
        tasks, self._tasks = self._tasks, {}
        for task_id in tasks:
            self._open_tasks.close(task_id, tell=tell)
