"""Pages of a task's entries, in both directions."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from filters.block import Selection
from filters.entry import LogEntry
from filters.matching import Matcher
from filters.position import Position
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import Status
from gateway.history.reads import Budget, Reads
from storage.journal.interface import TaskState

__all__ = ["LogPage", "Page", "Pages", "StoredGap", "gap_before", "log_page", "status_of"]


class StoredGap(msgspec.Struct, rename={"first": "from", "last": "to"}, frozen=True):
    """Lines that no longer exist."""

    first: int
    last: int
    reason: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["retention", "damaged"]})]


class LogPage(msgspec.Struct, rename="camel", kw_only=True):
    """Stored entries of one task, in ascending order."""

    task_id: str
    epoch: str
    status: Status
    first_sequence: Annotated[int, msgspec.Meta(description="Of what is stored; above 1: retention took the rest.")]
    last_sequence: int
    entries: list[LogEntry]
    previous: Annotated[str | None, msgspec.Meta(description="`before` of the page in front; null: there is none.")]
    next: Annotated[
        str,
        msgspec.Meta(
            description="`after` of the page behind, also of one that is still to come.", examples=["5f0c2a91-1042"]
        ),
    ]
    has_previous: Annotated[bool, msgspec.Meta(description="Whether matching lines are, or may be, in front.")]
    has_next: Annotated[bool, msgspec.Meta(description="Whether matching lines are, or may be, behind.")]
    gaps: list[StoredGap]
    is_restart: Annotated[bool, msgspec.Meta(description="The position was of another life: this begins anew.")]


@dataclass(frozen=True, slots=True)
class Page:
    """The matching lines of ``(start, end]``; lines in front of it continue at ``start``, lines after it at ``end``."""

    start: int
    end: int
    lines: Sequence[bytes] = ()
    gaps: Sequence[StoredGap] = ()
    has_previous: bool = False
    has_next: bool = False


def gap_before(selection: Selection, after: int) -> StoredGap | None:
    """What is missing between ``after`` and a selection that was read from there."""
    if selection.start <= after:
        return None
    return StoredGap(after + 1, selection.start, "damaged" if selection.is_damaged else "retention")


def status_of(state: TaskState) -> str:
    """``RUNNING``, ``COMPLETED`` or ``FAILED``."""
    return state.ended.status if state.ended is not None else "RUNNING"


def log_page(epoch: str, state: TaskState, page: Page, *, is_restart: bool = False) -> LogPage:
    """The page without its entries."""
    return LogPage(
        task_id=state.task_id,
        epoch=epoch,
        status=status_of(state),
        first_sequence=state.first,
        last_sequence=state.last,
        entries=[],
        previous=str(Position(page.start + 1, epoch)) if page.start >= state.first else None,
        next=str(Position(page.end, epoch)),
        has_previous=page.has_previous,
        has_next=page.has_next,
        gaps=list(page.gaps),
        is_restart=is_restart,
    )


class Pages:
    """Reads pages.

    If a filter matches few lines, a page ends at its time limit and reports that there may be more.
    """

    def __init__(self, reads: Reads, limits: HistoryLimits) -> None:
        self._reads = reads
        self._limits = limits

    async def after(self, state: TaskState, after: int, limit: int, matcher: Matcher) -> Page:
        """The first ``limit`` matching lines after a sequence."""
        budget = Budget(self._limits.seconds_max)
        position = after
        sequences: list[int] = []
        lines: list[bytes] = []
        gaps: list[StoredGap] = []
        left = self._limits.bytes_max
        while position < state.last and len(lines) <= limit and left > 0 and not budget.is_spent:
            found = await self._reads.read(
                state.task_id, position, state.last, matcher, lines_max=limit + 1 - len(lines), bytes_max=left
            )
            if (gap := gap_before(found, position)) is not None:
                gaps.append(gap)
            sequences += found.sequences
            lines += found.lines
            left -= sum(map(len, found.lines))
            position = found.end
        if len(lines) > limit:  # the extra one shows that there are more
            position = sequences.pop() - 1
            lines.pop()
        has_previous = await self._is_any_before(state, after, matcher)
        return Page(after, position, lines, gaps, has_previous, position < state.last)

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
        gaps: list[StoredGap] = []
        position = start
        while position < upto:
            found = await self._reads.read(
                state.task_id, position, upto, matcher, lines_max=limit + 1, bytes_max=self._limits.bytes_max
            )
            if (gap := gap_before(found, position)) is not None:
                gaps.append(gap)
            kept.extend(zip(found.sequences, found.lines, strict=True))
            size += sum(map(len, found.lines))
            position = found.end
            while len(kept) > limit or (size > self._limits.bytes_max and len(kept) > 1):
                start, line = kept.popleft()
                size -= len(line)
        has_next = await self._is_any_behind(state, upto, matcher)
        gaps = [gap for gap in gaps if gap.last > start]
        return Page(start, upto, [line for _, line in kept], gaps, start >= state.first, has_next)

    async def _is_any_before(self, state: TaskState, upto: int, matcher: Matcher) -> bool:
        """Whether there are matching lines, also if that takes more than one step."""
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
