"""Reading what is stored for requests, in small steps that take turns with those of all others."""

import itertools
import time
from collections.abc import Sequence
from typing import Final, Protocol

from filters.block import Selection
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.journal.history import HistoryReads, KnownTask, LevelCounts, SequenceRange, TaskOverview, WorkerRecord
from storage.journal.interface import TailStep, TaskState

__all__ = ["Budget", "HistoryJournal", "Reads"]

_requests: Final = itertools.count(1)


class HistoryJournal(HistoryReads, Protocol):
    """What the history needs of a journal."""

    @property
    def epoch(self) -> str:
        """Its life."""
        ...

    async def read(
        self,
        task_id: str,
        after: int,
        upto: int,
        matcher: Matcher,
        *,
        lines_max: int,
        bytes_max: int,
        owner: ReadOwner = NOBODY,
    ) -> Selection:
        """See ``Journal``."""
        ...


class Budget:
    """The time that one request may spend on looking for lines."""

    __slots__ = ("_ends_at",)

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def __repr__(self) -> str:
        return f"<Budget {self._ends_at - time.monotonic():.1f} s left>"

    @property
    def is_spent(self) -> bool:
        """Whether the request should come to an end."""
        return time.monotonic() >= self._ends_at


class Reads:
    """The journal's reads for one request, or for all: each is one small step, and the journal shares them out fairly.

    Args:
        journal: what is read.
        owner: whose share of the reads it is.
    """

    def __init__(self, journal: HistoryJournal, owner: ReadOwner = NOBODY) -> None:
        self._journal = journal
        self._owner = owner

    def __repr__(self) -> str:
        return f"<Reads for {self._owner}>"

    def of(self, principal: str) -> "Reads":
        """The same for one request of a principal."""
        return Reads(self._journal, ReadOwner(principal, f"request {next(_requests)}"))

    @property
    def epoch(self) -> str:
        """The journal's life."""
        return self._journal.epoch

    async def settled_record(self) -> int:
        """The id of the newest record of which it is known that none before it is still to come."""
        return await self._journal.settled_record()

    async def task_state(self, task_id: str) -> TaskState:
        """What exists of a task."""
        return await self._journal.task_state(task_id)

    async def read(
        self, task_id: str, after: int, upto: int, matcher: Matcher, *, lines_max: int, bytes_max: int
    ) -> Selection:
        """A step forwards."""
        return await self._journal.read(
            task_id, after, upto, matcher, lines_max=lines_max, bytes_max=bytes_max, owner=self._owner
        )

    async def tail_step(self, task_id: str, count: int, upto: int, matcher: Matcher) -> TailStep:
        """A step backwards."""
        return await self._journal.tail_step(task_id, count, upto, matcher, owner=self._owner)

    async def count_by_level(self, task_id: str, after: int, sequences: SequenceRange, matcher: Matcher) -> LevelCounts:
        """A step of counting."""
        return await self._journal.count_by_level(task_id, after, sequences, matcher, owner=self._owner)

    async def newest_tasks(self, below: int, snapshot: int, *, status: str = "", count_max: int) -> Sequence[KnownTask]:
        """A page of tasks."""
        return await self._journal.newest_tasks(below, snapshot, status=status, count_max=count_max, owner=self._owner)

    async def count_tasks(self, *, status: str = "", count_max: int) -> int:
        """How many tasks have lines."""
        return await self._journal.count_tasks(status=status, count_max=count_max, owner=self._owner)

    async def overviews(self, task_ids: Sequence[str], *, workers_max: int) -> Sequence[TaskOverview]:
        """Some tasks with their workers."""
        return await self._journal.overviews(task_ids, workers_max=workers_max, owner=self._owner)

    async def worker_records(self, task_ids: Sequence[str], *, count_max: int) -> Sequence[Sequence[WorkerRecord]]:
        """What some workers of each of these tasks reported."""
        return await self._journal.worker_records(task_ids, count_max=count_max, owner=self._owner)

    async def without_match(self, tasks: Sequence[KnownTask], matcher: Matcher) -> int:
        """How many of the first tasks have no matching line."""
        return await self._journal.without_match(tasks, matcher, owner=self._owner)
