"""The races of docs/architecture.md that are won between hub, sessions and journal: each test forces every outcome."""

import asyncio
import time

import pytest

from filters.model import LogFilter
from filters.position import Position
from sessions.close_reasons import CloseReason
from sessions.notices import Gap
from sessions.session_state import SessionState
from sessions.subscription import After
from tests.sessions.test_hub import opened, subscription
from tests.support.scripted_history import EPOCH, Commit, Ended, RecordingTransport, block, settle

ERRORS = LogFilter(levels=("ERROR",))


@pytest.mark.parametrize("first", ["publish", "subscribe", "the journal's answer"])
async def test_publish_and_subscribe(bench, first):
    """Published before the session is there, while the journal is asked, or after its answer: given once."""
    bench.history.store(block(1, 3))
    new = block(4, 6)
    if first == "publish":
        await bench.commit(new)
    transport = RecordingTransport()
    bench.history.gate.clear()
    bench.hub.open(subscription(bench), transport)
    await settle()
    if first == "subscribe":
        await bench.commit(new)
    bench.history.gate.set()
    await settle()
    if first == "the journal's answer":
        await bench.commit(new)
    assert transport.sequences == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("order", ["publish flush resume", "publish resume flush", "resume publish flush"])
async def test_stored_and_live(bench, order):
    """A session joins the live ones before a commit is published, between publish and flush, or after both."""
    session, transport = await opened(bench)
    transport.is_writable = False
    await bench.commit(block(1, 2))
    transport.is_writable = True
    bench.history.store(block(3, 5))
    for step in order.split():
        if step == "publish":
            bench.hub.publish(Commit((block(3, 5),)))
        elif step == "flush":
            await bench.flush()
        else:
            session.resume()
    assert (transport.sequences, session.state) == ([1, 2, 3, 4, 5], SessionState.LIVE)


@pytest.mark.parametrize(("order", "given"), [("change flush", [2]), ("flush change", [1, 2, 3])])
async def test_filter_change_and_flush(bench, order, given):
    """What was given went through the old filter, what was not goes through the new one; nothing twice."""
    session, transport = await opened(bench)
    lines = (block(1, 1), block(2, 2, level="ERROR"), block(3, 3))
    bench.history.store(*lines)
    bench.hub.publish(Commit(lines))
    for step in order.split():
        if step == "flush":
            await bench.flush()
        else:
            session.change_filter(ERRORS)
    await bench.commit(block(4, 4), block(5, 5, level="ERROR"))
    assert transport.sequences == [*given, 5]


async def test_two_filter_changes_between_two_flushes(bench):
    """A session that comes back to a channel which was flushed less far waits for it there; no line is repeated."""
    session, transport = await opened(bench)
    _, other = await opened(bench)  # which keeps the channel of the first filter, at its last flush
    lines = (block(1, 1), block(2, 2, level="ERROR"), block(3, 3))
    bench.history.store(*lines)
    bench.hub.publish(Commit(lines))
    session.change_filter(ERRORS)
    session.change_filter(LogFilter())
    assert (transport.sequences, session.state, session.lag) == ([2], SessionState.AHEAD, 0)
    await bench.flush()
    await bench.commit(block(4, 5))
    assert (transport.sequences, other.sequences) == ([2, 4, 5], [1, 2, 3, 4, 5])
    assert session.state is SessionState.LIVE


async def test_a_flush_does_not_write_to_a_session_that_is_ahead(bench):
    """What its next channel flushes up to its place was given to it before, or did not match then."""
    session, transport = await opened(bench)
    await opened(bench)
    bench.history.store(block(1, 2))
    bench.hub.publish(Commit((block(1, 2),)))
    session.change_filter(ERRORS)
    session.change_filter(LogFilter())
    bench.history.store(block(3, 3))
    bench.hub.publish(Commit((block(3, 3),)))
    await bench.flush()
    assert (transport.sequences, session.state) == ([3], SessionState.LIVE)


@pytest.mark.parametrize("changes", [(ERRORS,), (ERRORS, LogFilter()), (ERRORS, LogFilter(), ERRORS)])
async def test_filter_change_and_answer_of_the_journal(make_bench, changes):
    """What was read for a filter that was left meanwhile is not given; its lines are matched with the last filter."""
    bench = make_bench(window_bytes_per_task=1)
    bench.history.store(block(1, 3), block(4, 4, level="ERROR"), block(5, 6))
    transport = RecordingTransport()
    session = bench.hub.open(subscription(bench), transport)
    while session.state is not SessionState.READING:
        await asyncio.sleep(0)
    bench.history.gate.clear()
    await settle()  # the read is worked out here, and answered below
    for log_filter in changes:
        session.change_filter(log_filter)
    bench.history.gate.set()
    await settle()
    assert transport.sequences == ([4] if changes[-1] is ERRORS else [1, 2, 3, 4, 5, 6])
    assert session.state is SessionState.LIVE


@pytest.mark.parametrize("first", ["resume", "answer"])
async def test_drain_and_catch_up(make_bench, first):
    """A transport has room again before or after the journal answers: one read, and every line once."""
    bench = make_bench(heartbeat_seconds=5, window_bytes_per_task=1)
    bench.history.store(block(1, 5))
    transport = RecordingTransport()
    session = bench.hub.open(subscription(bench), transport)
    while session.state is not SessionState.READING:
        await asyncio.sleep(0)
    bench.history.gate.clear()
    await settle()
    transport.is_writable = False
    session.check(time.monotonic() + 6, 0)
    transport.is_writable = True
    if first == "resume":
        session.resume()
        session.resume()
    bench.history.gate.set()
    await settle()
    if first == "answer":
        assert (session.state, transport.sequences) == (SessionState.BLOCKED, [])
        session.resume()
    assert (transport.sequences, bench.history.reads) == ([1, 2, 3, 4, 5], 1)


@pytest.mark.parametrize(("window_bytes", "is_read"), [(1 << 20, False), (1, True)])
async def test_slow_reader_and_window(make_bench, window_bytes, is_read):
    """The window still has the reader's place, or has dropped it: from memory or from the journal, the same lines."""
    bench = make_bench(buffer_lines=1, window_bytes_per_task=window_bytes)
    session, transport = await opened(bench)
    transport.is_writable = False
    for first in range(1, 20, 3):
        await bench.commit(block(first, first + 2))
    transport.is_writable = True
    session.resume()
    await settle()
    assert transport.sequences == list(range(1, 22))
    assert (bench.history.reads > 0) == is_read


@pytest.mark.parametrize("first", ["end", "late line"])
async def test_end_and_late_line(bench, first):
    """Told of the end before the late line: gone, and back with it; not told: the line comes, and no ``complete``."""
    _, transport = await opened(bench)
    bench.history.store(block(1, 2))
    bench.hub.publish(Commit((block(1, 2),), (Ended("build", 2),)))
    late = block(3, 3)
    if first == "end":
        await bench.flush()
        assert (transport.sequences, transport.events) == ([1, 2], ["complete"])
        await bench.commit(late)
        _, transport = await opened(bench, start=After(Position(2, EPOCH, end_seen=True)))
        assert (transport.sequences, transport.events) == ([3], [])
    else:
        await bench.commit(late)
        assert (transport.sequences, transport.events) == ([1, 2, 3], [])


async def test_resume_beyond_what_was_followed(bench):
    """A position that another gateway gave out, and that is not published here yet, waits for what comes after it."""
    bench.history.store(block(1, 2))
    await opened(bench)  # so that the head is known, and moves by what is published alone
    bench.history.store(block(3, 5))
    session, transport = await opened(bench, start=After(Position(4, EPOCH)))
    assert (transport.sequences, session.state) == ([], SessionState.AHEAD)
    bench.hub.publish(Commit((block(3, 5),)))
    await bench.flush()
    assert transport.sequences == [5]


@pytest.mark.parametrize("order", ["lines end", "end lines"])
async def test_end_and_lines_of_another_gateway(bench, order):
    """An end that comes before the lines in front of it, which another gateway took, waits for them."""
    bench.history.store(block(1, 2))
    _, transport = await opened(bench)
    for step in order.split():
        if step == "end":
            bench.hub.publish(Commit(ended=(Ended("build", 4),)))
        else:
            await bench.commit(block(3, 4))
    await bench.flush()
    assert transport.sequences == [1, 2, 3, 4]
    assert transport.reason is CloseReason.COMPLETED


@pytest.mark.parametrize(
    ("position", "given"),
    [(Position(3, EPOCH), [4, 5]), (Position(3, "ffffffff"), [1, 2, 3, 4, 5]), (Position(3), [4, 5])],
)
async def test_resume_with_an_epoch(bench, position, given):
    """Of this life: after it. Of another: from the first line. Of none: as of this one."""
    bench.history.store(block(1, 5))
    _, transport = await opened(bench, start=After(position))
    assert transport.sequences == given


@pytest.mark.parametrize(("position", "given"), [(Position(7), [8]), (Position(7, EPOCH), [1, 2, 3, 4, 5, 6, 7, 8])])
async def test_resume_beyond_the_end(bench, position, given):
    """A bare number waits for what comes after it; an id of ours means that the journal went back: all comes again."""
    bench.history.store(block(1, 5))
    _, transport = await opened(bench, start=After(position))
    await bench.commit(block(6, 8))
    assert transport.sequences == given


@pytest.mark.parametrize("first", ["removal", "read"])
async def test_retention_and_reader(make_bench, first):
    """Removed before they are read: a gap, once. Read before they are removed: the lines, and no gap. Both count."""
    bench = make_bench(window_bytes_per_task=1)
    bench.history.store(block(1, 9))
    transport = RecordingTransport()
    session = bench.hub.open(subscription(bench), transport)
    while session.state is not SessionState.READING:
        await asyncio.sleep(0)
    if first == "removal":
        bench.history.first = 6
    bench.history.gate.clear()
    await settle()  # the read is worked out here, and answered below
    bench.history.first = 6
    bench.history.gate.set()
    await settle()
    gaps = [notice.payload for notice in transport.notices]
    if first == "removal":
        assert gaps == [Gap(1, 5, "retention")]
        assert transport.sequences == [6, 7, 8, 9]
    else:
        assert (gaps, transport.sequences) == ([], list(range(1, 10)))
    assert (bench.hub.statistics.gaps, bench.hub.statistics.catch_ups) == (len(gaps), 1)


@pytest.mark.parametrize(("order", "given"), [("line sweep", [1]), ("sweep line", [])])
async def test_token_expiry_and_stream(bench, order, given):
    """A line before the sweep that finds the token expired is given; one after it is not."""
    session, transport = await opened(bench, expires_at=100.0)
    for step in order.split():
        if step == "line":
            await bench.commit(block(1, 1))
        else:
            session.check(time.monotonic(), 100.0)
    assert (transport.sequences, transport.reason) == (given, CloseReason.TOKEN_EXPIRED)


@pytest.mark.parametrize("when", ["before the flush", "in its write"])
async def test_client_gone_and_write(bench, when):
    """Anyone who leaves, and whenever: the others get the run."""
    (leaving, transport), others = await opened(bench), [await opened(bench) for _ in range(3)]

    def leave(run):
        leaving.close(CloseReason.CLIENT_GONE)
        return False

    bench.history.store(block(1, 2))
    bench.hub.publish(Commit((block(1, 2),)))
    if when == "before the flush":
        leave(None)
    else:
        transport.write = leave
    await bench.flush()
    assert transport.reason is CloseReason.CLIENT_GONE
    assert [other.sequences for _, other in others] == [[1, 2]] * 3


@pytest.mark.parametrize("first", ["subscriber", "shutdown"])
async def test_shutdown_and_subscriber(bench, first):
    """There before or after the hub closes: told to come back, and counted nowhere."""
    transport = RecordingTransport()
    if first == "subscriber":
        bench.hub.open(subscription(bench), transport)
    await bench.hub.close()
    if first == "shutdown":
        bench.hub.open(subscription(bench), transport)
    assert (transport.reason, transport.events) == (CloseReason.SERVER_SHUTDOWN, ["error"])
    assert bench.hub.admission.active == 0
