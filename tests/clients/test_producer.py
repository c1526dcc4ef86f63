import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import otto_logs
import pytest
from otto_logs import (
    ClosedError,
    Level,
    LogProducer,
    NotDeliveredError,
    Problem,
    ProblemKind,
    ProducerLimits,
    ProducerState,
    Source,
    SpoolPolicy,
    StageStatus,
    WorkerStatus,
)

from tests.support.ingest_peer import IngestPeer
from tests.support.scripted_history import settle
from tests.support.waiting import until


async def test_lines_arrive_as_they_were_given(peer: IngestPeer) -> None:
    """Message, time, level, source and metadata of every line, in order."""
    async with LogProducer(peer.address) as producer:
        await producer.log(
            "t", "w", "first\n", level="warning", source="stderr", time_unix_nano=7, metadata={"attempt": 2}
        )
        await producer.log("t", "w", b"\xff", level=Level.FATAL)

    first, second = (line for request in peer.stored("lines") for line in request.lines.lines)
    assert (first.message, first.time_unix_nano, first.level, first.source) == (b"first", 7, 4, Source.STDERR)
    assert dict(first.metadata) == {"attempt": "2"}
    assert (second.message, second.level, second.source) == (b"\xff", 6, Source.STDOUT)
    assert second.time_unix_nano > 0


async def test_lines_share_requests(peer: IngestPeer) -> None:
    """A burst of lines takes few requests, none with more lines than allowed."""
    async with LogProducer(peer.address, limits=ProducerLimits(batch_lines_max=100)) as producer:
        for index in range(1_000):
            await producer.log("t", "w", str(index))

    assert peer.lines() == [str(index) for index in range(1_000)]
    assert 10 <= len(peer.requests) <= 20
    assert max(len(request.lines.lines) for request in peer.requests) == 100


async def test_a_worker_reports_what_becomes_of_it(peer: IngestPeer) -> None:
    """RUNNING, then COMPLETED, or FAILED with the reason where the block raised."""
    async with LogProducer(peer.address) as producer:
        async with producer.worker("t", "good") as worker:
            await worker.log("line")
        with pytest.raises(ZeroDivisionError):
            async with producer.worker("t", "bad"):
                raise ZeroDivisionError("by zero")

    reports = [request.worker_status for request in peer.stored("worker_status")]
    assert [(report.worker_id, report.status, report.reason) for report in reports] == [
        ("good", WorkerStatus.RUNNING, ""),
        ("good", WorkerStatus.COMPLETED, ""),
        ("bad", WorkerStatus.RUNNING, ""),
        ("bad", WorkerStatus.FAILED, "ZeroDivisionError: by zero"),
    ]


async def test_ends_and_stages_go_the_same_way(peer: IngestPeer) -> None:
    """The end of a task and the progress of a stage are numbered with the lines, in order."""
    async with LogProducer(peer.address) as producer:
        await producer.log("t", "w", "last")
        await producer.end_task("t", failed=True, reason="broken")
        await producer.report_stage("p", "s", StageStatus.FAILED, percentage=40, workers=["w"], error="broken")

    assert [request.WhichOneof("item") for request in peer.requests] == ["lines", "end_of_task", "stage_progress"]
    assert peer.requests[1].end_of_task.failed
    progress = peer.requests[2].stage_progress
    assert (progress.pipeline_id, progress.status, progress.progress_percentage) == ("p", StageStatus.FAILED, 40)


async def test_flush_returns_when_everything_is_stored(peer: IngestPeer) -> None:
    """And not before: an acknowledgement that is withheld holds it up."""
    peer.release.clear()
    async with LogProducer(peer.address) as producer:
        await producer.log("t", "w", "line")
        with pytest.raises(NotDeliveredError, match=r"has not acknowledged 1 line within 0\.05 s") as caught:
            await producer.flush(0.05)
        assert caught.value.lines == 1
        peer.release.set()
        await producer.flush()

        assert producer.statistics.lines_acknowledged == 1


async def test_the_stream_is_ended_in_order(peer: IngestPeer) -> None:
    """With everything stored, the producer half-closes, so that the gateway knows that no more comes."""
    async with LogProducer(peer.address) as producer:
        await producer.log("t", "w", "line")

    await peer.until(lambda: peer.half_closed == 1)
    assert producer.statistics.state is ProducerState.CLOSED


async def test_credit_is_respected(peer: IngestPeer) -> None:
    """No more lines are in flight than the gateway has said, also when it says less later."""
    peer.credit_lines = 7
    async with LogProducer(peer.address) as producer:
        for index in range(100):
            await producer.log("t", "w", str(index))
        await producer.flush()
        peer.credit_lines = 3
        await producer.log("t", "w", "tells the new credit")
        await producer.flush()
        peer.in_flight_most = 0
        for index in range(50):
            await producer.log("t", "w", str(index))

    assert len(peer.lines()) == 151
    assert 1 <= peer.in_flight_most <= 3


async def test_no_credit_stops_lines_and_nothing_else(peer: IngestPeer) -> None:
    """With a credit of 0 lines wait; a status, which is none, still goes."""
    peer.credit_lines = 0
    async with LogProducer(peer.address) as producer:
        await producer.report_status("t", "w", "running")
        await producer.log("t", "w", "line")
        await peer.until(lambda: len(peer.requests) == 1)
        with pytest.raises(NotDeliveredError):
            await producer.flush(0.05)
        assert peer.lines() == []
        peer.credit_lines = 10
        await producer.report_status("t", "v", "running")  # waits its turn after the line
        with pytest.raises(NotDeliveredError):
            await producer.close(0.05)


async def test_the_gateway_may_ask_for_a_pause(peer: IngestPeer) -> None:
    """`wait_ms` holds the next request back, and only for so long."""
    peer.wait_ms = 60
    loop = asyncio.get_running_loop()
    async with LogProducer(peer.address) as producer:
        await producer.log("t", "w", "first")
        await producer.flush()
        answered = loop.time()
        await producer.log("t", "w", "second")
        await producer.flush()

        assert loop.time() - answered >= 0.05


async def full(producer: LogProducer, limits: ProducerLimits) -> None:
    """Until nothing more goes in, although somebody has had many turns to put it there."""
    await until(lambda: producer.statistics.bytes_waiting > limits.spool_bytes_max - 2_500, "the spool is full")
    await settle()


async def test_a_full_spool_makes_the_caller_wait(peer: IngestPeer) -> None:
    """With the policy `block` nothing is dropped: `log` returns once there is room."""
    peer.release.clear()
    limits = ProducerLimits(spool_bytes_max=65536)
    async with LogProducer(peer.address, limits=limits) as producer:

        async def write() -> None:
            for index in range(200):
                await producer.log("t", "w", f"{index:01000}")

        writing = asyncio.create_task(write())
        await full(producer, limits)
        assert not writing.done()
        assert producer.statistics.bytes_waiting <= limits.spool_bytes_max
        peer.release.set()
        await writing

    assert [int(line) for line in peer.lines()] == list(range(200))
    assert producer.statistics.lines_dropped == 0


async def test_a_full_spool_drops_the_oldest_and_says_so(peer: IngestPeer, quick: ProducerLimits) -> None:
    """With the policy `drop_oldest` `log` never waits; what is missing is counted, in the log and in the statistics."""
    port = peer.port
    await peer.stop()
    problems: list[Problem] = []
    limits = replace(quick, spool_bytes_max=65536)
    async with LogProducer(
        f"127.0.0.1:{port}", limits=limits, policy="drop_oldest", on_problem=problems.append
    ) as producer:
        for index in range(200):
            await producer.log("t", "w", f"{index:01000}")
        await peer.start(port)
        await producer.flush()
        dropped = producer.statistics.lines_dropped

    lines = peer.lines()
    assert lines[0] == f"otto-logs: dropped {dropped} lines here because the spool was full"
    assert [int(line) for line in lines[1:]] == list(range(dropped, 200))
    assert sum(problem.kind is ProblemKind.DROPPED for problem in problems) >= 1


async def test_a_policy_may_depend_on_the_gateway(peer: IngestPeer, quick: ProducerLimits) -> None:
    """`block_while_connected` waits for a gateway that is there, and drops once it is gone."""
    peer.release.clear()
    limits = replace(quick, spool_bytes_max=65536)
    producer = LogProducer(peer.address, limits=limits, policy=SpoolPolicy.BLOCK_WHILE_CONNECTED)

    async def write() -> None:
        for index in range(200):
            await producer.log("t", "w", f"{index:01000}")

    await producer.log("t", "w", "0")
    await peer.until(lambda: bool(peer.requests))
    writing = asyncio.create_task(write())
    await full(producer, limits)
    assert not writing.done()
    await peer.stop()
    await writing

    assert producer.statistics.lines_dropped > 0
    with pytest.raises(NotDeliveredError):
        await producer.close(0)


async def test_closing_is_final_and_may_be_repeated(peer: IngestPeer) -> None:
    """A closed producer takes nothing; closing it again does nothing."""
    producer = LogProducer(peer.address)
    await producer.log("t", "w", "line")
    await producer.close()
    await producer.close()

    with pytest.raises(ClosedError, match="the producer is closed"):
        await producer.log("t", "w", "late")


async def test_a_waiting_caller_may_be_cancelled(peer: IngestPeer) -> None:
    """A `log` that waits for room gives up its line and leaves the producer as it was."""
    peer.release.clear()
    limits = ProducerLimits(spool_bytes_max=65536)
    async with LogProducer(peer.address, limits=limits) as producer:
        accepted = 0

        async def write() -> None:
            nonlocal accepted
            while True:
                await producer.log("t", "w", f"{accepted:01000}")
                accepted += 1

        writing = asyncio.create_task(write())
        await full(producer, limits)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        peer.release.set()

    assert [int(line) for line in peer.lines()] == list(range(accepted))


async def test_statistics_are_a_frozen_picture(peer: IngestPeer) -> None:
    """Counts add up, and a picture does not change afterwards."""
    async with LogProducer(peer.address) as producer:
        await producer.log("t", "w", "line")
        before = producer.statistics
        await producer.flush()
        after = producer.statistics

    assert (before.lines_accepted, before.lines_acknowledged) == (1, 0)
    assert (after.lines_acknowledged, after.lines_waiting, after.bytes_waiting) == (1, 0, 0)
    assert after.state is ProducerState.CONNECTED
    assert "connected" in repr(producer) or "closed" in repr(producer)


async def test_positions_are_kept_with_the_lines(peer: IngestPeer, tmp_path: Path) -> None:
    """A later producer with the same spool knows how far its inputs were read."""
    options = {"spool_directory": tmp_path, "spool_name": "inputs"}
    async with LogProducer(peer.address, **options) as producer:  # type: ignore[arg-type]  # of two types
        await producer.log("t", "w", "one", positions={"input": [1, 2]})
    later = LogProducer(peer.address, **options)  # type: ignore[arg-type]
    async with later:
        assert later.positions == {"input": [1, 2]}


def test_the_synchronous_producer_is_generated() -> None:
    """From the asynchronous one, with no await left."""
    package = Path(otto_logs.__file__).parent
    subprocess.run([sys.executable, package.parent / "generate.py", "--check"], check=True)
    assert not re.search(r"\b(async|await)\b", (package / "_sync_producer.py").read_text())
