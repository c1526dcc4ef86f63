import asyncio
import contextlib
import subprocess
import sys
import threading
from collections import defaultdict

import grpc
import pytest
from otto_logs import (
    NotDeliveredError,
    PermissionDeniedError,
    ProducerLimits,
    ProducerState,
    SyncLogProducer,
    WorkerStatus,
)

from tests.support.ingest_peer import IngestPeer, Script
from tests.support.waiting import WAIT_SECONDS_MAX, attempts


async def test_any_thread_may_write(peer: IngestPeer) -> None:
    """Every thread's lines arrive once and in its order."""

    def work(producer: SyncLogProducer, name: str) -> None:
        for index in range(500):
            producer.log("t", name, f"{name} {index}")

    def write() -> None:
        with SyncLogProducer(peer.address, limits=ProducerLimits(spool_bytes_max=65536)) as producer:
            threads = [threading.Thread(target=work, args=(producer, f"thread-{number}")) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    await asyncio.to_thread(write)

    found = defaultdict(list)
    for line in peer.lines():
        found[line.split()[0]].append(int(line.split()[1]))
    assert found == {f"thread-{number}": list(range(500)) for number in range(4)}


async def test_a_worker_reports_what_becomes_of_it(peer: IngestPeer) -> None:
    """RUNNING, then COMPLETED, or FAILED with the reason where the block raised."""

    def work() -> None:
        with SyncLogProducer(peer.address) as producer:
            with producer.worker("t", "good") as worker:
                worker.log("line")
            with pytest.raises(KeyError), producer.worker("t", "bad"):
                raise KeyError("missing")
            producer.end_task("t", failed=True)
            producer.flush(WAIT_SECONDS_MAX)

    await asyncio.to_thread(work)

    statuses = [request.worker_status.status for request in peer.stored("worker_status")]
    assert statuses == [WorkerStatus.RUNNING, WorkerStatus.COMPLETED, WorkerStatus.RUNNING, WorkerStatus.FAILED]
    assert peer.requests[-1].end_of_task.failed


async def test_a_failed_block_keeps_its_own_error(peer: IngestPeer) -> None:
    """What the program raised is not covered by what the gateway refused."""
    peer.scripts.append(Script(refuse=(grpc.StatusCode.PERMISSION_DENIED, "not yours")))

    def work() -> None:
        with SyncLogProducer(peer.address) as producer:
            with contextlib.suppress(PermissionDeniedError):  # the refusal may come before the line
                producer.log("t", "w", "line")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(work)


def run_python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS_MAX, check=False
    )


async def test_a_forgotten_producer_is_closed_at_exit(peer: IngestPeer) -> None:
    """A program that just ends has delivered its lines."""
    code = """
import sys
from otto_logs import SyncLogProducer
producer = SyncLogProducer(sys.argv[1])
for index in range(100): producer.log("t", "w", str(index))
"""
    ended = await asyncio.to_thread(run_python, code, peer.address)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert peer.lines() == [str(index) for index in range(100)]


async def test_a_producer_does_not_survive_a_fork(peer: IngestPeer) -> None:
    """The child is asked to make its own, also if a lock was held at the fork; the parent continues."""
    code = """
import os, sys
from otto_logs import ForkedError, SyncLogProducer
producer = SyncLogProducer(sys.argv[1])
producer.log("t", "w", "before")
producer.flush()
with producer._delivery.outbox._lock:
    child = os.fork()
if child == 0:
    try:
        producer.log("t", "w", "in the child")
    except ForkedError as error:
        assert "make a new" in str(error)
        producer.close()
        os._exit(42)
    os._exit(1)
_, status = os.waitpid(child, 0)
producer.log("t", "w", "behind")
producer.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""
    ended = await asyncio.to_thread(run_python, code, peer.address)

    assert ended.returncode == 42, ended.stderr
    assert peer.lines() == ["before", "behind"]


def test_a_gateway_that_is_away_does_not_hold_up_the_end() -> None:
    """`close` gives up after its time, and says how many lines were lost."""
    producer = SyncLogProducer("127.0.0.1:1", on_problem=lambda _: None)
    producer.log("t", "w", "line")
    for _ in attempts("it is known that the gateway is away"):
        if producer.statistics.state is ProducerState.AWAY:
            break

    with pytest.raises(
        NotDeliveredError, match=r"127\.0\.0\.1:1 has not acknowledged 1 line .*connection refused"
    ) as error:
        producer.close(0.2)
    assert error.value.lines == 1
