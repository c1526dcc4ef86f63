"""The races of docs/architecture.md that are won at ingest: each test forces every outcome."""

from typing import Any

import grpc
import pytest

from storage.journal.interface import StreamClosed
from tests.gateway.ingest.native.test_stream import NativeProducer, lines_request
from tests.support.journal_items import batch, report
from tests.support.watched_journal import WatchedJournal


@pytest.mark.parametrize("first", ["line", "status"])
async def test_last_status_and_lines_on_their_way(journal: WatchedJournal, first: str) -> None:
    """A line before the last report is in front of the end; one after it ends the task again with its stream."""
    await journal.append(batch("a"))
    items = [batch("b"), report("COMPLETED")]
    for item in items if first == "line" else reversed(items):
        await journal.append(item)
    assert ((await journal.task_state("build")).ended is not None) == (first == "line")
    await journal.append(StreamClosed("build"))
    ended = (await journal.task_state("build")).ended
    assert ended is not None
    assert (ended.last, ended.status) == (2, "COMPLETED")


@pytest.mark.parametrize("first", ["older", "newer"])
async def test_a_producer_comes_back_while_its_old_stream_hangs(
    serve: Any, journal: WatchedJournal, first: str
) -> None:
    """Its line is on its way to the commit on the old stream, or only comes on the new one: stored once."""
    _, channel = await serve()
    older, newer = NativeProducer(channel), NativeProducer(channel)
    await older.hello()
    journal.hold()
    if first == "older":
        await older.send(lines_request(1, ["a"]))
        await journal.until(lambda: len(journal.appended) == 1)
    assert (await newer.hello()).acknowledged_number == 0
    await newer.send(lines_request(1, ["a"]))
    await journal.until(lambda: len(journal.appended) == (2 if first == "older" else 1))
    journal.release()
    await newer.acknowledged(1)
    code, _ = await older.ended()
    assert code is grpc.StatusCode.ABORTED
    assert [entry.message for entry in await journal.entries("t")] == ["a"]
