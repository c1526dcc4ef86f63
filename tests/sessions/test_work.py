"""How much work a line is, counted and not timed: what grows here makes the gateway slow."""

import asyncio
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from filters.model import EVERYTHING, LogFilter
from filters.parsing import filter_from_json
from gateway.transports.sse.encoding import IDENTITY, ZSTD
from sessions.subscription import FROM_START, Subscription
from sessions.transport import EncodedBatch
from tests.support.scripted_history import Commit, RecordingTransport, block, settle

CALLS_PER_SESSION_MAX = 5
"""Session.deliver, Session._give, the meter, the transport's write, and one to spare."""


class SilentTransport:
    """Takes everything and keeps nothing."""

    kind = "test"

    def __init__(self) -> None:
        self.writes = 0

    def write(self, run: EncodedBatch) -> bool:
        self.writes += 1
        return True

    def notify(self, notice: object) -> bool:
        return True

    def end(self, reason: object) -> None:
        pass


async def watchers(bench, count, encoding=None, *filters):
    """Sessions that are live, dealt out over the filters."""
    transports = [SilentTransport() for _ in range(count)]
    for number, transport in enumerate(transports):
        log_filter = filters[number % len(filters)] if filters else EVERYTHING
        bench.hub.open(Subscription("build", encoding or bench.encoding, log_filter, FROM_START), transport)
    await settle()
    return transports


def calls_of(work: Callable[[], Any]) -> int:
    """How many Python functions are called."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


async def flush_calls(make_bench, sessions, lines):
    bench = make_bench(sessions_max=1000)
    await watchers(bench, sessions)
    bench.hub.publish(Commit((block(1, lines),)))
    return calls_of(bench.hub.flush)


async def test_flush_calls_a_handful_of_functions_for_each_session(make_bench):
    """What a session costs a flush is a comparison and a write."""
    few, many = [await flush_calls(make_bench, sessions, 100) for sessions in (20, 120)]
    assert (many - few) / 100 <= CALLS_PER_SESSION_MAX


async def test_lines_cost_a_session_nothing(make_bench):
    """A run of five hundred lines is as much work for a session as a run of one."""
    one, many = [await flush_calls(make_bench, 100, lines) for lines in (1, 500)]
    assert many - one <= 20


async def test_flush_starts_nothing(bench, monkeypatch):
    """No task, future or timer is made for a line or for a reader."""
    await watchers(bench, 50)
    loop = asyncio.get_running_loop()
    bench.hub.publish(Commit((block(1, 100),)))
    made = []
    for name in ("create_task", "create_future", "call_soon", "call_later", "call_at"):
        monkeypatch.setattr(loop, name, lambda *_, name=name, **__: made.append(name))
    bench.hub.flush()
    monkeypatch.undo()
    assert made == []


async def test_one_write_for_each_session_and_flush(bench):
    """What was committed between two flushes is one write."""
    transports = await watchers(bench, 10)
    for first in range(1, 501, 100):
        bench.hub.publish(Commit((block(first, first + 99),)))
    bench.hub.flush()
    assert {transport.writes for transport in transports} == {1}


async def test_live_sessions_need_no_journal_however_much_is_committed_at_once(make_bench):
    """What the window could not hold until the next flush is flushed before."""
    bench = make_bench(window_bytes_per_task=3000)
    transports = await watchers(bench, 4, None, LogFilter(keywords=("line 1",)), LogFilter(keywords=("line 2",)))
    bench.hub.flush()
    for first in range(1, 1001, 10):
        bench.hub.publish(Commit((block(first, first + 9),)))
    bench.hub.flush()
    await settle()
    assert {session.position for session in bench.hub.sessions} == {1000}
    assert bench.hub.statistics.catch_ups == 0
    assert all(transport.writes > 1 for transport in transports)


async def test_a_regular_expression_over_much_text_is_the_journals_work(make_bench):
    """The event loop looks for it in little text only; every line comes once, in order, either way."""
    bench = make_bench()
    transport = RecordingTransport()
    log_filter = filter_from_json({"expression": "/[0-9]*[05]$/"})
    bench.hub.open(Subscription("build", bench.encoding, log_filter, FROM_START), transport)
    await settle()
    reads = []
    for first, last in ((1, 20), (21, 1000), (1001, 1020)):
        await bench.commit(block(first, last))
        reads.append(bench.history.reads)
    assert reads[0] == 0
    assert reads[1] == reads[2] > 0
    assert transport.sequences == list(range(5, 1021, 5))


async def test_matching_encoding_and_folding_are_done_once_for_each_filter(bench, monkeypatch):
    """A hundred sessions with two filters match and encode twice, and fold the case of a message once."""
    filters = [LogFilter(keywords=("line 1",)), LogFilter(keywords=("line 2",))]
    await watchers(bench, 100, None, *filters)
    committed = block(1, 50)
    folded = []
    monkeypatch.setattr(type(committed), "folded", _noting(type(committed).folded, folded))
    bench.hub.publish(Commit((committed,)))
    bench.hub.flush()
    assert bench.encoding.runs == 2
    assert len(folded) == 2
    assert folded[0] is folded[1]


def _noting(method: Callable[[Any], Any], results: list[Any]) -> Callable[[Any], Any]:
    def noted(self: Any) -> Any:
        results.append(method(self))
        return results[-1]

    return noted


async def test_compression_is_done_once_for_each_channel(bench, monkeypatch):
    """Fifty sessions that accept zstd share one frame."""
    await watchers(bench, 50, ZSTD)
    compressed = []
    chunk = type(ZSTD).chunk
    monkeypatch.setattr(type(ZSTD), "chunk", lambda self, text: compressed.append(text) or chunk(self, text))
    bench.hub.publish(Commit((block(1, 100),)))
    bench.hub.flush()
    assert len(compressed) == 1


async def test_bytes_are_not_copied_for_a_session(make_bench):
    """A run exists once in memory, however many sessions it goes to."""
    peaks = []
    for sessions in (1, 200):
        bench = make_bench(sessions_max=1000)
        await watchers(bench, sessions, IDENTITY)
        bench.hub.publish(Commit((block(1, 1000, message="m" * 100),)))
        tracemalloc.start()
        try:
            bench.hub.flush()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 200 * 100


@pytest.mark.parametrize("tasks", [1, 1000])
async def test_unwatched_tasks_cost_a_lookup(bench, tasks):
    """Publishing lines that nobody watches touches no session and plans no flush."""
    await watchers(bench, 5)
    commit = Commit(tuple(block(1, 10, task=f"other-{number}") for number in range(tasks)))
    assert calls_of(lambda: bench.hub.publish(commit)) <= 2
