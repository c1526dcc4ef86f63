"""Applying a filter to entries."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any, Final

import msgspec
from ahocorasick_rs import AhoCorasick

from filters.block import Block, Selection
from filters.byte_search import ByteSearch
from filters.entry import LogEntry, decode_lines, level_mask
from filters.model import EVERYTHING, LogFilter

__all__ = ["Matcher", "PhraseMatcher", "phrase_matcher"]

_SEPARATE_MAX: Final = 3
"""Keywords that are looked for one after the other. Measured on a case-folded line of a build: 0.08 µs with one,
0.24 µs with three, and 0.31 µs with the automaton however many there are; folding it once costs another 0.06 µs."""

_PIECE_CHARACTERS: Final = 4096
"""The automaton reports every occurrence, not only the first: a long message is searched piece by piece, so that 64 KiB
of one letter make no list of 65,536 occurrences (9 ms)."""

_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f]')
"""What JSON does not write as it is."""


class Matcher:
    """A filter made ready to be applied many times.

    Attributes:
        filter: the filter that it applies.
        everything: every entry passes; nothing needs to be decoded.
        level_mask: bits of the levels that pass (all bits where levels are not restricted), to skip whole chunks.
    """

    __slots__ = ("_have_keyword", "_search", "_task_ids", "_worker_ids", "everything", "filter", "level_mask")

    def __init__(self, log_filter: LogFilter = EVERYTHING) -> None:
        self.filter = log_filter
        self.everything = log_filter == EVERYTHING
        self.level_mask = level_mask(log_filter.levels) if log_filter.levels else ~0
        self._worker_ids = frozenset(log_filter.worker_ids)
        self._task_ids = frozenset(log_filter.task_ids)
        self._have_keyword = _keyword_search(log_filter.keywords)
        is_plain = len(log_filter.keywords) <= _SEPARATE_MAX and not any(map(_ESCAPED.search, log_filter.keywords))
        self._search = ByteSearch(log_filter.keywords) if is_plain and log_filter.keywords else None

    def __repr__(self) -> str:
        return f"<Matcher {self.filter!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self.filter)

    def may_match(self, levels: int, earliest: str, latest: str) -> bool:
        """Whether a chunk with these level bits and these bounds of time can hold a match at all."""
        wanted = self.filter
        if not levels & self.level_mask:
            return False
        if wanted.start_time and latest < wanted.start_time:
            return False
        return not (wanted.end_time and earliest > wanted.end_time)

    def may_match_text(self, text: bytes) -> bool:
        """Whether encoded entries, one a line, can hold a match at all; quick where they cannot."""
        return self._search is None or self._search.is_in(text)

    def matches(self, entry: LogEntry) -> bool:
        """Whether one entry passes."""
        return bool(self.select((entry,)))

    def select(self, entries: Sequence[LogEntry], folded: Sequence[str] | None = None) -> list[int]:
        """The indices of the entries that pass, ascending.

        One pass over what is left for every field that is restricted, the cheapest test first, so that a field which
        is not costs nothing and keywords are looked for in as few messages as possible.

        Args:
            entries: what to choose from.
            folded: their messages, case-folded, where they are there already.
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
            if folded is None:
                left_messages = [entries[i].message.casefold() for i in left]
            else:
                left_messages = [folded[i] for i in left]
            left = list(compress(left, self._have_keyword(left_messages)))
        return left

    def select_lines(self, lines: Sequence[bytes]) -> list[int]:
        """The indices of the encoded entries that pass, ascending.

        Keywords that JSON writes as they are can only be in messages of lines that have them: the others need not be
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
        indices = self.select(block.entries(), block.folded() if self.filter.keywords else None)
        lines = block.lines
        return Selection(
            first - 1, block.last, [first + i for i in indices], [lines[i] for i in indices], block.received_at
        )


class PhraseMatcher(Matcher):
    """A filter, and a case-folded phrase that a message must have beside one of the filter's keywords."""

    __slots__ = ("_phrase",)

    def __init__(self, log_filter: LogFilter, phrase: str) -> None:
        super().__init__(log_filter)
        self.everything = False
        self._phrase = phrase

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self.filter, self._phrase)

    def select(self, entries: Sequence[LogEntry], folded: Sequence[str] | None = None) -> list[int]:
        """The indices of the entries that pass, ascending."""
        phrase = self._phrase
        return [i for i in super().select(entries, folded) if phrase in entries[i].message.casefold()]


@lru_cache(256)
def _made(kind: type[Matcher], *arguments: Any) -> Matcher:
    """A matcher that comes from another process, which sends the same for each step of a scan."""
    return kind(*arguments)


def phrase_matcher(log_filter: LogFilter, phrase: str) -> Matcher:
    """The filter, and the phrase in every message, whatever the case; an empty phrase is in all of them."""
    if not phrase:
        return Matcher(log_filter)
    if log_filter.keywords:
        return PhraseMatcher(log_filter, phrase.casefold())
    return Matcher(msgspec.structs.replace(log_filter, keywords=(phrase.casefold(),)))


def _keyword_search(keywords: tuple[str, ...]) -> Callable[[Sequence[str]], list[bool]]:
    """A function that says of each case-folded message whether one of the case-folded keywords is in it."""
    if len(keywords) == 1:
        keyword = keywords[0]
        return lambda messages: [keyword in message for message in messages]
    if len(keywords) <= _SEPARATE_MAX:

        def has_one(message: str) -> bool:
            for keyword in keywords:  # noqa: SIM110 - any() and its generator cost more than the search
                if keyword in message:
                    return True
            return False

        return lambda messages: [has_one(message) for message in messages]

    find = AhoCorasick(keywords).find_matches_as_indexes
    overlap = max(map(len, keywords)) - 1

    def has_any(message: str) -> bool:
        if len(message) <= _PIECE_CHARACTERS:
            return bool(find(message))
        return any(
            find(message[start : start + _PIECE_CHARACTERS + overlap])
            for start in range(0, len(message), _PIECE_CHARACTERS)
        )

    return lambda messages: [has_any(message) for message in messages]
