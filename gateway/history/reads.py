"""Reading what is stored, in small steps that take turns, beside streams that must not wait for it."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

from filters.block import Selection
from filters.matching import Matcher
from storage.journal.history import HistoryReads, KnownTask, LevelCounts, SequenceRange
from storage.journal.interface import TailStep, TaskState

__all__ = ["Budget", "HistoryJournal", "Reads"]

T = TypeVar("T")


class HistoryJournal(HistoryReads, Protocol):
    """What the history needs of a journal."""

    @property
    def epoch(self) -> str:
        """Its life."""
        ...

    async def read(
        self, task_id: str, after: int, upto: int, matcher: Matcher, *, lines_max: int, bytes_max: int
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
    """The journal's reads for all requests, one step at a time.

    A step opens a few MiB at most. Requests take turns step by step, so that a small one does not wait for the end of
    a long one, and of the journal's threads all but one are always free for streams.
    """

    def __init__(self, journal: HistoryJournal) -> None:
        self._journal = journal
        self._turn = asyncio.Semaphore(1)

    def __repr__(self) -> str:
        return f"<Reads {'busy' if self._turn.locked() else 'idle'}>"

    @property
    def epoch(self) -> str:
        """The journal's life."""
        return self._journal.epoch

    async def task_state(self, task_id: str) -> TaskState:
        """What exists of a task."""
        return await self._journal.task_state(task_id)

    async def read(
        self, task_id: str, after: int, upto: int, matcher: Matcher, *, lines_max: int, bytes_max: int
    ) -> Selection:
        """A step forwards."""
        return await self.step(
            self._journal.read(task_id, after, upto, matcher, lines_max=lines_max, bytes_max=bytes_max)
        )

    async def tail_step(self, task_id: str, count: int, upto: int, matcher: Matcher) -> TailStep:
        """A step backwards."""
        return await self.step(self._journal.tail_step(task_id, count, upto, matcher))

    @property
    def newest_record(self) -> int:
        """The id of the newest record."""
        return self._journal.newest_record

    async def count_by_level(self, task_id: str, after: int, sequences: SequenceRange, matcher: Matcher) -> LevelCounts:
        """A step of counting."""
        return await self.step(self._journal.count_by_level(task_id, after, sequences, matcher))

    async def known_tasks(self, after: int, upto_record: int, *, count_max: int) -> Sequence[KnownTask]:
        """A step through all tasks."""
        return await self.step(self._journal.known_tasks(after, upto_record, count_max=count_max))

    async def workers(self, task_id: str, *, count_max: int) -> tuple[Sequence[str], int]:
        """Some workers of a task, and how many there are."""
        return await self.step(self._journal.workers(task_id, count_max=count_max))

    async def step(self, work: Awaitable[T]) -> T:
        """Take a turn; where whoever asked has gone, the turn lasts until the thread is free again."""
        async with self._turn:
            running = asyncio.ensure_future(work)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                await asyncio.wait({running})
                if not running.cancelled():
                    running.exception()  # seen
                raise
