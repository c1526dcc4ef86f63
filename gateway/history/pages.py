"""Pages of a task's entries, in both directions."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from filters.block import Selection
from filters.matching import Matcher
from gateway.history.limits import HistoryLimits
from gateway.history.reads import Budget, Reads
from storage.journal.interface import TaskState

__all__ = ["Hole", "Page", "Pages", "hole_before"]


@dataclass(frozen=True, slots=True)
class Hole:
    """Lines that no longer exist; ``reason`` is ``retention`` or ``damaged``."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """The matching lines of ``(start, end]``; lines in front of it go on at ``start``, lines behind it at ``end``."""

    start: int
    end: int
    lines: Sequence[bytes] = ()
    holes: Sequence[Hole] = ()
    has_previous: bool = False
    has_next: bool = False


def hole_before(selection: Selection, after: int) -> Hole | None:
    """What is missing between ``after`` and a selection that was read from there."""
    if selection.start <= after:
        return None
    return Hole(after + 1, selection.start, "damaged" if selection.is_damaged else "retention")


class Pages:
    """Reads pages.

    Where a filter finds little, a page ends when its time is over, and says that there may be more.
    """

    def __init__(self, reads: Reads, limits: HistoryLimits) -> None:
        self._reads = reads
        self._limits = limits

    async def after(self, state: TaskState, after: int, limit: int, matcher: Matcher) -> Page:
        """The first ``limit`` matching lines behind a sequence."""
        budget = Budget(self._limits.seconds_max)
        position = after
        sequences: list[int] = []
        lines: list[bytes] = []
        holes: list[Hole] = []
        left = self._limits.bytes_max
        while position < state.last and len(lines) <= limit and left > 0 and not budget.is_spent:
            found = await self._reads.read(
                state.task_id, position, state.last, matcher, lines_max=limit + 1 - len(lines), bytes_max=left
            )
            if (hole := hole_before(found, position)) is not None:
                holes.append(hole)
            sequences += found.sequences
            lines += found.lines
            left -= sum(map(len, found.lines))
            position = found.end
        if len(lines) > limit:  # the one too many tells that there is more
            position = sequences.pop() - 1
            lines.pop()
        has_previous = await self._is_any_before(state, after, matcher)
        return Page(after, position, lines, holes, has_previous, position < state.last)

    async def before(self, state: TaskState, upto: int, limit: int, matcher: Matcher) -> Page:
        """The last ``limit`` matching lines up to a sequence, in ascending order."""
        budget = Budget(self._limits.seconds_max)
        start, left = upto, limit + 1
        while True:
            step = await self._reads.tail_step(state.task_id, left, start, matcher)
            start, left = step.upto, step.left
            if step.is_done or budget.is_spent:
                break
        kept: deque[tuple[int, bytes]] = deque()
        size = 0
        holes: list[Hole] = []
        position = start
        while position < upto:
            found = await self._reads.read(
                state.task_id, position, upto, matcher, lines_max=limit + 1, bytes_max=self._limits.bytes_max
            )
            if (hole := hole_before(found, position)) is not None:
                holes.append(hole)
            kept.extend(zip(found.sequences, found.lines, strict=True))
            size += sum(map(len, found.lines))
            position = found.end
            while len(kept) > limit or (size > self._limits.bytes_max and len(kept) > 1):
                start, line = kept.popleft()
                size -= len(line)
        has_next = await self._is_any_behind(state, upto, matcher)
        holes = [hole for hole in holes if hole.last > start]
        return Page(start, upto, [line for _, line in kept], holes, start >= state.first, has_next)

    async def _is_any_before(self, state: TaskState, upto: int, matcher: Matcher) -> bool:
        """Whether there are matching lines; also where one step does not tell."""
        upto = min(upto, state.last)
        if upto < state.first or matcher.everything:
            return upto >= state.first
        step = await self._reads.tail_step(state.task_id, 1, upto, matcher)
        if not step.is_done:
            return True
        return bool((await self._reads.read(state.task_id, step.upto, upto, matcher, lines_max=1, bytes_max=1)).lines)

    async def _is_any_behind(self, state: TaskState, after: int, matcher: Matcher) -> bool:
        if after >= state.last or matcher.everything:
            return after < state.last
        found = await self._reads.read(state.task_id, after, state.last, matcher, lines_max=1, bytes_max=1)
        return bool(found.lines) or found.end < state.last
