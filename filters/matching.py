"""Applying a filter to entries."""

from collections.abc import Sequence

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

    __slots__ = ("everything", "filter", "level_mask")

    def __init__(self, log_filter: LogFilter = EVERYTHING) -> None:
        self.filter = log_filter
        self.everything = log_filter == EVERYTHING
        self.level_mask = level_mask(log_filter.levels) if log_filter.levels else ~0

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
        wanted = self.filter
        text = entry.message.casefold()
        return (
            (not wanted.levels or entry.level in wanted.levels)
            and (not wanted.worker_ids or entry.worker_id in wanted.worker_ids)
            and (not wanted.task_ids or entry.task_id in wanted.task_ids)
            and (not wanted.sources or entry.source in wanted.sources)
            and (not wanted.start_time or entry.timestamp >= wanted.start_time)
            and (not wanted.end_time or entry.timestamp <= wanted.end_time)
            and (not wanted.keywords or any(keyword in text for keyword in wanted.keywords))
        )

    def select(self, entries: Sequence[LogEntry]) -> list[int]:
        """The indices of the entries that pass, ascending."""
        return [index for index, entry in enumerate(entries) if self.matches(entry)]

    def select_block(self, block: Block) -> Selection:
        """What passes of a block."""
        if self.everything:
            return Selection(
                block.first - 1, block.last, range(block.first, block.last + 1), block.lines, block.received_at
            )
        indices = self.select(block.entries())
        lines = block.lines
        first = block.first
        return Selection(
            first - 1, block.last, [first + i for i in indices], [lines[i] for i in indices], block.received_at
        )
