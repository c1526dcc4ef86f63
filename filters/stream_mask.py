"""Secrets in a worker's stream of lines, also where they go over the ends of lines or have colours within.

The Python client has a generated copy of this module.

The lines of each source are searched as one text without line ends. An end of it that may be the beginning of a secret
is remembered, and its lines are held until more has come or their time is up. What was given out cannot be masked any
more, but what follows can: at worst the beginning of a secret is seen, and never all of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from filters.needles import MASK, Needles

__all__ = ["MaskedLine", "Progress", "StreamMask"]

T = TypeVar("T")

_LINE_END: Final = re.compile(r"[\r\n]+")
_CONTROL: Final = re.compile(
    r"[\r\n]+"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)"  # titles, addresses
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)


class MaskedLine(Generic[T]):
    """A line on its way through a ``StreamMask``.

    Attributes:
        item: whatever it stands for.
        source: its stream within the worker's.
        text: the message; as it came until it is given out, and masked from then on.
        found: how many masks it has, once it was given out.
    """

    __slots__ = ("_spans", "found", "is_out", "item", "source", "text")

    def __init__(self, item: T, source: str, text: str) -> None:
        self.item = item
        self.source = source
        self.text = text
        self.found = 0
        self.is_out = False
        self._spans: list[tuple[int, int, bool]] | None = None

    def __repr__(self) -> str:
        return f"<MaskedLine {self.source} {len(self.text)} characters, out={self.is_out}>"

    def mask(self, start: int, end: int, *, is_first: bool) -> None:
        """Mask a piece of the text, unless it was given out; one that is not the first of its secret just goes."""
        if not self.is_out:
            self._spans = self._spans or []
            self._spans.append((start, end, is_first))

    @property
    def is_masked(self) -> bool:
        """Whether a piece of it is to go."""
        return self._spans is not None

    def give_out(self) -> None:
        """Nothing more changes."""
        self.is_out = True
        if not self._spans:
            return
        text, pieces, done = self.text, [], 0
        for start, end, is_first in _merged(self._spans):
            pieces.append(text[done:start])
            if is_first:
                pieces.append(MASK)
                self.found += 1
            done = end
        self.text = "".join(pieces) + text[done:]
        self._spans = None


class _Segment(NamedTuple):
    """A piece of a line in the searched text: from ``at`` on, ``size`` characters, the line's from ``start`` on."""

    at: int
    size: int
    line: MaskedLine[Any] | None
    start: int


class Progress(NamedTuple):
    """How far a stream was read: of each source, the open ends of its texts, without and with control sequences."""

    ends: dict[str, tuple[str, str | None]]


class _View:
    """The text of one source, without what ``skipped`` matches."""

    __slots__ = ("open", "segments", "skipped")

    def __init__(self, skipped: re.Pattern[str], end: str = "") -> None:
        self.skipped = skipped
        self.open = end
        self.segments = [_Segment(0, len(end), None, 0)] if end else []

    def feed(self, needles: Needles, lines: Sequence[MaskedLine[Any]], joined: str | None) -> None:
        """Read on; ``joined`` is the text of the lines, if they have nothing to skip."""
        # Line ends are skipped in any case, and no other sequence goes over them.
        kept = joined if joined is not None else self.skipped.sub("", "\n".join([line.text for line in lines]))
        whole = self.open + kept
        spans, start = needles.spans(whole), needles.open_start(whole)
        if not spans and start == len(whole):  # nearly always: where the lines are in the text is of no interest
            self.open, self.segments = "", []
            return
        segments = [*self.segments, *(_whole if joined is not None else self._segments)(lines, len(self.open))]
        _apply(spans, segments)
        self.open, self.segments = whole[start:], _behind(segments, start)

    def _segments(self, lines: Sequence[MaskedLine[Any]], at: int) -> Iterator[_Segment]:
        for line in lines:
            for start, end in _kept(self.skipped, line.text):
                yield _Segment(at, end - start, line, start)
                at += end - start

    @property
    def first_held(self) -> MaskedLine[Any] | None:
        """The line with which a secret may have begun."""
        return next((segment.line for segment in self.segments if segment.line and not segment.line.is_out), None)


class StreamMask(Generic[T]):
    """The stream of one worker."""

    __slots__ = ("_needles", "_pending", "_views")

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        self._pending: list[MaskedLine[T]] = []
        self._views: dict[str, tuple[_View, _View | None]] = {}

    def __repr__(self) -> str:
        return f"<StreamMask holds {len(self._pending)} lines>"

    @property
    def oldest_held(self) -> MaskedLine[T] | None:
        """The first of the lines that wait for more."""
        return self._pending[0] if self._pending else None

    def set_needles(self, needles: Needles) -> None:
        """Look for other secrets from here on."""
        self._needles = needles

    def feed(self, lines: Sequence[MaskedLine[T]]) -> list[MaskedLine[T]]:
        """Take lines; those that can be given out, masked, in the order in which they came."""
        sources = {line.source for line in lines}
        for source in sources:
            self._read(source, lines if len(sources) == 1 else [line for line in lines if line.source == source])
        pending = self._pending
        pending += lines
        held = {id(view.first_held) for views in self._views.values() for view in views if view and view.segments}
        count = len(pending)
        if held:
            count = next((index for index, line in enumerate(pending) if id(line) in held), count)
        return self._give_out(count)

    def release(self) -> list[MaskedLine[T]]:
        """What is held, as far as it is masked: nobody waits any longer."""
        return self._give_out(len(self._pending))

    @property
    def progress(self) -> Progress:
        """How far it was read, to continue there with what is sent again."""
        return Progress(
            {
                source: (plain.open, None if shown is None else shown.open)
                for source, (plain, shown) in self._views.items()
            }
        )

    def go_on_at(self, progress: Progress) -> None:
        """Read on where it was then. Nothing may be held."""
        self._views = {
            source: (_View(_LINE_END, plain), None if shown is None else _View(_CONTROL, shown))
            for source, (plain, shown) in progress.ends.items()
        }

    def _give_out(self, count: int) -> list[MaskedLine[T]]:
        out, self._pending = self._pending[:count], self._pending[count:]
        for line in out:
            if line.is_masked:
                line.give_out()
            else:
                line.is_out = True
        return out

    def _read(self, source: str, lines: Sequence[MaskedLine[T]]) -> None:
        plain, shown = self._views.get(source) or (_View(_LINE_END), None)
        joined = "".join([line.text for line in lines])
        has_escapes = "\x1b" in joined or "\x9b" in joined
        has_ends = "\n" in joined or "\r" in joined
        if has_escapes and shown is None:  # up to here both texts are the same
            shown = _View(_CONTROL)
            shown.open, shown.segments = plain.open, list(plain.segments)
        plain.feed(self._needles, lines, None if has_ends else joined)
        if shown is not None:
            shown.feed(self._needles, lines, None if has_ends or has_escapes else joined)
            if shown.open == plain.open and shown.segments == plain.segments:
                shown = None
        self._views[source] = plain, shown


def _whole(lines: Sequence[MaskedLine[Any]], at: int) -> Iterator[_Segment]:
    for line in lines:
        size = len(line.text)
        yield _Segment(at, size, line, 0)
        at += size


def _kept(skipped: re.Pattern[str], text: str) -> Iterable[tuple[int, int]]:
    at = 0
    for found in skipped.finditer(text):
        if found.start() > at:
            yield at, found.start()
        at = found.end()
    if at < len(text):
        yield at, len(text)


def _apply(spans: Sequence[tuple[int, int]], segments: Sequence[_Segment]) -> None:
    index = 0
    for start, end in spans:
        while segments[index].at + segments[index].size <= start:
            index += 1
        line: MaskedLine[Any] | None = None
        for segment in segments[index:]:
            if segment.at >= end:
                break
            begin, until = max(start, segment.at), min(end, segment.at + segment.size)
            if segment.line is not None and begin < until:
                offset = segment.start - segment.at
                segment.line.mask(begin + offset, until + offset, is_first=segment.line is not line)
                line = segment.line


def _behind(segments: Sequence[_Segment], start: int) -> list[_Segment]:
    """The segments of a text from ``start`` on, as those of the text that begins there."""
    kept: list[_Segment] = []
    for segment in reversed(segments):
        if segment.at + segment.size <= start:
            break
        cut = max(0, start - segment.at)
        line = segment.line if segment.line is not None and not segment.line.is_out else None
        kept.append(_Segment(segment.at + cut - start, segment.size - cut, line, segment.start + cut))
    return kept[::-1]


def _merged(spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Spans in order, those that overlap as one."""
    merged: list[tuple[int, int, bool]] = []
    for start, end, is_first in sorted(spans):
        if merged and start < merged[-1][1]:
            before = merged[-1]
            merged[-1] = before[0], max(before[1], end), before[2] or is_first
        else:
            merged.append((start, end, is_first))
    return merged
