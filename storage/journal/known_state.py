"""What the journal's writer knows of tasks, workers and producers, so that it need not be read for each append."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from filters.entry import LogEntry
from storage.journal.interface import TaskEnded

__all__ = ["CACHED_MAX", "WORKERS_MAX", "KnownState", "StateSource", "WrittenTask"]

CACHED_MAX: Final = 4096
"""Tasks, and producers, whose state is kept between transactions; others are read again."""

WORKERS_MAX: Final = 16384
"""Workers whose last status is kept between transactions."""


@dataclass(slots=True)
class WrittenTask:
    """What the writer knows of a task, the transaction under way included."""

    key: int
    task_id: str
    last: int
    ended: TaskEnded | None
    workers: int = 0
    """How many workers were seen. They are counted, not listed: one task may have any number of them."""
    unfinished: int = 0
    """How many of them have not reported a final status."""
    was_ended: bool = False
    """Whether it had ended before this transaction."""
    waiting: list[LogEntry] = field(default_factory=list)
    """Entries of this transaction that have their sequence and are not packed yet."""
    received_at: float | None = None
    added_bytes: int = 0
    """Bytes of payloads that this transaction adds."""
    is_changed: bool = False
    standing_end: TaskEnded | None = None
    """The end that rows of the table came after in this transaction, and that is to stand after them again."""


class StateSource(Protocol):
    """The database, for what is not known yet; the transaction under way is included in what it returns."""

    def number_of(self, producer_id: str) -> int:
        """The highest number of a producer; 0 for an unknown one."""
        ...

    def task(self, task_id: str) -> WrittenTask | None:
        """A task that is stored."""
        ...

    def add_task(self, task_id: str) -> WrittenTask:
        """Make a task; one that was removed goes on where it was."""
        ...

    def add_worker(self, key: int, worker_id: str) -> str | None:
        """Make a worker of a task: None, or the status of one that is stored."""
        ...


class KnownState:
    """Follows the database, the transaction under way included; belongs to the writer's thread.

    Args:
        source: what is on the disk.

    Attributes:
        statuses: the last status of workers, by the task's key and their id.
        touched: the tasks of this transaction.
        counted: the numbers of producers that this transaction has used up.
        stored: the numbers that those had before.
    """

    def __init__(self, source: StateSource) -> None:
        self.statuses: OrderedDict[tuple[int, str], str] = OrderedDict()
        self.touched: dict[str, WrittenTask] = {}
        self.counted: dict[str, int] = {}
        self.stored: dict[str, int] = {}
        self._source = source
        self._tasks: OrderedDict[str, WrittenTask] = OrderedDict()
        self._numbers: OrderedDict[str, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"<KnownState {len(self._tasks)} tasks, {len(self._numbers)} producers, {len(self.statuses)} workers>"

    def begin(self) -> None:
        """Another transaction begins."""
        self.touched = {}
        self.counted = {}
        self.stored = {}

    def trim(self) -> None:
        """Forget what was used longest ago, as much as is more than there may be."""
        caches: tuple[tuple[OrderedDict[Any, Any], int], ...] = (
            (self._tasks, CACHED_MAX),
            (self._numbers, CACHED_MAX),
            (self.statuses, WORKERS_MAX),
        )
        for cache, items_max in caches:
            while len(cache) > items_max:
                cache.popitem(last=False)

    def forget(self) -> None:
        """Read everything anew; not while a transaction is under way."""
        for cache in (self._tasks, self._numbers, self.statuses):
            cache.clear()

    def unknown(self, tasks: Iterable[str], numbers: Mapping[str, int]) -> tuple[list[str], list[str]]:
        """Which tasks and producers have to be read before a transaction: those that are not known.

        A producer that sends ``numbers`` which seem to be stored is looked up, too: others may have forgotten it.
        """
        for producer_id, number in numbers.items():
            if number <= self._numbers.get(producer_id, 0):
                del self._numbers[producer_id]
        return (
            [each for each in tasks if each not in self._tasks],
            [each for each in numbers if each not in self._numbers],
        )

    def forget_behind(self, producer_id: str, previous: int) -> None:
        """Have a producer looked up again that may have stored more elsewhere: what comes before its next number."""
        if self._numbers.get(producer_id, previous) < previous:
            del self._numbers[producer_id]

    def known_task(self, task_id: str) -> WrittenTask | None:
        """A task, if it need not be read."""
        return self.touched.get(task_id) or self._tasks.get(task_id)

    def number_of(self, producer_id: str) -> int:
        """The highest number of a producer on disk or in this transaction."""
        known = self._numbers.get(producer_id)
        if known is None:
            known = self._numbers[producer_id] = self._source.number_of(producer_id)
        return known

    def use_number(self, producer_id: str, number: int) -> None:
        """A producer's number is used up by this transaction."""
        if producer_id not in self.counted:
            self.stored[producer_id] = self._numbers.get(producer_id, 0)
        self._numbers[producer_id] = self.counted[producer_id] = number
        self._numbers.move_to_end(producer_id)

    def see(self, task: WrittenTask, worker_id: str) -> bool:
        """Remember a worker; True if it was not known."""
        worker = (task.key, worker_id)
        if worker in self.statuses:
            self.statuses.move_to_end(worker)
            return False
        status = self._source.add_worker(*worker)
        self.statuses[worker] = status or ""
        if status is None:
            task.workers += 1
            task.unfinished += 1
        return status is None

    def task(self, task_id: str) -> WrittenTask:
        """A task, which is made if there is none."""
        task = self.find(task_id)
        if task is None:
            task = self._tasks[task_id] = self.touched[task_id] = self._source.add_task(task_id)
            task.was_ended = task.ended is not None
        return task

    def find(self, task_id: str) -> WrittenTask | None:
        """A task that is stored or was made in this transaction."""
        task = self.touched.get(task_id)
        if task is not None:
            return task
        task = self._tasks.get(task_id) or self._source.task(task_id)
        if task is not None:
            task.was_ended = task.ended is not None
            self._tasks[task_id] = self.touched[task_id] = task
            self._tasks.move_to_end(task_id)
        return task
