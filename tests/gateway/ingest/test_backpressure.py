"""Storage that is slower than its producers: they wait, they are told, and none of them is starved."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from ottoscaler.v1 import log_streaming_pb2 as otto

from filters.entry import decode_lines
from filters.matching import Matcher
from gateway.ingest.limits import IngestLimits
from gateway.ingest.server import GrpcServer
from storage.journal.interface import Append, Committed, Settled
from storage.journal.sqlite import SqliteJournal
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.tokens import WordAuthenticator
from tests.support.waiting import WAIT_SECONDS_MAX, until
from tests.support.watched_journal import WatchedJournal

Serve = Callable[..., Awaitable[tuple[GrpcServer, grpc.aio.Channel]]]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program in the middle of a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def serving(
    path: Path, limits: IngestLimits | None = None, **journal_options: Any
) -> AsyncIterator[tuple[SqliteJournal, GrpcServer, grpc.aio.Channel]]:
    """A server on a journal of its own."""
    journal = await SqliteJournal.open(path, durability="process", **journal_options)
    server = GrpcServer(journal, WordAuthenticator(), limits, port=0)
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{await server.start()}")
    try:
        yield journal, server, channel
    finally:
        await channel.close()
        await server.stop(0.5)
        await journal.close()


async def received(server: GrpcServer, lines: int) -> None:
    await until(lambda: sum(server.statistics.lines.values()) >= lines, "the lines were read")


async def stored(journal: SqliteJournal, task_id: str) -> list[str]:
    last = (await journal.task_state(task_id)).last
    selection = await journal.read(task_id, 0, last, Matcher(), lines_max=10_000, bytes_max=1 << 24)
    return [entry.message for entry in decode_lines(selection.lines)] if selection.lines else []


async def test_a_lone_line_does_not_wait_for_a_heavy_producer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is away one producer fills the backlog; another's line is in the next commit all the same."""
    commits: list[set[str]] = []

    def note(committed: Committed) -> None:
        commits.append({block.task_id for block in committed.blocks})

    options = {"commit_bytes_max": 300_000, "pending_bytes_max": 2_000_000}
    async with serving(tmp_path / "otto.db", **options) as (journal, server, channel):
        journal.set_commit_listener(note)
        appended: list[str] = []
        masks = server.registry.masks  # through which everything goes
        submit = masks.submit

        def noted(item: Append, settled: Settled) -> None:
            appended.append(getattr(item, "task_id", ""))
            submit(item, settled)

        monkeypatch.setattr(masks, "submit", noted)
        heavy, light = NativeProducer(channel), OttoProducer(channel)
        await heavy.hello("heavy")
        with locked(tmp_path / "otto.db"):
            sending = asyncio.create_task(_send(heavy, 40))
            await until(lambda: not journal.is_writable, "the backlog is full")
            await light.send("me too", task_id="light")
            await until(lambda: "light" in appended, "the light producer's line has come")
        await asyncio.gather(sending, light.read())
        await heavy.acknowledged(40)
    assert next(index for index, tasks in enumerate(commits) if "light" in tasks) <= 1
    assert len(commits) > 10


async def _send(producer: NativeProducer, count: int) -> None:
    for number in range(1, count + 1):
        await producer.send(lines_request(number, ["x" * 100_000], task_id="heavy"))


async def test_credit_shrinks_with_the_backlog_and_grows_back(tmp_path: Path) -> None:
    """What an acknowledgement says is the backlog of that moment; nothing is refused."""
    given: list[int] = []
    async with serving(tmp_path / "otto.db", commit_bytes_max=20_000, pending_bytes_max=200_000) as (
        _,
        server,
        channel,
    ):
        producer = NativeProducer(channel)
        given.append((await producer.hello()).credit_lines)
        with locked(tmp_path / "otto.db"):
            for number in range(1, 19):
                await producer.send(lines_request(number, ["x" * 10_000]))
            await received(server, 18)
        response = None
        while response is None or response.acknowledged_number < 18:
            response = await producer.read()
            given.append(response.credit_lines)
    full = IngestLimits().inflight_lines_max
    assert given[0] == given[-1] == full
    assert min(given) < full // 2
    shrunken = given[given.index(min(given)) :]
    assert shrunken == sorted(shrunken)


@pytest.mark.parametrize("method", ["StreamLogs", "ForwardWorkerLogs"])
async def test_a_lock_that_lasts_is_waited_for_on_ottos_wire(tmp_path: Path, method: str) -> None:
    """Its client drops what it is asked to send again, so it is not told before waiting is of no use."""
    options = {"lock_seconds_max": 0.01, "retry_seconds_max": 3600.0}
    async with serving(tmp_path / "otto.db", **options) as (journal, _, channel):
        producer = OttoProducer(channel, method)
        with locked(tmp_path / "otto.db"):
            answer = asyncio.create_task(producer.say("a"))
            await until(
                lambda: "locked by another program" in journal.statistics.error, "the journal waits for the lock"
            )
        assert (await answer).status == otto.LogResponse.ACK
        assert await stored(journal, "t") == ["a"]


async def test_what_is_answered_retry_is_not_stored_and_what_is_stored_is_not_answered_retry(tmp_path: Path) -> None:
    """Another program locks the database again and again; every answer is true."""
    path = tmp_path / "otto.db"
    answers: dict[str, int] = {}
    stop = threading.Event()

    def lock_again_and_again() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS_MAX)) as other:
            while not stop.is_set():
                other.execute("BEGIN IMMEDIATE")
                stop.wait(0.04)
                other.execute("ROLLBACK")
                stop.wait(0.02)

    async with serving(path, lock_seconds_max=0.01) as (journal, _, channel):
        locking = asyncio.create_task(asyncio.to_thread(lock_again_and_again))
        producer = OttoProducer(channel, "ForwardWorkerLogs")
        kinds: set[int] = set()
        while len(kinds) < 2 or len(answers) < 60:
            group = [f"{len(answers)}.{offset}" for offset in range(3)]
            for text in group:
                await producer.send(text)
            for text in group:
                answers[text] = (await producer.read()).status
            kinds = set(answers.values())
        stop.set()
        await locking
        assert await stored(journal, "t") == [text for text, status in answers.items() if status == 0]
    assert kinds == {otto.LogForwardResponse.ACK, otto.LogForwardResponse.RETRY}


async def test_the_wait_on_ottos_wire_grows_with_the_backlog(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """None below half of the limit, the longest at all of it."""
    producer = OttoProducer(channel, "ForwardWorkerLogs")
    waits = []
    for journal.fullness in (0.0, 0.4, 0.6, 0.8, 1.2, 0.0):
        waits.append((await producer.say("a")).throttle_ms)
    assert waits == [0, 0, 200, 600, 1_000, 0]


async def test_what_streams_gather_is_bounded_over_all_of_them(serve: Any, journal: WatchedJournal) -> None:
    """Lines that wait after a group are counted together, and the streams that sent most pause."""
    # Threat: each of many streams stays within its own limit, and together they fill the memory.
    server, channel = await serve(IngestLimits(gathered_bytes_max=100_000, paused_bytes_max=10_000))
    journal.hold()
    producers = [OttoProducer(channel) for _ in range(8)]
    for index, producer in enumerate(producers):
        for _ in range(60):
            await producer.send("x" * 1_000, task_id=f"t-{index}")
    fence = OttoProducer(channel)
    await fence.send("x", task_id="fence")
    await journal.until(lambda: any(getattr(item, "task_id", "") == "fence" for item in journal.appended))
    assert server.registry.gathered_bytes <= 100_000 + 8 * (10_000 + 2_000)
    journal.release()
    for producer in producers:
        assert [(await producer.read()).sequence for _ in range(60)] == list(range(1, 61))
    assert server.registry.gathered_bytes == 0


async def test_producers_with_little_go_on_while_others_pause(serve: Any, journal: WatchedJournal) -> None:
    """The pause is for those whose lines fill the backlog."""
    _, channel = await serve(IngestLimits(paused_bytes_max=5_000))
    journal.set_writable(False)
    heavy, light = NativeProducer(channel), NativeProducer(channel)
    await heavy.hello("heavy")
    await light.hello("light")
    await heavy.send(lines_request(1, ["x" * 10_000], task_id="heavy"))
    await light.send(lines_request(1, ["x"], task_id="light"))
    await light.acknowledged(1)
    assert [item.task_id for item in journal.appended] == ["light"]
    journal.set_writable(True)
    await heavy.acknowledged(1)
