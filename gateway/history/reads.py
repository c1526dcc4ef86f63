"""Reading what is stored for requests, in small steps that take turns with those of all others."""

import itertools
import time
from collections.abc import Sequence
from typing import Final, Protocol

from filters.block import Selection
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.journal.history import HistoryReads, KnownTask, LevelCounts, SequenceRange, WorkerRecord
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

    @property
    def newest_record(self) -> int:
        """The id of the newest record."""
        return self._journal.newest_record

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

    async def known_tasks(self, after: int, upto_record: int, *, count_max: int) -> Sequence[KnownTask]:
        """A step through all tasks."""
        return await self._journal.known_tasks(after, upto_record, count_max=count_max, owner=self._owner)

    async def tasks_at(self, records: Sequence[int]) -> Sequence[KnownTask]:
        """The tasks of some records."""
        return await self._journal.tasks_at(records, owner=self._owner)

    async def workers(self, task_id: str, *, count_max: int) -> tuple[Sequence[str], int]:
        """Some workers of a task, and how many there are."""
        return await self._journal.workers(task_id, count_max=count_max, owner=self._owner)

    async def worker_records(self, task_id: str, *, count_max: int) -> Sequence[WorkerRecord]:
        """What some workers of a task reported."""
        return await self._journal.worker_records(task_id, count_max=count_max, owner=self._owner)
