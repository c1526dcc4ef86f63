"""Random interleavings of everything that can happen to sessions, against a list and a comprehension."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.sequence_check import SequenceCheck
from filters.model import LogFilter
from filters.position import Position
from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.limits import Limits
from sessions.session_state import SessionState
from sessions.subscription import After, FromStart, Subscription, Tail
from tests.support.scripted_history import (
    EPOCH,
    Commit,
    RecordingTransport,
    ScriptedHistory,
    TextEncoding,
    block,
    settle,
)

ALL = LogFilter()
ERRORS = LogFilter(levels=("ERROR",))
READERS_MAX = 12

operations = st.one_of(
    st.tuples(st.just("commit"), st.integers(1, 12), st.booleans()),
    st.tuples(st.just("commit unseen"), st.integers(1, 4)),
    st.tuples(st.just("flush")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("open"), st.sampled_from(["start", "after", "tail"]), st.integers(0, 30), st.booleans()),
    st.tuples(st.just("block"), st.integers(0, 5)),
    st.tuples(st.just("resume"), st.integers(0, 5)),
    st.tuples(st.just("filter"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("filters between flushes"), st.integers(0, 5), st.lists(st.booleans(), min_size=2, max_size=3)),
    st.tuples(st.just("filter during a read"), st.integers(0, 5), st.lists(st.booleans(), min_size=1, max_size=2)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.tuples(st.just("hold")),
    st.tuples(st.just("release")),
)


class Reader:
    """A session with what it must have received: lines after its start, each by the filter of its moment."""

    def __init__(self, session, transport):
        self.session, self.transport = session, transport
        self.spans: list[tuple[int, LogFilter]] = []  # position at which a filter was left


class World:
    def __init__(self):
        self.history = ScriptedHistory()
        limits = Limits(
            buffer_lines=6, lagging_lines=5, window_bytes_per_task=1200, stored_lines_max=4, run_bytes_max=600
        )
        # Nobody waits for time to pass, and no slice ends.
        self.hub = Hub(self.history, limits, scheduler=CatchUpScheduler(lambda: False, clock=lambda: 0.0))
        self.encoding = TextEncoding()
        self.readers: list[Reader] = []
        self.last = 0

    def commit(self, count, *, publish=True, is_error=False):
        new = block(self.last + 1, self.last + count, level="ERROR" if is_error else "INFO")
        self.last += count
        self.history.store(new)
        if publish:
            self.hub.publish(Commit((new,)))

    def open(self, kind, number, only_errors):
        start = {
            "start": FromStart(),
            "after": After(Position(min(number, self.last), EPOCH)),
            "tail": Tail(number),
        }[kind]
        transport = RecordingTransport()
        chosen = ERRORS if only_errors else ALL
        session = self.hub.open(Subscription("build", self.encoding, chosen, start), transport)
        self.readers.append(Reader(session, transport))

    def reader(self, index):
        return self.readers[index % len(self.readers)] if self.readers else None

    def change_filter(self, reader, log_filter):
        if reader.session.state not in {SessionState.STARTING, SessionState.CLOSED}:
            reader.spans.append((reader.session.position, reader.session.filter))
            reader.session.change_filter(log_filter)

    async def change_filters_between_flushes(self, reader, choices):
        """A channel that another reader holds has been flushed less far than one that is joined only now."""
        if len(self.readers) < READERS_MAX:
            self.open("tail", 0, reader.session.filter == ERRORS)
        await settle()
        self.commit(2, is_error=True)
        for only_errors in choices:
            self.change_filter(reader, ERRORS if only_errors else ALL)

    async def change_filters_during_a_read(self, reader, choices):
        """Between the moment when the journal has worked out an answer and the moment when it arrives."""
        reader.transport.is_writable = False
        for is_error in (True, False, True):  # more than the window has
            self.commit(12, is_error=is_error)
            await self.apply(("flush",))
        self.history.gate.clear()
        reader.transport.is_writable = True
        reader.session.resume()
        await settle()
        for only_errors in choices:
            self.change_filter(reader, ERRORS if only_errors else ALL)
        self.history.gate.set()
        await settle()

    async def apply(self, operation):
        match operation:
            case ("commit", count, is_error):
                self.commit(count, is_error=is_error)
            case ("commit unseen", count):
                self.commit(count, publish=False)
            case ("flush",):
                self.hub.flush()
            case ("settle",):
                await settle()
            case ("open", kind, number, only_errors):
                self.open(kind, number, only_errors)
            case ("block", index) if reader := self.reader(index):
                reader.transport.is_writable = False
            case ("resume", index) if reader := self.reader(index):
                reader.transport.is_writable = True
                reader.session.resume()
            case ("filter", index, only_errors) if reader := self.reader(index):
                self.change_filter(reader, ERRORS if only_errors else ALL)
            case ("filters between flushes", index, choices) if reader := self.reader(index):
                await self.change_filters_between_flushes(reader, choices)
            case ("filter during a read", index, choices) if reader := self.reader(index):
                await self.change_filters_during_a_read(reader, choices)
            case ("close", index) if reader := self.reader(index):
                reader.session.close(CloseReason.CLIENT_GONE)
            case ("hold",):
                self.history.gate.clear()
            case ("release",):
                self.history.gate.set()

    def check(self, reader):
        entries = self.history.entries.get("build", [])
        got = reader.transport.sequences
        assert SequenceCheck(got).is_orderly, got
        if not got:
            return
        spans = [*reader.spans, (reader.session.position, reader.session.filter)]
        expected, left = [], got[0] - 1
        for position, log_filter in spans:
            expected += [
                e.sequence
                for e in entries
                if left < e.sequence <= position and (log_filter == ALL or e.level == "ERROR")
            ]
            left = max(left, position)
        assert got == expected

    async def finish(self):
        """Everybody reads again; whoever is open must come to the end."""
        self.history.gate.set()
        await settle()
        self.commit(1, is_error=True)
        for reader in self.readers:
            reader.transport.is_writable = True
        for _ in range(8):
            for reader in self.readers:
                reader.session.resume()
            await settle()
            await self.apply(("flush",))
            await settle()
        for reader in self.readers:
            self.check(reader)
            if not reader.session.is_closed:
                assert reader.session.position == self.last, reader.session
                assert reader.transport.sequences[-1] == self.last
        await self.hub.close()
        assert self.hub.admission.active == 0


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(operations, min_size=10, max_size=60))  # which makes 20 of them on average; without a minimum, 5
async def test_every_reader_gets_every_matching_line_once_in_order(script):
    """Whatever happens in whatever order, what a reader got is what grep would give it."""
    asyncio.get_running_loop().set_debug(False)  # to note where each callback was made costs four times the rest
    world = World()
    for operation in script:
        await world.apply(operation)
    await world.finish()
