"""Walking over a task's chunks, forwards and backwards; summaries show which of them need not be looked at."""

from collections.abc import Iterator
from typing import Final

from filters.matching import Matcher
from storage.journal.queries import Bounds, Queries, Span

__all__ = ["SPANS_PER_QUERY", "chunks_after", "chunks_before"]

_CHUNKS_FIRST: Final = 4  # most readers want little, and are close to the end
_CHUNKS_PER_QUERY: Final = 128
_SPANS_FIRST: Final = 2
SPANS_PER_QUERY: Final = 16


def chunks_after(queries: Queries, key: int, sequence: int, matcher: Matcher | None = None) -> Iterator[Bounds]:
    """The chunks that end after a sequence, in order.

    Chunks whose summary shows that ``matcher`` finds nothing in them are one, of no level, so that it is passed over.
    """
    spans = _spans_after(queries, key, sequence, matcher)
    span = next(spans, None)
    rows_max = _CHUNKS_FIRST
    while True:
        while span is not None and span.last <= sequence:
            span = next(spans, None)
        border: int | None = None
        if span is not None:
            is_inside = span.first <= sequence + 1
            if is_inside and matcher is not None and not matcher.may_match_summary(span.summary):
                yield _passed(sequence + 1, span.last)
                sequence = span.last
                continue
            border = span.last if is_inside else span.first - 1
        rows = queries.bounds_after(key, sequence, rows_max)
        for row in rows:
            yield row
            sequence = row.last
            if border is not None and sequence >= border:
                break
        else:
            if len(rows) < rows_max:
                return
        rows_max = _CHUNKS_PER_QUERY


def chunks_before(queries: Queries, key: int, sequence: int, matcher: Matcher | None = None) -> Iterator[Bounds]:
    """The chunks from the one that ``sequence`` is in backwards; see ``chunks_after``."""
    spans = _spans_before(queries, key, sequence, matcher)
    span = next(spans, None)
    is_begun = False
    while True:
        while span is not None and span.first > sequence:
            span = next(spans, None)
        border: int | None = None
        if span is not None:
            is_inside = span.last >= sequence
            if is_inside and matcher is not None and not matcher.may_match_summary(span.summary):
                yield _passed(span.first, sequence)
                sequence, is_begun = span.first - 1, True
                continue
            border = span.first if is_inside else span.last + 1
        if is_begun:
            rows = queries.bounds_before(key, sequence + 1, _CHUNKS_PER_QUERY)
        else:  # it ends at the sequence or after it; all others end before
            rows = queries.bounds_after(key, sequence - 1, 1)
        for row in rows:
            yield row
            sequence = row.first - 1
            if border is not None and row.first <= border:
                break
        else:
            if is_begun and len(rows) < _CHUNKS_PER_QUERY:
                return
        is_begun = True


def _passed(first: int, last: int) -> Bounds:
    """Lines that no filter with words finds anything in."""
    return Bounds(0, first, last, 0, "", "", 0, 0, 0, b"")


def _spans_after(queries: Queries, key: int, sequence: int, matcher: Matcher | None) -> Iterator[Span]:
    if matcher is None or not matcher.reads_summaries:
        return
    rows_max = _SPANS_FIRST
    while rows := queries.spans_after(key, sequence, rows_max):
        yield from rows
        if len(rows) < rows_max:
            return
        sequence, rows_max = rows[-1].last, SPANS_PER_QUERY


def _spans_before(queries: Queries, key: int, sequence: int, matcher: Matcher | None) -> Iterator[Span]:
    if matcher is None or not matcher.reads_summaries:
        return
    yield from queries.spans_after(key, sequence - 1, 1)
    rows_max = _SPANS_FIRST
    while rows := queries.spans_before(key, sequence, rows_max):
        yield from rows
        if len(rows) < rows_max:
            return
        sequence, rows_max = rows[-1].last, SPANS_PER_QUERY
