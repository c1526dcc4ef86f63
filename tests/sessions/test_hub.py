import time
from types import SimpleNamespace

import pytest

from filters.model import EVERYTHING, LogFilter
from filters.position import Position
from sessions.admission import ServerFullError
from sessions.close_reasons import CloseReason
from sessions.notices import Completed, Gap, StreamError
from sessions.session_state import SessionState
from sessions.subscription import FROM_START, After, Subscription, Tail
from tests.support.scripted_history import (
    EPOCH,
    Commit,
    Ended,
    RecordingTransport,
    TextEncoding,
    block,
    settle,
)
from tests.support.waiting import until


def subscription(bench, *, task="build", start=FROM_START, log_filter=EVERYTHING, expires_at=None):
    return Subscription(task, bench.encoding, log_filter, start, expires_at)


async def opened(bench, **options):
    transport = RecordingTransport()
    session = bench.hub.open(subscription(bench, **options), transport)
    await settle()
    return session, transport


async def test_stream_starts_at_first_line_and_goes_on_live(bench):
    """Without a start, a session gets every stored line, then every new one, with no seam."""
    bench.history.store(block(1, 50))
    session, transport = await opened(bench)
    await bench.commit(block(51, 60))
    assert transport.sequences == list(range(1, 61))
    assert session.state is SessionState.LIVE


async def test_lines_are_encoded_once_for_all(bench):
    """A run is encoded once, however many sessions read it."""
    transports = [(await opened(bench))[1] for _ in range(10)]
    await bench.commit(block(1, 100))
    assert bench.encoding.runs == 1
    assert all(t.runs[0] is transports[0].runs[0] for t in transports)


async def test_a_gathered_commit_is_flushed_at_once(make_bench):
    """There will not be another one so soon; what else was committed within the tick goes with it."""
    bench = make_bench(tick_seconds=3600.0, tick_seconds_max=3600.0)
    _, transport = await opened(bench)
    for commit in (Commit((block(1, 1),)), Commit((block(2, 2),))):
        bench.history.store(*commit.blocks)
        bench.hub.publish(commit)
        await settle()
    assert transport.sequences == [1]
    last = Commit((block(3, 3),), is_gathered=True)
    bench.history.store(*last.blocks)
    bench.hub.publish(last)
    await until(lambda: transport.sequences == [1, 2, 3], "it was flushed, half of the time it may not flush later")


@pytest.mark.parametrize("uptime", [0.0, 0.1, 1e9])
async def test_the_first_lines_are_flushed_at_once_at_any_uptime(make_bench, monkeypatch, uptime):
    """The monotonic clock counts from the machine's boot: a hub that never flushed is idle, also a moment after it."""
    bench = make_bench(tick_seconds=3600.0, tick_seconds_max=3600.0)
    _, transport = await opened(bench)
    monkeypatch.setattr("sessions.hub.time", SimpleNamespace(monotonic=lambda: uptime, time=time.time))
    bench.history.store(block(1, 1))
    bench.hub.publish(Commit((block(1, 1),)))
    await settle()
    assert transport.sequences == [1]


async def test_unwatched_task_is_not_kept(bench):
    """A task that nobody watches takes no memory."""
    await bench.commit(block(1, 100, task="other"))
    assert bench.hub.statistics.tasks == 0


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (After(Position(7)), [8, 9, 10, 11]),
        (After(Position(7, EPOCH)), [8, 9, 10, 11]),
        (After(Position(7, "ffffffff")), list(range(1, 12))),
        (After(Position(99, EPOCH)), list(range(1, 12))),
        (Tail(0), [11]),
        (Tail(3), [8, 9, 10, 11]),
        (Tail(99), list(range(1, 12))),
        (Tail(3, Position(9)), [10, 11]),
    ],
)
async def test_a_session_starts_where_its_subscription_says(bench, start, expected):
    """A session starts where its subscription says; an id of another journal means that nothing was seen."""
    bench.history.store(block(1, 10))
    _, transport = await opened(bench, start=start)
    await bench.commit(block(11, 11))
    assert transport.sequences == expected


async def test_start_beyond_the_end_waits(bench):
    """A bare number beyond the last line starts after it once it exists."""
    bench.history.store(block(1, 10))
    session, transport = await opened(bench, start=After(Position(12)))
    await bench.commit(block(11, 11))
    assert session.state is SessionState.AHEAD
    await bench.commit(block(12, 14))
    assert transport.sequences == [13, 14]
    await bench.commit(block(15, 15))
    assert transport.sequences == [13, 14, 15]


async def test_start_just_beyond_the_end_becomes_live(bench):
    """Where the line it waited for is the last one, the session is live."""
    session, transport = await opened(bench, start=After(Position(1)))
    await bench.commit(block(1, 1))
    assert session.state is SessionState.LIVE
    await bench.commit(block(2, 2))
    assert transport.sequences == [2]


async def test_filter_is_applied_to_stored_and_live_lines(bench):
    """A session gets the matching lines only, and its position moves over the others."""
    bench.history.store(block(1, 3), block(4, 4, level="ERROR"))
    session, transport = await opened(bench, log_filter=LogFilter(levels=("ERROR",)))
    await bench.commit(block(5, 6), block(7, 7, level="ERROR"), block(8, 9))
    assert transport.sequences == [4, 7]
    assert session.position == 9


async def test_lines_committed_while_the_journal_is_asked_are_given_once(bench):
    """Lines that are published before the journal's older answer arrives are neither lost nor doubled."""
    bench.history.store(block(1, 10))
    bench.history.gate.clear()
    _, transport = await opened(bench)
    await bench.commit(block(11, 20))
    bench.history.gate.set()
    await settle()
    assert transport.sequences == list(range(1, 21))


async def test_lines_that_the_journal_knows_before_the_hub_are_given_once(bench):
    """Lines that the journal's answer already covers are skipped when their commit is announced."""
    bench.history.store(block(1, 20))
    _, transport = await opened(bench)
    bench.hub.publish(Commit((block(11, 25),)))
    bench.history.store(block(21, 25))
    await bench.flush()
    assert transport.sequences == list(range(1, 26))


async def test_jump_in_the_sequence_is_read_from_the_journal(bench):
    """A hub that missed a commit sees the jump and reads what is missing."""
    _, transport = await opened(bench)
    await bench.commit(block(1, 5))
    bench.history.store(block(6, 9))
    await bench.commit(block(10, 12))
    assert transport.sequences == list(range(1, 13))


async def test_end_is_announced_after_every_line(bench):
    """``complete`` follows the last line, filtered out or not, and the session ends."""
    _, transport = await opened(bench, log_filter=LogFilter(levels=("ERROR",)))
    bench.history.store(block(1, 3))
    bench.hub.publish(Commit((block(1, 3),), (Ended("build", 3, "FAILED"),)))
    await bench.flush()
    assert transport.reason is CloseReason.COMPLETED
    (notice,) = transport.notices
    assert notice.payload == Completed("FAILED", "2026-01-01T00:01:00Z", 3)
    assert str(notice.position) == f"{EPOCH}-3.end"


async def test_stored_end_is_announced_after_the_stored_lines(bench):
    """Who opens the stream of a task that has ended gets all of it, then ``complete``."""
    bench.history.store(block(1, 5000))
    bench.history.ends["build"] = Ended("build", 5000)
    _, transport = await opened(bench)
    assert transport.sequences == list(range(1, 5001))
    assert transport.events == ["complete"]


async def test_end_committed_while_the_journal_is_asked_is_announced(bench):
    """An end that is published before the journal's older answer arrives is not forgotten."""
    bench.history.store(block(1, 10))
    bench.history.gate.clear()
    _, transport = await opened(bench)
    bench.hub.publish(Commit((), (Ended("build", 10),)))
    bench.history.gate.set()
    await settle()
    assert transport.events == ["complete"]


async def test_line_behind_the_end_keeps_the_stream_open(bench):
    """A line that was committed after the end opens the task again, even in the same commit."""
    _, transport = await opened(bench)
    bench.history.store(block(1, 4))
    bench.hub.publish(Commit((block(1, 4),), (Ended("build", 3),)))
    await bench.flush()
    assert transport.sequences == [1, 2, 3, 4]
    assert transport.reason is None


async def test_removed_lines_are_announced_as_a_gap(bench):
    """Only what retention removed is missing, and the stream says so before it continues."""
    bench.history.store(block(1, 20))
    bench.history.first = 11
    _, transport = await opened(bench, start=After(Position(5)))
    assert transport.notices[0].payload == Gap(6, 10, "retention")
    assert transport.sequences == list(range(11, 21))


async def test_damaged_lines_are_announced_as_a_gap(bench):
    """What the disk has damaged is named, for this reader alone, and the stream continues after it."""
    bench.history.store(block(1, 20))
    bench.history.damaged = range(6, 11)
    _, transport = await opened(bench, start=After(Position(3)))
    assert transport.notices[0].payload == Gap(6, 10, "damaged")
    assert transport.sequences == [4, 5, *range(11, 21)]


async def test_full_hub_refuses(make_bench):
    """There are at most ``sessions_max`` sessions; one that ends makes room."""
    bench = make_bench(sessions_max=1)
    session, _ = await opened(bench)
    with pytest.raises(ServerFullError):
        bench.hub.open(subscription(bench), RecordingTransport())
    session.close(CloseReason.CLIENT_GONE)
    await opened(bench)
    assert bench.hub.statistics.refused == 1


async def test_unreadable_journal_ends_the_session_with_its_reason(bench):
    """A journal that cannot be read costs the session, not the gateway, and the client is asked to come back."""
    bench.history.store(block(1, 5))
    bench.history.error = OSError("disk on fire")
    _, transport = await opened(bench)
    assert transport.reason is CloseReason.STORAGE_UNAVAILABLE
    assert transport.notices[-1].payload == StreamError.of(CloseReason.STORAGE_UNAVAILABLE)


async def test_broken_transport_costs_only_its_session(bench):
    """A transport that raises ends its own session; the others get their lines."""
    broken, sound = await opened(bench), await opened(bench)

    def explode(run):
        raise RuntimeError("broken transport")

    broken[1].write = explode
    await bench.commit(block(1, 3))
    assert broken[1].reason is CloseReason.INTERNAL
    assert sound[1].sequences == [1, 2, 3]


@pytest.mark.parametrize("moment", ["write", "heartbeat", "complete", "resume", "turn", "ahead", "end"])
async def test_whatever_a_transport_raises_costs_only_its_session(make_bench, caplog, moment):
    """Flush, sweep, drain and shutdown continue with the other sessions; it is counted and logged once."""
    heartbeat_seconds = 0.02 if moment == "heartbeat" else 3600
    bench = make_bench(heartbeat_seconds=heartbeat_seconds, lagging_lines=1 if moment == "turn" else 500)
    (session, broken), *others = [await opened(bench) for _ in range(3)]
    if moment in ("resume", "turn", "ahead"):
        broken.is_writable = moment == "ahead"
        await bench.commit(block(1, 1))

    def explode(argument):
        raise RuntimeError("broken transport")

    broken.notify = broken.end = explode
    if moment != "complete":
        broken.write = explode
    lines = block(2 if moment in ("resume", "turn", "ahead") else 1, 3)
    bench.history.store(lines)
    bench.hub.publish(Commit((lines,), (Ended("build", 3),) if moment == "complete" else ()))
    if moment == "heartbeat":
        await until(lambda: all("heartbeat" in other.events for _, other in others), "the others have a heartbeat")
    elif moment in ("resume", "turn"):
        await bench.flush()
        assert not session.is_closed
        session.resume()
    elif moment == "ahead":
        session.change_filter(LogFilter(levels=("ERROR",)))
        session.change_filter(LogFilter())
        assert session.state is SessionState.AHEAD
        bench.history.store(block(4, 4))
        bench.hub.publish(Commit((block(4, 4),)))
    elif moment == "end":
        session.close(CloseReason.UNSUBSCRIBED)
    await bench.flush()
    assert [other.sequences[:3] for _, other in others] == [[1, 2, 3]] * 2
    assert session.is_closed
    assert session not in bench.hub.sessions
    reason = "UNSUBSCRIBED" if moment == "end" else "INTERNAL"
    assert bench.hub.statistics.closed[reason] == 1
    assert [record.message for record in caplog.records if record.name == "sessions.session"] == ["session failed"]


async def test_lines_that_cannot_be_encoded_cost_only_their_channel(bench):
    """Its sessions are asked to come back; those of other encodings and tasks get their lines in the same flush."""
    poisoned, sound = await opened(bench), await opened(bench, task="other")
    bench.encoding = TextEncoding()
    bench.encoding.name = "another"
    other = await opened(bench)

    def explode(epoch, selection):
        raise RuntimeError("not to be encoded")

    poisoned[0].subscription.encoding.encode = explode
    sound[0].subscription.encoding.encode = explode
    bench.history.store(block(1, 2))
    bench.hub.publish(Commit((block(1, 2),)))
    await bench.flush()
    assert (poisoned[1].reason, other[1].sequences) == (CloseReason.INTERNAL, [1, 2])
    assert (sound[1].reason, other[1].reason) == (None, None)


async def test_close_ends_every_session_and_frees_everything(bench):
    """Shutting down tells every subscriber why, once."""
    transports = [(await opened(bench))[1] for _ in range(3)]
    await bench.hub.close()
    await bench.hub.close()
    assert [t.reason for t in transports] == [CloseReason.SERVER_SHUTDOWN] * 3
    assert [t.events for t in transports] == [["error"]] * 3
    assert bench.hub.statistics.tasks == 0
    assert bench.hub.admission.active == 0


async def test_windows_share_one_budget(make_bench):
    """The windows of all tasks together stay within ``window_bytes_total``."""
    bench = make_bench(window_bytes_total=20_000, window_bytes_per_task=20_000)
    for task in ("a", "b", "c"):
        await opened(bench, task=task)
        for first in range(1, 200, 10):
            await bench.commit(block(first, first + 9, task=task))
    assert bench.hub.statistics.window_bytes <= 20_000


async def test_sessions_that_have_ended_leave_nothing_but_counts(make_bench):
    """Each is counted by its reason; the window of a task goes with its last session."""
    bench = make_bench()
    sessions = [(await opened(bench, task=task))[0] for task in ("a", "a", "b")]
    for task in ("a", "b"):
        await bench.commit(block(1, 9, task=task))
    both = bench.hub.statistics.window_bytes
    sizes = []
    for session in sessions:
        session.close(CloseReason.UNSUBSCRIBED)
        sizes.append(bench.hub.statistics.window_bytes)
    assert (sizes[0], 0 < sizes[1] < both, sizes[2]) == (both, True, 0)
    assert (bench.hub.statistics.closed["UNSUBSCRIBED"], bench.hub.statistics.tasks) == (3, 0)
