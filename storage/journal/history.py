"""What the history reads of a journal beside its lines: counts and an overview of tasks, in steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.journal.interface import TailStep, TaskState

__all__ = ["HistoryReads", "KnownTask", "LevelCounts", "SequenceRange", "TaskOverview", "WorkerRecord"]


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A task that has lines. ``record`` is the id of its newest chunk up to a given one, ``last`` the end of that."""

    task_id: str
    first: int
    last: int
    status: str
    bytes: int
    record: int


@dataclass(frozen=True, slots=True)
class TaskOverview:
    """What exists of a task, some of its workers by name, and how many there are."""

    state: TaskState
    workers: Sequence[str]
    worker_count: int


@dataclass(frozen=True, slots=True)
class SequenceRange:
    """Sequences ``first..last`` of a task, cut into buckets of ``width``; the last one may be shorter."""

    first: int
    last: int
    width: int

    def bucket(self, sequence: int) -> int:
        """The number of the bucket that a sequence is in, from 0."""
        return (sequence - self.first) // self.width

    def bounds(self, bucket: int) -> tuple[int, int]:
        """The first and the last sequence of a bucket."""
        start = self.first + bucket * self.width
        return start, min(start + self.width - 1, self.last)


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """Matching lines up to ``end`` by bucket and level, and when the first and last lines of buckets were written."""

    end: int
    counts: Mapping[int, Mapping[str, int]]
    starts: Mapping[int, str]
    ends: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker's last report. ``metadata`` is the last that it said of itself, in a report or when it registered."""

    worker_id: str
    status: str
    reason: str
    metadata: Mapping[str, Any] | None


class HistoryReads(Protocol):
    """A journal's own methods for it; each is one small step."""

    async def settled_record(self) -> int:
        """The id of the newest record; whatever is stored later comes after it."""
        ...

    async def task_state(self, task_id: str) -> TaskState:
        """See ``Journal``."""
        ...

    async def tail_step(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> TailStep:
        """A step of ``Journal.tail_start``."""
        ...

    async def count_by_level(
        self, task_id: str, after: int, sequences: SequenceRange, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> LevelCounts:
        """Count matching lines after ``after``, as far as a step goes."""
        ...

    async def newest_tasks(
        self, below: int, snapshot: int, *, status: str = "", count_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[KnownTask]:
        """Tasks in the order of their newest chunks, the newest first, as it was when ``snapshot`` was the last record.

        What was stored later changes nothing in it, unless retention has taken a task's lines. It takes as long as the
        tasks that it returns and those that were written to since.

        Args:
            below: only tasks whose chunk is below this record.
            snapshot: a record.
            status: ``RUNNING``, ``COMPLETED`` or ``FAILED``, as it is now; empty: any.
            count_max: tasks; fewer are the last ones.
            owner: who reads.
        """
        ...

    async def count_tasks(self, *, status: str = "", count_max: int, owner: ReadOwner = NOBODY) -> int:
        """How many tasks have lines; ``count_max``: so many or more."""
        ...

    async def overviews(
        self, task_ids: Sequence[str], *, workers_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[TaskOverview]:
        """Some tasks with up to ``workers_max`` workers each, in one step."""
        ...

    async def worker_records(
        self, task_ids: Sequence[str], *, count_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[Sequence[WorkerRecord]]:
        """What some workers of each of these tasks reported, in one step; those that failed come first."""
        ...

    async def without_match(self, tasks: Sequence[KnownTask], matcher: Matcher, *, owner: ReadOwner = NOBODY) -> int:
        """How many of the first tasks certainly have no matching line, as far as one step goes."""
        ...
