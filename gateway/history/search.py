"""Searching all tasks that one may read: the newest activity first, in each task the newest line first."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from filters.matching import Matcher
from gateway.auth import Principal
from gateway.history.cursors import RecordCursor
from gateway.history.limits import HistoryLimits
from gateway.history.reads import Budget, Reads
from gateway.history.tasks import Ranking
from storage.journal.history import KnownTask

__all__ = ["Hit", "Progress", "Search", "Totals"]

_TASKS_PER_PAGE: Final = 256
_PROGRESS_SECONDS: Final = 0.5
_STEP_BYTES: Final = 1 << 20
_EVERYTHING: Final = Matcher()


@dataclass(frozen=True, slots=True)
class Hit:
    """A line, as it is stored, and those around it."""

    task_id: str
    sequence: int
    line: bytes
    before: Sequence[bytes] = ()
    after: Sequence[bytes] = ()


class Progress(msgspec.Struct, rename="camel", frozen=True):
    """How far a search has got; the event ``progress``."""

    tasks: int
    tasks_total: int
    lines: int
    hits: int


@dataclass(slots=True)
class Totals:
    """What a search has found and looked at. ``following``: where it goes on; None: it is complete."""

    hits: dict[str, int] = field(default_factory=dict)
    tasks: int = 0
    tasks_total: int = 0
    lines: int = 0
    following: RecordCursor | None = None

    @property
    def hit_count(self) -> int:
        """Hits of all tasks."""
        return sum(self.hits.values())


class Search:
    """One search. Iterating it does the work, and whoever stops iterating stops the work.

    Args:
        reads: the journal.
        principal: whoever asks.
        matcher: what is looked for.
        cursor: where to begin.
        limit: hits.
        context: lines in front of each hit and behind it.
        limits: the time.

    Attributes:
        totals: so far.
    """

    def __init__(
        self,
        reads: Reads,
        principal: Principal,
        matcher: Matcher,
        cursor: RecordCursor,
        *,
        limit: int,
        context: int,
        limits: HistoryLimits,
    ) -> None:
        self.totals = Totals()
        self._reads = reads
        self._principal = principal
        self._matcher = matcher
        self._cursor = cursor
        self._limit = limit
        self._context = context
        self._budget = Budget(limits.seconds_max)
        self._told_at = time.monotonic()

    def __repr__(self) -> str:
        return f"<Search {self._matcher!r} {self.totals.hit_count} of {self._limit} hits>"

    async def __aiter__(self) -> AsyncIterator[Hit | Progress]:
        """Hits as they are found, and in between, about every half second, how far it has got."""
        ranking = Ranking(self._reads)
        cursor = self._cursor
        # The cursor's own task is looked at again where its search has not come to its end.
        below = cursor.record + 1 if cursor.upto is not None else cursor.record
        while True:
            tasks, total = await ranking.newest(self._principal, cursor.snapshot, below=below, limit=_TASKS_PER_PAGE)
            self.totals.tasks_total = total
            for task in tasks:
                upto = cursor.upto if task.record == cursor.record else None
                async for found in self._in_task(task, upto):
                    yield found
                if self.totals.following is not None:
                    return
                self.totals.tasks += 1
            if len(tasks) < _TASKS_PER_PAGE:
                return
            below = tasks[-1].record

    async def _in_task(self, task: KnownTask, upto: int | None) -> AsyncIterator[Hit | Progress]:
        totals = self.totals
        position = task.last if upto is None else min(upto, task.last)
        while True:
            left = self._limit - totals.hit_count
            if left <= 0 or self._budget.is_spent:
                totals.following = self._cursor.at(task.record, position)
                return
            step = await self._reads.tail_step(task.task_id, left, position, self._matcher)
            found = [] if step.left == left and not step.is_done else await self._lines(task, step.upto, position)
            for sequence, line in reversed(found):
                totals.hits[task.task_id] = totals.hits.get(task.task_id, 0) + 1
                yield await self._hit(task, sequence, line)
            totals.lines += max(position - step.upto, 0)
            position = step.upto
            if time.monotonic() - self._told_at >= _PROGRESS_SECONDS:
                self._told_at = time.monotonic()
                yield Progress(totals.tasks, totals.tasks_total, totals.lines, totals.hit_count)
            if step.is_done and (len(found) < left or position < task.first):
                return

    async def _lines(self, task: KnownTask, after: int, upto: int) -> list[tuple[int, bytes]]:
        """The matching lines of a stretch; there are no more than the hits that are left."""
        lines: list[tuple[int, bytes]] = []
        while after < upto:
            found = await self._reads.read(
                task.task_id, after, upto, self._matcher, lines_max=self._limit, bytes_max=_STEP_BYTES
            )
            lines += zip(found.sequences, found.lines, strict=True)
            after = found.end
        return lines

    async def _hit(self, task: KnownTask, sequence: int, line: bytes) -> Hit:
        if not self._context:
            return Hit(task.task_id, sequence, line)
        before = await self._around(task, max(sequence - 1 - self._context, 0), sequence - 1)
        after = await self._around(task, sequence, sequence + self._context)
        return Hit(task.task_id, sequence, line, before, after)

    async def _around(self, task: KnownTask, after: int, upto: int) -> Sequence[bytes]:
        found = await self._reads.read(
            task.task_id, after, upto, _EVERYTHING, lines_max=self._context, bytes_max=_STEP_BYTES
        )
        return found.lines
