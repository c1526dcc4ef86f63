"""A subscriber that remembers everything it was given, and compares it with a list of lines."""

import math

from filters.block import Selection
from filters.entry import decode_lines
from filters.model import LogFilter
from filters.position import Position
from sessions.close_reasons import CloseReason
from sessions.notices import Completed, Gap, Notice, StreamError
from sessions.session import Session, SessionState
from sessions.subscription import After, Start, Tail
from sessions.transport import EncodedBatch
from tests.support.line_list import LineList

__all__ = ["LineEncoding", "ModelReader", "PlannedError"]


class PlannedError(Exception):
    """What a test has something raise that must not raise."""


class LineEncoding:
    """Runs as lists of sequences and messages.

    Attributes:
        is_faulty: whether the next run cannot be encoded.
        faults: how many could not.
    """

    name = "lines"

    def __init__(self) -> None:
        self.is_faulty = False
        self.faults = 0

    def encode(self, epoch: str, selection: Selection) -> EncodedBatch:
        if self.is_faulty:
            self.is_faulty = False
            self.faults += 1
            raise PlannedError("this run cannot be encoded")
        entries = decode_lines(selection.lines)
        assert [entry.sequence for entry in entries] == list(selection.sequences)
        assert all(selection.start < entry.sequence <= selection.end for entry in entries)
        data = [(entry.sequence, entry.message) for entry in entries]
        return EncodedBatch(selection.start, selection.end, len(data), data, sum(map(len, selection.lines)))


class ModelReader:
    """A transport, and what must come through it. One for each connection of a client.

    Attributes:
        is_writable: what ``write`` and ``notify`` answer.
        closed: why the session has ended.
        is_faulty: whether its next call raises.
        is_broken: whether one has; its session must have ended, and what it has may be short.
    """

    kind = "test"

    def __init__(self, lines: LineList, task: str, start: Start, *, epoch: str, head: int) -> None:
        self.lines, self.task, self.start = lines, task, start
        self.is_writable = True
        self.closed: CloseReason | None = None
        self.is_faulty = self.is_broken = False
        self.session: Session | None = None
        self.got: list[tuple[int, str]] = []
        self.gaps: list[tuple[int, int]] = []
        self.complete: int | None = None
        self.problem = ""
        """What was wrong with a call; kept for ``check``, since the hub catches what transports raise."""
        self._first: int | None = None
        self._takes = True
        self._spans: list[tuple[int, LogFilter]] = []
        self._head: int | None = head
        self._seen: tuple[object, ...] = ()
        if not isinstance(start, Tail):
            position = start.position if isinstance(start, After) else Position()
            self._first = position.sequence if position.belongs_to(epoch) else 0

    def __repr__(self) -> str:
        return f"<ModelReader {self.session!r} {self.start} from {self._first} gaps={self.gaps} spans={self._spans}>"

    def write(self, run: EncodedBatch) -> bool:
        self._expect(self.closed is None, "written to after its end")
        self._expect(self._takes, "written to while it takes nothing")
        self._fail_where_faulty()
        self._begin(run.start)
        self.got += run.data
        self._takes = self.is_writable
        return self.is_writable

    def notify(self, notice: Notice) -> bool:
        self._expect(self.closed is None, "notified after its end")
        is_last = isinstance(notice.payload, StreamError | Completed)  # which a transport takes in any case
        self._expect(self._takes or is_last, "notified while it takes nothing")
        self._fail_where_faulty()
        if isinstance(notice.payload, Gap):
            first, last = notice.payload.first, notice.payload.last
            self._begin(first - 1)
            self._expect(first <= last, "an empty gap")
            self.gaps.append((first, last))
        elif isinstance(notice.payload, Completed):
            self.complete = notice.payload.last_sequence
        self._takes = self.is_writable
        return self.is_writable

    def end(self, reason: CloseReason) -> None:
        self._expect(self.closed is None, "ended twice")
        self.closed = reason
        self._fail_where_faulty()

    def block(self) -> None:
        """It has no room after what it takes next."""
        self.is_writable = False

    def resume(self) -> None:
        self.is_writable = self._takes = True
        assert self.session is not None
        self.session.resume()

    def change_filter(self, log_filter: LogFilter) -> None:
        session = self.session
        assert session is not None
        if session.is_closed or log_filter == session.filter:
            return
        if session.state is SessionState.STARTING:
            self._head = None  # its tail may have been counted with either filter
        else:
            self._spans.append((session.position, session.filter))
            if self._first is None:
                self._head = None  # lines that the old one counted are passed over with the new one
        session.change_filter(log_filter)

    def be_silent(self) -> None:
        """So much time passes that a heartbeat is due."""
        assert self.session is not None
        if self._takes and not self.session.is_closed:
            self.session.check(math.inf, 0)

    def leave(self) -> None:
        assert self.session is not None
        self.session.close(CloseReason.CLIENT_GONE)

    def next_start(self, forgotten: int, epoch: str) -> Start:
        """Where its client comes back, which had not looked at the last ``forgotten`` lines yet."""
        seen = [sequence for sequence, _ in self.got]
        kept = seen[: max(0, len(seen) - forgotten)]
        gap = max((last for _, last in self.gaps), default=0) if len(kept) == len(seen) else 0
        if not kept and not gap:
            return self.start  # it knows of nothing but its own wish
        return After(Position(max([gap, *kept[-1:]]), epoch))

    def check(self) -> None:
        """Everything so far is what the list says."""
        session = self.session
        assert session is not None
        assert not self.problem, f"{self!r}: {self.problem}"
        assert not self.is_broken or session.is_closed, f"{self!r} is broken and open"
        seen = (len(self.got), len(self.gaps), session.position, session.state, self.complete)
        if seen == self._seen or session.state is SessionState.STARTING:
            return
        self._seen = seen
        removed = self.lines.removed.get(self.task, 0)
        assert all(last <= removed for _, last in self.gaps), "a gap where nothing was removed"
        if self._first is None:
            return
        gone = {n for first, last in self.gaps for n in range(first, last + 1)}
        assert len(gone) == sum(last + 1 - first for first, last in self.gaps), "a gap was announced twice"
        expected, left = list[tuple[int, str]](), self._first
        for position, log_filter in [*self._spans, (session.position, session.filter)]:
            expected += self.lines.grep(self.task, log_filter, left, position)
            left = max(left, position)
        expected = [(n, message) for n, message in expected if n not in gone]
        if self.is_broken:
            expected = expected[: len(self.got)]
        assert self.got == expected, f"{self!r} got {self.got} instead of {expected}"
        if self.complete is not None:
            assert self.complete in self.lines.all_ends[self.task]
            # Beyond the end is only who asked to start there.
            assert session.position == max(self.complete, self._first), "complete, and not at the end"

    def check_finished(self) -> None:
        """Nothing moves any more: an open session has everything, and its task has not ended."""
        session = self.session
        assert session is not None
        last = self.lines.last(self.task)
        if not session.is_closed:
            assert session.position >= last, session
            assert session.state is (SessionState.AHEAD if session.position > last else SessionState.LIVE), session
            ended = self.lines.ended.get(self.task)
            assert ended is None or session.position > last, "an end that nobody was told of"

    def _begin(self, start: int) -> None:
        if self._first is not None:
            return
        self._first = start
        if self._head is None:
            return
        assert isinstance(self.start, Tail)
        assert self.session is not None
        log_filter = self.session.filter
        heads = range(self._head, self.lines.last(self.task) + 1)
        counts = [len(self.lines.grep(self.task, log_filter, start, head)) for head in heads]
        # Where there were fewer, it started at the first line, and nothing matched up to here.
        before = self.lines.grep(self.task, log_filter, self.lines.removed.get(self.task, 0), start)
        is_all = not before and min(counts) <= self.start.count
        self._expect(self.start.count in counts or is_all, f"a tail of another length: {counts} behind {start}")

    def _fail_where_faulty(self) -> None:
        if self.is_faulty:
            self.is_faulty, self.is_broken = False, True
            raise PlannedError("this transport is broken")

    def _expect(self, is_so: bool, otherwise: str) -> None:
        self.problem = self.problem or ("" if is_so else otherwise)
