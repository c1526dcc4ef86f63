"""The page: a selection in the making, with the limits that end it."""

from collections.abc import Sequence
from typing import Final

from filters.block import Selection
from filters.matching import Matcher

__all__ = ["CHUNKS_MAX", "OPENED_BYTES_MAX", "Page"]

CHUNKS_MAX: Final = 1024
OPENED_BYTES_MAX: Final = 2 << 20
"""What one step of a search looks at and opens. A filter that nothing matches then reports how far it got and is asked
again, and other readers have their turn in between: some 10 ms."""


class Page:
    """The matching lines of ``(start, end]``; ``end`` moves on as chunks are added, no further than ``upto``."""

    __slots__ = (
        "_bytes_max",
        "_chunks",
        "_is_cut",
        "_lines",
        "_lines_max",
        "_matcher",
        "_opened",
        "_sequences",
        "_size",
        "end",
        "start",
        "upto",
    )

    def __init__(self, start: int, upto: int, matcher: Matcher, lines_max: int, bytes_max: int) -> None:
        self.start = self.end = start
        self.upto = upto
        self._matcher = matcher
        self._lines_max = max(lines_max, 1)
        self._bytes_max = bytes_max
        self._lines: list[bytes] = []
        self._sequences: list[int] = []
        self._size = 0
        self._opened = 0
        self._chunks = 0
        self._is_cut = False

    def __repr__(self) -> str:
        return f"<Page ({self.start}, {self.end}] of {self.upto}, {len(self._lines)} lines>"

    @property
    def is_full(self) -> bool:
        """Nothing more belongs on this page."""
        return (
            self._is_cut
            or self.end >= self.upto
            or len(self._lines) >= self._lines_max
            or self._size >= self._bytes_max
            or self._opened >= OPENED_BYTES_MAX
            or self._chunks >= CHUNKS_MAX
        )

    def selection(self) -> Selection:
        """What is on the page."""
        sequences = range(self.start + 1, self.end + 1) if self._matcher.everything else self._sequences
        return Selection(self.start, self.end, sequences, self._lines)

    def skip(self, last: int, opened: int = 0) -> None:
        """Pass over a chunk that cannot hold a match; ``opened`` bytes of it were looked at."""
        self._chunks += 1
        self._opened += opened
        self.end = min(last, self.upto)

    def add(self, first: int, size: int, lines: list[bytes]) -> bool:
        """Take what matches of a chunk's lines after ``end``, as much as there is room for.

        Returns:
            Whether lines of this chunk are left for the next page.
        """
        self._chunks += 1
        self._opened += size * self._matcher.weight
        last = min(first + len(lines) - 1, self.upto)
        part = lines[self.end + 1 - first : last + 1 - first]
        if self._matcher.everything:
            taken = self._fitting(part, size)
            self._lines += part[:taken]
            self.end += taken
            return self.end < last
        before = self.end + 1
        indices = self._matcher.select_lines(part)
        taken = self._fitting([part[index] for index in indices], size)
        self._lines += [part[index] for index in indices[:taken]]
        self._sequences += [before + index for index in indices[:taken]]
        self.end = last if taken == len(indices) else before + indices[taken] - 1
        return self.end < last

    def _fitting(self, lines: Sequence[bytes], size: int) -> int:
        """How many of these lines fit, one at least on an empty page; ``size`` is more than they have together."""
        room = self._lines_max - len(self._lines)
        if len(lines) <= room and self._size + size <= self._bytes_max:
            self._size += size
            return len(lines)
        for count, line in enumerate(lines[:room]):
            if self._size + len(line) > self._bytes_max and (count or self._lines):
                self._is_cut = True
                return count
            self._size += len(line)
        if len(lines) > room:
            self._is_cut = True
            return room
        return len(lines)
