import asyncio
import time

from filters.model import LogFilter
from sessions.close_reasons import CloseReason
from sessions.notices import Gap, StreamError
from sessions.session_state import SessionState
from tests.sessions.test_hub import opened, subscription
from tests.support.scripted_history import Commit, RecordingTransport, block, settle

ERRORS = LogFilter(levels=("ERROR",))


async def test_blocked_session_gets_nothing_until_it_is_resumed(bench):
    """Once a transport is full, what follows waits in no queue of its own."""
    session, transport = await opened(bench)
    transport.is_writable = False
    await bench.commit(block(1, 1))
    await bench.commit(block(2, 9))
    assert transport.sequences == [1]
    assert session.state is SessionState.BLOCKED
    assert session.lag == 8
    transport.is_writable = True
    session.resume()
    assert transport.sequences == list(range(1, 10))
    assert session.state is SessionState.LIVE


async def test_slow_session_costs_nobody_else(bench):
    """Others continue live while one is blocked, and the blocked one then gets the very same runs."""
    slow, fast = await opened(bench), await opened(bench)
    slow[1].is_writable = False
    for n in range(1, 6):
        await bench.commit(block(n, n))
    assert fast[1].sequences == [1, 2, 3, 4, 5]
    slow[1].is_writable = True
    slow[0].resume()
    assert [a is b for a, b in zip(slow[1].runs, fast[1].runs, strict=True)] == [True] * 5


async def test_session_far_behind_reads_the_journal(make_bench):
    """Beyond the buffer and the window a session is served from storage, and rejoins with no seam."""
    bench = make_bench(buffer_lines=10, window_bytes_per_task=1000, stored_lines_max=16)
    session, transport = await opened(bench)
    transport.is_writable = False
    for first in range(1, 200, 5):
        await bench.commit(block(first, first + 4))
    transport.is_writable = True
    session.resume()
    await settle()
    await bench.commit(block(201, 203))
    assert transport.sequences == list(range(1, 204))
    assert bench.history.reads > 0
    assert session.state is SessionState.LIVE


async def test_lines_published_during_a_read_are_given_once(make_bench):
    """The seam holds where lines are committed while the journal is being read."""
    bench = make_bench(buffer_lines=1, window_bytes_per_task=1)
    bench.history.store(block(1, 50))
    bench.history.gate.clear()
    _, transport = await opened(bench)
    bench.history.gate.set()
    bench.history.asked.clear()
    await bench.history.asked.wait()
    bench.history.gate.clear()
    for n in range(51, 61):
        await bench.commit(block(n, n))
    bench.history.gate.set()
    await settle()
    assert transport.sequences == list(range(1, 61))


async def test_sessions_catching_up_share_reads(make_bench):
    """Readers that are at the same place in the past cost one read and one encoding between them."""
    bench = make_bench(stored_lines_max=100)
    bench.history.store(block(1, 1000))
    first = await opened(bench)
    alone = bench.history.reads
    others = [await opened(bench) for _ in range(5)]
    assert bench.history.reads - alone <= alone
    assert all(t.sequences == first[1].sequences for _, t in others)


async def test_a_session_that_ends_cancels_its_reads(make_bench):
    """Nobody waits for the result; a read that other sessions share continues until the last of them has ended."""
    bench = make_bench(buffer_lines=1, window_bytes_per_task=1)
    bench.history.store(block(1, 50))
    live, _ = await opened(bench)  # the topic is loaded
    before = bench.history.reads
    bench.history.gate.clear()
    first, second = [(await opened(bench, log_filter=ERRORS))[0] for _ in range(2)]
    assert bench.history.reads == before + 1
    first.close(CloseReason.CLIENT_GONE)
    await settle()
    assert bench.history.cancelled == 0
    second.close(CloseReason.CLIENT_GONE)
    await settle()
    assert bench.history.cancelled == 1
    assert live.state is SessionState.LIVE


async def test_lag_counts_matching_lines(bench):
    """Lag is what the session's own channel holds for it."""
    session, transport = await opened(bench, log_filter=ERRORS)
    transport.is_writable = False
    await bench.commit(block(1, 1, level="ERROR"))
    await bench.commit(block(2, 50), block(51, 52, level="ERROR"))
    assert session.lag == 2


async def test_lagging_starts_at_its_threshold(make_bench):
    """A session whose lag reaches ``lagging_lines`` is lagging, and no longer once it has caught up."""
    bench = make_bench(lagging_lines=5)
    session, transport = await opened(bench)
    transport.is_writable = False
    await bench.commit(block(1, 1))
    await bench.commit(block(2, 5))
    assert not session.is_lagging
    await bench.commit(block(6, 6))
    assert session.is_lagging
    assert bench.hub.statistics.lagging == 1
    transport.is_writable = True
    session.resume()
    assert not session.is_lagging


async def test_new_filter_applies_from_the_next_line_on(bench):
    """A changed filter neither repeats nor loses a line."""
    session, transport = await opened(bench)
    await bench.commit(block(1, 2))
    session.change_filter(ERRORS)
    await bench.commit(block(3, 3), block(4, 4, level="ERROR"))
    session.change_filter(LogFilter())
    await bench.commit(block(5, 6))
    assert transport.sequences == [1, 2, 4, 5, 6]


async def test_new_filter_applies_to_what_a_blocked_session_has_not_been_given(bench):
    """Lines that wait are matched with the new filter, from the session's position on."""
    session, transport = await opened(bench)
    transport.is_writable = False
    await bench.commit(block(1, 1))
    await bench.commit(block(2, 5), block(6, 6, level="ERROR"))
    session.change_filter(ERRORS)
    transport.is_writable = True
    session.resume()
    assert transport.sequences == [1, 6]


async def test_filter_changed_between_publish_and_flush(bench):
    """Lines that were published and not flushed are given once, by the filter of the moment they are given."""
    session, transport = await opened(bench)
    await opened(bench, log_filter=ERRORS)
    bench.history.store(block(1, 2), block(3, 3, level="ERROR"))
    bench.hub.publish(Commit((block(1, 2), block(3, 3, level="ERROR"))))
    session.change_filter(ERRORS)
    await bench.flush()
    assert transport.sequences == [3]


async def test_filter_changed_while_reading(make_bench):
    """A read for the old filter is thrown away, not given."""
    bench = make_bench(window_bytes_per_task=1)
    bench.history.store(block(1, 5), block(6, 6, level="ERROR"))
    transport = RecordingTransport()
    session = bench.hub.open(subscription(bench), transport)
    while session.state is not SessionState.READING:
        await asyncio.sleep(0)
    session.change_filter(ERRORS)
    await settle()
    assert transport.sequences == [6]
    assert session.state is SessionState.LIVE


async def test_heartbeat_follows_silence(make_bench):
    """After ``heartbeat_seconds`` without a line a heartbeat is sent, and the silence starts anew."""
    bench = make_bench(heartbeat_seconds=30)
    session, transport = await opened(bench)
    now = time.monotonic()
    session.check(now + 29, time.time())
    assert transport.events == []
    session.check(now + 31, time.time())
    assert transport.events == ["heartbeat"]


async def test_session_without_progress_is_closed(make_bench):
    """A session whose client reads and answers nothing for ``timeout_seconds`` is closed; a sign of life defers it."""
    bench = make_bench(timeout_seconds=60)
    begun_at = time.monotonic()
    session, transport = await opened(bench)
    transport.is_writable = False
    await bench.commit(block(1, 2))
    session.check(begun_at + 59, time.time())
    assert transport.reason is None
    session.check(time.monotonic() + 61, time.time())
    assert transport.reason is CloseReason.SESSION_TIMEOUT


async def test_stream_ends_with_its_token(bench):
    """A session ends when the token that opened it expires."""
    end = time.time() + 3600
    session, transport = await opened(bench, expires_at=end)
    session.check(time.monotonic(), end - 1)
    assert transport.reason is None
    session.check(time.monotonic(), end + 1)
    assert transport.reason is CloseReason.TOKEN_EXPIRED
    assert transport.notices[-1].payload == StreamError.of(CloseReason.TOKEN_EXPIRED)


async def test_closing_twice_is_harmless(bench):
    """Anyone who closes first gives the reason."""
    session, transport = await opened(bench)
    session.close(CloseReason.UNSUBSCRIBED)
    session.close(CloseReason.INTERNAL)
    assert await session.wait_closed() is CloseReason.UNSUBSCRIBED
    assert transport.notices == []


async def test_a_long_gap_is_announced_once(make_bench):
    """However many reads the lines that are gone would have taken."""
    bench = make_bench(stored_lines_max=10, window_bytes_per_task=1)
    bench.history.store(block(1, 95))
    transport = RecordingTransport(is_writable=False)
    session = bench.hub.open(subscription(bench), transport)
    await settle()
    assert transport.sequences == list(range(1, 11))
    transport.sequences.clear()
    bench.history.first = 73
    transport.is_writable = True
    session.resume()
    await settle()
    assert [notice.payload for notice in transport.notices] == [Gap(11, 72, "retention")]
    assert transport.sequences == list(range(73, 96))


async def test_what_a_transport_has_no_room_for_is_fetched_again(make_bench):
    """It said so to a heartbeat while the read was under way, or to the gap in front of the lines."""
    bench = make_bench(stored_lines_max=10, heartbeat_seconds=5)
    bench.history.store(block(1, 30))
    transport = RecordingTransport()
    session = bench.hub.open(subscription(bench), transport)
    while session.state is not SessionState.READING:
        await asyncio.sleep(0)
    bench.history.gate.clear()
    await settle()
    transport.is_writable = False
    session.check(time.monotonic() + 6, 0)
    bench.history.gate.set()
    await settle()
    assert (transport.sequences, transport.events, session.state) == ([], ["heartbeat"], SessionState.BLOCKED)
    transport.is_writable = True
    session.resume()
    await settle()
    assert transport.sequences == list(range(1, 31))


async def test_lines_behind_a_gap_wait_for_room(make_bench):
    """A transport that is full with the gap is not written to until it says so."""
    bench = make_bench(stored_lines_max=10, window_bytes_per_task=1)
    bench.history.store(block(1, 30))
    transport = RecordingTransport(is_writable=False)
    session = bench.hub.open(subscription(bench), transport)
    await settle()
    bench.history.first = 15
    session.resume()
    await settle()
    assert (transport.sequences[-1], transport.events, session.position) == (10, ["gap"], 14)
    transport.is_writable = True
    session.resume()
    await settle()
    assert transport.sequences[10:] == list(range(15, 31))


async def test_a_gap_waits_for_room(make_bench):
    """Where a heartbeat has filled the transport before the session knew where it starts."""
    bench = make_bench(heartbeat_seconds=5)
    bench.history.store(block(1, 9))
    bench.history.first = 5
    bench.history.gate.clear()
    transport = RecordingTransport(is_writable=False)
    session = bench.hub.open(subscription(bench), transport)
    session.check(time.monotonic() + 6, 0)
    bench.history.gate.set()
    await settle()
    assert (transport.events, session.state) == (["heartbeat"], SessionState.BLOCKED)
    transport.is_writable = True
    session.resume()
    await settle()
    assert (transport.events, transport.sequences) == (["heartbeat", "gap"], [5, 6, 7, 8, 9])
