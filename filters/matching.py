"""Applying a filter to entries."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from typing import Any, Final

from filters.block import Block, Selection
from filters.byte_search import ByteSearch
from filters.entry import LogEntry, decode_lines, level_mask
from filters.expressions.compiled import Batch, cost_of, levels_of, literals, most_selective, test_of
from filters.expressions.parser import parse
from filters.keyword_search import keyword_search
from filters.model import EVERYTHING, LogFilter
from filters.summary_search import SummarySearch

__all__ = ["Matcher"]

_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f]')
"""What JSON does not write as it is."""

_INSTRUCTIONS: Final = 16
"""Of a regular expression, whose worst case is 7.5 ns for each and byte, for one more in the weight."""


class Matcher:
    """A filter made ready to be applied many times.

    Attributes:
        filter: the filter that it applies; without labels, which are of tasks.
        everything: every entry passes; nothing needs to be decoded.
        level_mask: bits of the levels that pass (all bits where levels are not restricted), to skip whole chunks.
        weight: how much more than 1 a byte may cost where there are regular expressions, in some 0.1 µs.
    """

    __slots__ = (
        *("_expression", "_have_keyword", "_needs_folded", "_search", "_summary_search", "_task_ids", "_worker_ids"),
        *("everything", "filter", "level_mask", "weight"),
    )

    def __init__(self, log_filter: LogFilter = EVERYTHING) -> None:
        self.filter = log_filter
        self.everything = log_filter == EVERYTHING
        self.level_mask = level_mask(log_filter.levels) if log_filter.levels else ~0
        self._worker_ids = frozenset(log_filter.worker_ids)
        self._task_ids = frozenset(log_filter.task_ids)
        self._have_keyword = keyword_search(log_filter.keywords)
        node = parse(log_filter.expression, is_canonical=True)
        self._expression = None if node is None else test_of(node)
        self._needs_folded = bool(log_filter.keywords) or node is not None
        self.weight = 1 if node is None else 1 + -(-cost_of(node) // _INSTRUCTIONS)
        needed = log_filter.keywords
        if node is not None:
            self.level_mask &= levels_of(node)
            needed = most_selective([needed, literals(node)])
        needles = [max(_ESCAPED.split(text), key=len) for text in needed]
        self._search = ByteSearch(needles) if needles and all(needles) else None
        self._summary_search = SummarySearch(needles) if self._search is not None else None

    def __repr__(self) -> str:
        return f"<Matcher {self.filter!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.filter,)

    def may_match(self, levels: int, earliest: str, latest: str) -> bool:
        """Whether a chunk with these level bits and these bounds of time can hold a match at all."""
        wanted = self.filter
        if not levels & self.level_mask:
            return False
        if wanted.start_time and latest < wanted.start_time:
            return False
        return not (wanted.end_time and earliest > wanted.end_time)

    @property
    def reads_summaries(self) -> bool:
        """Whether a summary of text can show that nothing in it matches."""
        return self._summary_search is not None

    def may_match_summary(self, summary: bytes) -> bool:
        """Whether encoded entries with this summary can hold a match at all; see ``filters.text_summary``."""
        return self._summary_search is None or self._summary_search.may_be_in(summary)

    def may_match_text(self, text: bytes) -> bool:
        """Whether encoded entries, one a line, can hold a match at all; quick where they cannot."""
        return self._search is None or self._search.is_in(text)

    def matches(self, entry: LogEntry) -> bool:
        """Whether one entry passes."""
        return bool(self.select((entry,)))

    def select(self, entries: Sequence[LogEntry], folded: Sequence[str] | None = None) -> list[int]:
        """The indices of the entries that pass, ascending.

        One pass over what is left for every field that is restricted, the cheapest test first, so that a field which
        is not costs nothing and texts are looked for in as few messages as possible.

        Args:
            entries: what to choose from.
            folded: their messages, case-folded, where they are there already.
        """
        left = self._by_fields(entries)
        if not left or not self._needs_folded:
            return left
        batch = Batch(entries, folded)
        if self.filter.keywords:
            left = list(compress(left, self._have_keyword(batch.folded(left))))
        if self._expression is not None and left:
            left = self._expression(batch, left)
        return left

    def _by_fields(self, entries: Sequence[LogEntry]) -> list[int]:
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
        return left

    def select_lines(self, lines: Sequence[bytes]) -> list[int]:
        """The indices of the encoded entries that pass, ascending.

        Texts that JSON writes as they are can only be in messages of lines that have them: the others need not be
        decoded, which is most of the work.
        """
        search = self._search
        if search is None:
            return self.select(decode_lines(lines))
        candidates = search.candidates(lines)
        if not candidates:
            return []
        entries = decode_lines([lines[index] for index in candidates])
        return [candidates[index] for index in self.select(entries)]

    def select_block(self, block: Block) -> Selection:
        """What passes of a block."""
        first = block.first
        if self.everything:
            return Selection(first - 1, block.last, range(first, block.last + 1), block.lines, block.received_at)
        indices = self.select(block.entries(), block.folded() if self._needs_folded else None)
        lines = block.lines
        return Selection(
            first - 1, block.last, [first + i for i in indices], [lines[i] for i in indices], block.received_at
        )


@lru_cache(256)
def _made(log_filter: LogFilter) -> Matcher:
    """A matcher that comes from another process, which sends the same for each step of a scan."""
    return Matcher(log_filter)
