"""Searching all tasks that one may read: the newest activity first, in each task the newest line first."""

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from filters.expressions.labels import has_labels
from filters.matching import Matcher
from filters.model import LogFilter
from gateway.auth import Principal
from gateway.history.cursors import RecordCursor
from gateway.history.labels import LabelledMatchers
from gateway.history.limits import HistoryLimits
from gateway.history.reads import Budget, Reads
from storage.journal.history import KnownTask

__all__ = ["Hit", "Progress", "Search", "Totals"]

_TASKS_PER_PAGE: Final = 256
_COUNTED_MAX: Final = 1 << 32
_PROGRESS_SECONDS: Final = 0.5
_STEP_BYTES: Final = 1 << 20
_CONTEXT_BYTES_MAX: Final = 128 << 10
"""Of the lines around one hit, half of it on either side."""

_EVERYTHING: Final = Matcher()


@dataclass(frozen=True, slots=True)
class Hit:
    """A line, as it is stored, and those around it."""

    task_id: str
    sequence: int
    line: bytes
    before: Sequence[bytes] = ()
    after: Sequence[bytes] = ()

    @property
    def size(self) -> int:
        """Bytes of its lines."""
        return len(self.line) + sum(map(len, self.before)) + sum(map(len, self.after))


class Progress(msgspec.Struct, rename="camel", frozen=True):
    """How far a search has got; the event ``progress``."""

    tasks: int
    tasks_total: int
    lines: int
    hits: int


@dataclass(slots=True)
class Totals:
    """Hits and progress of a search. ``following``: the position to continue from; None: it is complete."""

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
    """One search. Iterating it does the work; the work stops with the iteration.

    Args:
        reads: the journal.
        principal: who asks.
        log_filter: what is looked for.
        cursor: where to begin.
        limit: hits.
        context: lines in front of each hit and after it, as far as they have not more than 64 KiB on either side.
        limits: the time, and the bytes of all hits; the last one may go beyond them.

    Attributes:
        totals: so far.
    """

    def __init__(
        self,
        reads: Reads,
        principal: Principal,
        log_filter: LogFilter,
        cursor: RecordCursor,
        *,
        limit: int,
        context: int,
        limits: HistoryLimits,
    ) -> None:
        self.totals = Totals()
        self._reads = reads
        self._principal = principal
        self._filter = log_filter
        self._by_labels = LabelledMatchers(reads, log_filter) if has_labels(log_filter) else None
        self._matcher = Matcher(log_filter) if self._by_labels is None else _EVERYTHING
        self._cursor = cursor
        self._limit = limit
        self._context = context
        self._budget = Budget(limits.seconds_max)
        self._bytes_left = limits.bytes_max
        self._told_at = time.monotonic()

    def __repr__(self) -> str:
        return f"<Search {self._filter!r} {self.totals.hit_count} of {self._limit} hits>"

    async def __aiter__(self) -> AsyncIterator[Hit | Progress]:
        """Hits as they are found, and in between, about every half second, how far it has got."""
        cursor = self._cursor
        if not self._principal.is_limited:
            self.totals.tasks_total = await self._reads.count_tasks(count_max=_COUNTED_MAX)
        # The cursor's own task is searched again if its search was not complete.
        below = cursor.record + 1 if cursor.upto is not None else cursor.record
        while self.totals.following is None:
            page = await self._reads.newest_tasks(below, cursor.snapshot, count_max=_TASKS_PER_PAGE)
            tasks = [task for task in page if self._principal.allows("logs:read", task_id=task.task_id)]
            if self._principal.is_limited:
                self.totals.tasks_total += len(tasks)  # as far as they are known: those of others are not counted
            async for found in self._in_tasks(tasks):
                yield found
            if len(page) < _TASKS_PER_PAGE:
                return
            below = page[-1].record

    async def _in_tasks(self, tasks: Sequence[KnownTask]) -> AsyncIterator[Hit | Progress]:
        if self._by_labels is None:
            async for found in self._in_alike(tasks, self._matcher):
                yield found
            return
        matchers = await self._by_labels.of(tasks) if tasks else []
        for matcher, group in groupby(zip(matchers, tasks, strict=True), key=itemgetter(0)):
            alike = [task for _, task in group]
            if matcher is None and not self._budget.is_spent:
                self.totals.tasks += len(alike)
                continue
            async for found in self._in_alike(alike, matcher or _EVERYTHING):
                yield found
            if self.totals.following is not None:
                return

    async def _in_alike(self, tasks: Sequence[KnownTask], matcher: Matcher) -> AsyncIterator[Hit | Progress]:
        """Hits in tasks in which the same is looked for."""
        totals, cursor = self.totals, self._cursor
        self._matcher = matcher
        while tasks and totals.following is None:
            task = tasks[0]
            upto = cursor.upto if task.record == cursor.record else None
            passed = 0
            if upto is None and not self._budget.is_spent:
                # Most tasks have no match. A step for each of them would cost more than looking into them.
                passed = await self._reads.without_match(tasks, matcher)
            if passed:
                totals.tasks += passed
                totals.lines += sum(each.last + 1 - each.first for each in tasks[:passed])
                if self._is_progress_due():
                    yield self._progress()
            else:
                async for found in self._in_task(task, upto):
                    yield found
                if totals.following is None:
                    totals.tasks += 1
                    passed = 1
            tasks = tasks[passed:]

    def _is_progress_due(self) -> bool:
        return time.monotonic() - self._told_at >= _PROGRESS_SECONDS

    def _progress(self) -> Progress:
        self._told_at = time.monotonic()
        totals = self.totals
        return Progress(totals.tasks, totals.tasks_total, totals.lines, totals.hit_count)

    async def _in_task(self, task: KnownTask, upto: int | None) -> AsyncIterator[Hit | Progress]:
        totals = self.totals
        position = task.last if upto is None else min(upto, task.last)
        while True:
            left = self._limit - totals.hit_count
            if left <= 0 or self._bytes_left <= 0 or self._budget.is_spent:
                totals.following = self._cursor.at(task.record, position)
                return
            step = await self._reads.tail_step(task.task_id, left, position, self._matcher)
            found: Sequence[tuple[int, bytes]] = ()
            reached = step.upto
            if step.left != left or step.is_done:
                found, reached = await self._lines(task, step.upto, position)
            for sequence, line in reversed(found):
                if self._bytes_left <= 0:
                    reached = sequence  # this one is the first of the next page
                    break
                totals.hits[task.task_id] = totals.hits.get(task.task_id, 0) + 1
                yield await self._hit(task, sequence, line)
            totals.lines += max(position - reached, 0)
            position = reached
            if self._is_progress_due():
                yield self._progress()
            if reached == step.upto and step.is_done and (len(found) < left or position < task.first):
                return

    async def _lines(self, task: KnownTask, after: int, upto: int) -> tuple[Sequence[tuple[int, bytes]], int]:
        """The last matching lines of a range that the answer has room for, and the sequence after which they are all.

        There are no more in the range than the hits that are left.
        """
        kept: deque[tuple[int, bytes]] = deque()
        size, reached, position = 0, after, after
        while position < upto:
            found = await self._reads.read(
                task.task_id, position, upto, self._matcher, lines_max=self._limit, bytes_max=_STEP_BYTES
            )
            kept.extend(zip(found.sequences, found.lines, strict=True))
            size += sum(map(len, found.lines))
            position = found.end
            while size > self._bytes_left and len(kept) > 1:
                reached, line = kept.popleft()
                size -= len(line)
        return kept, reached

    async def _hit(self, task: KnownTask, sequence: int, line: bytes) -> Hit:
        before: Sequence[bytes] = ()
        after: Sequence[bytes] = ()
        if self._context:
            # The nearest lines first, so the ones in front are counted from their end.
            room = _CONTEXT_BYTES_MAX // 2
            before = await self._around(task, max(sequence - 1 - self._context, 0), sequence - 1)
            before = tuple(reversed(_fitting(reversed(before), room)))
            after = _fitting(await self._around(task, sequence, sequence + self._context), room)
        hit = Hit(task.task_id, sequence, line, before, after)
        self._bytes_left -= hit.size
        return hit

    async def _around(self, task: KnownTask, after: int, upto: int) -> Sequence[bytes]:
        lines: list[bytes] = []
        while after < upto:
            found = await self._reads.read(
                task.task_id, after, upto, _EVERYTHING, lines_max=self._context, bytes_max=_STEP_BYTES
            )
            lines += found.lines
            if found.end <= after:
                break  # there are no more
            after = found.end
        return lines


def _fitting(lines: Iterable[bytes], bytes_max: int) -> Sequence[bytes]:
    """The first of some lines, as many as there is room for."""
    taken: list[bytes] = []
    for line in lines:
        bytes_max -= len(line)
        if bytes_max < 0:
            break
        taken.append(line)
    return taken
