"""Counting lines by level, from what is stored beside chunks wherever that is enough."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from filters.matching import Matcher
from storage.journal.history import LevelCounts, SequenceRange
from storage.journal.level_counts import unpack_levels
from storage.journal.read_page import CHUNKS_MAX, OPENED_BYTES_MAX

__all__ = ["Counting"]


class _Glimpse(msgspec.Struct, gc=False):
    """The fields of an entry that counting looks at; the others are passed over."""

    level: str
    timestamp: str


_decoder = msgspec.json.Decoder(_Glimpse)


class Counting:
    """A tally in the making."""

    def __init__(self, sequences: SequenceRange, after: int, matcher: Matcher) -> None:
        self.end = max(after, sequences.first - 1)
        self._stretch = sequences
        self._matcher = matcher
        wanted = matcher.filter
        self._is_by_bounds = not (
            wanted.keywords or wanted.sources or wanted.worker_ids or wanted.task_ids or wanted.expression
        )
        self._counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._starts: dict[int, str] = {}
        self._ends: dict[int, str] = {}
        self._chunks = self._opened = 0

    @property
    def is_full(self) -> bool:
        """Whether the step ends here."""
        return self.end >= self._stretch.last or self._chunks >= CHUNKS_MAX or self._opened >= OPENED_BYTES_MAX

    def pass_over(self, last: int) -> None:
        """Continue after lines that cannot be read."""
        self.end = min(last, self._stretch.last)

    def add_unopened(self, first: int, last: int, levels: int, earliest: str, latest: str) -> bool:
        """Count a chunk by what is stored beside it; False where its lines are needed."""
        sequences = self._stretch
        low, high = max(first, self.end + 1), min(last, sequences.last)
        bucket = sequences.bucket(low)
        start, end = sequences.bounds(bucket)
        if low == start or high >= end:
            return False  # the first or the last line of a bucket, which has its time, is in it
        if self._matcher.may_match(levels, earliest, latest):
            counts = self._known(levels, last - first + 1, earliest, latest)
            if counts is None or (low, high) != (first, last):
                return False
            self._counts[bucket].update(counts)
        self._chunks += 1
        self.end = high
        return True

    def add(self, first: int, size: int, lines: Sequence[bytes], levels: int, earliest: str, latest: str) -> None:
        """Count the lines of a chunk."""
        sequences = self._stretch
        low, high = self.end + 1, min(first + len(lines) - 1, sequences.last)
        part = lines[low - first : high + 1 - first]
        buckets = range(sequences.bucket(low), sequences.bucket(high) + 1)
        for bucket in buckets:
            start, end = sequences.bounds(bucket)
            if low <= start:
                self._starts[bucket] = _decoder.decode(part[start - low]).timestamp
            if end <= high:
                self._ends[bucket] = _decoder.decode(part[end - low]).timestamp
        if self._matcher.may_match(levels, earliest, latest):
            known = self._known(levels, len(lines), earliest, latest) if len(part) == len(lines) else None
            if known is not None and len(buckets) == 1:
                self._counts[buckets[0]].update(known)
            else:
                self._count(low, part, buckets, is_every=self._is_every(earliest, latest))
        self._chunks += 1
        self._opened += size * self._matcher.weight
        self.end = high

    def count_by_level(self) -> LevelCounts:
        """What was counted."""
        return LevelCounts(self.end, self._counts, self._starts, self._ends)

    def _count(self, low: int, part: Sequence[bytes], buckets: range, *, is_every: bool) -> None:
        sequences = self._stretch
        if is_every:
            wanted = self._matcher.filter.levels
            levels = [each.level for each in _decoder.decode_lines(b"\n".join(part))]
            for bucket in buckets:
                start, end = sequences.bounds(bucket)
                found = Counter(levels[max(start - low, 0) : end + 1 - low])
                self._counts[bucket].update({name: n for name, n in found.items() if not wanted or name in wanted})
            return
        for index in self._matcher.select_lines(part):
            self._counts[sequences.bucket(low + index)][_decoder.decode(part[index]).level] += 1

    def _is_every(self, earliest: str, latest: str) -> bool:
        """Whether nothing but the level decides about the lines of a chunk."""
        wanted = self._matcher.filter
        is_in_time = (not wanted.start_time or earliest >= wanted.start_time) and (
            not wanted.end_time or latest <= wanted.end_time
        )
        return self._is_by_bounds and is_in_time

    def _known(self, levels: int, lines: int, earliest: str, latest: str) -> Mapping[str, int] | None:
        if not self._is_every(earliest, latest):
            return None
        counts = unpack_levels(levels, lines)
        wanted = self._matcher.filter.levels
        return {name: n for name, n in counts.items() if name in wanted} if counts and wanted else counts
