import asyncio
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from otto_logs import (
    LogProducer,
    NotDeliveredError,
    Problem,
    ProblemKind,
    ProducerLimits,
    ProducerState,
    SpoolPolicy,
    SyncLogProducer,
)

from tests.support.ingest_peer import IngestPeer, Script
from tests.support.waiting import until

AWAY = "127.0.0.1:9"


async def leave(directory: Path, limits: ProducerLimits, *texts: str) -> str:
    """What a process leaves that never reached its gateway; its producer id."""
    producer = LogProducer(AWAY, limits=limits, spool_directory=directory)
    for text in texts:
        await producer.log("t", "w", text)
    with pytest.raises(NotDeliveredError, match=f"kept in {directory}"):
        await producer.close(0)
    return producer.producer_id


async def test_leftovers_are_delivered_first(peer: IngestPeer, quick: ProducerLimits, tmp_path: Path) -> None:
    """Under their own producer ids, oldest first, then what is new; nothing is left on disk."""
    ids = [await leave(tmp_path, quick, "one", "two"), await leave(tmp_path, quick, "three")]
    problems: list[Problem] = []
    async with LogProducer(
        peer.address, limits=quick, spool_directory=tmp_path, on_problem=problems.append
    ) as producer:
        await producer.log("t", "w", "four")

    assert peer.lines() == ["one", "two", "three", "four"]
    assert [hello.producer_id for hello in peer.hellos] == [*ids, producer.producer_id]
    assert producer.statistics.leftover_lines_acknowledged == 3
    assert producer.statistics.lines_acknowledged == 1
    assert [problem.kind for problem in problems] == [ProblemKind.LEFTOVER] * 2
    assert not any(tmp_path.iterdir())


async def test_the_environment_may_say_where(
    peer: IngestPeer, quick: ProducerLimits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OTTO_LOGS_SPOOL_DIR`` is the default; an empty argument is no directory."""
    await leave(tmp_path, quick, "one")
    monkeypatch.setenv("OTTO_LOGS_SPOOL_DIR", str(tmp_path))
    async with LogProducer(peer.address, limits=quick, spool_directory="") as producer:
        await producer.log("t", "w", "memory")
    assert peer.lines() == ["memory"]

    async with LogProducer(peer.address, limits=quick) as producer:
        await producer.log("t", "w", "two")
    assert peer.lines() == ["memory", "one", "two"]


async def test_a_living_process_keeps_its_own(peer: IngestPeer, quick: ProducerLimits, tmp_path: Path) -> None:
    """Two producers with one directory do not disturb each other."""
    peer.release.clear()
    first = LogProducer(peer.address, limits=quick, spool_directory=tmp_path)
    await first.log("t", "first", "a")
    await peer.until(lambda: peer.lines() == ["a"])
    peer.release.set()
    async with LogProducer(peer.address, limits=quick, spool_directory=tmp_path) as second:
        await second.log("t", "second", "b")
    await first.log("t", "first", "c")
    await first.close()

    assert peer.lines() == ["a", "b", "c"]
    assert second.statistics.leftover_lines_acknowledged == 0


async def test_a_leftover_that_is_refused_stays_and_holds_up_nothing(
    peer: IngestPeer, quick: ProducerLimits, tmp_path: Path
) -> None:
    """Another token may be allowed to; what is new continues."""
    old = await leave(tmp_path, quick, "one")
    peer.scripts.append(Script(refuse=(grpc.StatusCode.PERMISSION_DENIED, "not this task")))
    problems: list[Problem] = []
    async with LogProducer(
        peer.address, limits=quick, spool_directory=tmp_path, on_problem=problems.append
    ) as producer:
        await producer.log("t", "w", "two")

    assert peer.lines() == ["two"]
    assert [path.name for path in tmp_path.iterdir()] == [old]
    assert any(problem.kind is ProblemKind.LEFTOVER and "not this task" in problem.message for problem in problems)


async def test_a_leftover_whose_gateway_is_away_is_no_obstacle_to_closing(
    quick: ProducerLimits, tmp_path: Path
) -> None:
    """The time limit of ``close`` is for both, the reason is told, and both stay."""
    await leave(tmp_path, quick, "one")
    producer = LogProducer(AWAY, limits=quick, spool_directory=tmp_path)
    await producer.log("t", "w", "two")
    await until(lambda: producer.statistics.state is ProducerState.AWAY, "it is known that the gateway is away")

    with pytest.raises(NotDeliveredError, match=r"1 line within .* \(connection refused\)"):
        await producer.close(0.5)
    assert len(list(tmp_path.iterdir())) == 2


async def test_policies_hold_while_leftovers_are_delivered(
    peer: IngestPeer, quick: ProducerLimits, tmp_path: Path
) -> None:
    """A gateway that is there and slow makes a caller wait, and no line is dropped."""
    await leave(tmp_path, quick, "one")
    peer.release.clear()
    limits = replace(quick, spool_bytes_max=65_536, spool_disk_bytes_max=262_144)
    producer = SyncLogProducer(
        peer.address, limits=limits, spool_directory=tmp_path, policy=SpoolPolicy.BLOCK_WHILE_CONNECTED
    )
    await peer.until(lambda: peer.lines() == ["one"])

    def write() -> None:
        for index in range(600):
            producer.log("t", "w", str(index).ljust(1_000))

    writing = asyncio.create_task(asyncio.to_thread(write))
    await until(lambda: producer.statistics.lines_accepted >= 200, "200 lines were accepted")
    peer.release.set()
    await writing
    await asyncio.to_thread(producer.close)

    assert producer.statistics.lines_dropped == 0
    assert [line.strip() for line in peer.lines()] == ["one", *map(str, range(600))]


async def test_a_producer_id_has_one_process(quick: ProducerLimits, tmp_path: Path) -> None:
    """A second one with the same id is told at once; a later one continues where it was."""
    first = SyncLogProducer(AWAY, limits=quick, spool_directory=tmp_path, producer_id="nightly")
    first.log("t", "w", "one")
    with pytest.raises(ValueError, match="another process uses 'nightly'"):
        SyncLogProducer(AWAY, limits=quick, spool_directory=tmp_path, producer_id="nightly")
    with pytest.raises(NotDeliveredError):
        await asyncio.to_thread(first.close, 0)

    second = SyncLogProducer(AWAY, limits=quick, spool_directory=tmp_path, producer_id="nightly")
    assert second.statistics.lines_waiting == 1
    with pytest.raises(NotDeliveredError):
        await asyncio.to_thread(second.close, 0)
