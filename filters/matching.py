"""Applying a filter to entries."""

from collections.abc import Callable, Sequence

from ahocorasick_rs import AhoCorasick

from filters.block import Block, Selection
from filters.entry import LogEntry, level_mask
from filters.model import EVERYTHING, LogFilter

__all__ = ["Matcher"]


class Matcher:
    """A filter made ready to be applied many times.

    Attributes:
        filter: the filter that it applies.
        everything: every entry passes; nothing needs to be decoded.
        level_mask: bits of the levels that pass (all bits where levels are not restricted), to skip whole chunks.
    """

    __slots__ = ("_has_keyword", "_task_ids", "_worker_ids", "everything", "filter", "level_mask")

    def __init__(self, log_filter: LogFilter = EVERYTHING) -> None:
        self.filter = log_filter
        self.everything = log_filter == EVERYTHING
        self.level_mask = level_mask(log_filter.levels) if log_filter.levels else ~0
        self._worker_ids = frozenset(log_filter.worker_ids)
        self._task_ids = frozenset(log_filter.task_ids)
        self._has_keyword = _keyword_search(log_filter.keywords)

    def __repr__(self) -> str:
        return f"<Matcher {self.filter!r}>"

    def may_match(self, levels: int, earliest: str, latest: str) -> bool:
        """Whether a chunk with these level bits and these bounds of time can hold a match at all."""
        wanted = self.filter
        if not levels & self.level_mask:
            return False
        if wanted.start_time and latest < wanted.start_time:
            return False
        return not (wanted.end_time and earliest > wanted.end_time)

    def matches(self, entry: LogEntry) -> bool:
        """Whether one entry passes."""
        return bool(self.select((entry,)))

    def select(self, entries: Sequence[LogEntry]) -> list[int]:
        """The indices of the entries that pass, ascending.

        One pass over what is left for every field that is restricted, the cheapest test first, so that a field which
        is not costs nothing and keywords are looked for in as few messages as possible.
        """
        wanted = self.filter
        left = list(range(len(entries)))
        if wanted.levels:
            levels = wanted.levels
            left = [i for i in left if entries[i].level in levels]
        if wanted.sources:
            sources = wanted.sources
            left = [i for i in left if entries[i].source in sources]
        if self._worker_ids:
            worker_ids = self._worker_ids
            left = [i for i in left if entries[i].worker_id in worker_ids]
        if self._task_ids:
            task_ids = self._task_ids
            left = [i for i in left if entries[i].task_id in task_ids]
        if wanted.start_time:
            start_time = wanted.start_time
            left = [i for i in left if entries[i].timestamp >= start_time]
        if wanted.end_time:
            end_time = wanted.end_time
            left = [i for i in left if entries[i].timestamp <= end_time]
        if wanted.keywords:
            has_keyword = self._has_keyword
            left = [i for i in left if has_keyword(entries[i].message)]
        return left

    def select_block(self, block: Block) -> Selection:
        """What passes of a block."""
        first = block.first
        if self.everything:
            return Selection(first - 1, block.last, range(first, block.last + 1), block.lines, block.received_at)
        indices = self.select(block.entries())
        lines = block.lines
        return Selection(
            first - 1, block.last, [first + i for i in indices], [lines[i] for i in indices], block.received_at
        )


def _keyword_search(keywords: tuple[str, ...]) -> Callable[[str], bool]:
    """A function that says whether one of the case-folded keywords is in a message, whatever its case."""
    if len(keywords) == 1:
        keyword = keywords[0]
        return lambda message: keyword in message.casefold()
    # Measured: a substring search costs 0.1 µs a line, the automaton 0.3 µs however many keywords there are.
    find = AhoCorasick(keywords).find_matches_as_indexes
    return lambda message: bool(find(message.casefold()))
