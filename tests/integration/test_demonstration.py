"""Real build output from four workers to twenty subscribers, half of them cut off and resumed at random.

In the middle of it the gateway is killed, twice.
"""

import asyncio
import contextlib
import itertools
import secrets
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from canary.sequence_check import SequenceCheck
from tests.support.build_output import OutputLine, build_output
from tests.support.forked_process import forked
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.grep import GrepFiles
from tests.support.subscribers import FILTERS, Subscriber, make_crowd
from tests.support.worker import publish

WORKERS = ("worker-1", "worker-2", "worker-3", "worker-4")
TASK = "build"

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("demonstration")]


async def work(gateway: GatewayProcess, worker_id: str, lines: Sequence[OutputLine]) -> None:
    """Run a worker as a process of its own."""
    command = forked("-m", "tests.support.worker", gateway.grpc_address, TASK, worker_id)
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    text = "".join(f"{line.level}\t{line.source}\t{line.message}\n" for line in lines)
    _, complaints = await process.communicate(text.encode())
    assert process.returncode == 0, complaints.decode()


async def stored_lines(gateway: GatewayProcess, count: int) -> None:
    """Return once the journal has stored ``count`` lines of the task."""
    async with asyncio.timeout(300):
        with contextlib.closing(sqlite3.connect(gateway.database, timeout=30)) as database:
            query = "SELECT coalesce(max(id), 0) FROM job_logs"
            while database.execute(query).fetchone()[0] < count:
                await asyncio.sleep(0.02)


async def job_logs(gateway: GatewayProcess, count: int) -> list[str]:
    """The messages of the task's rows, once there are ``count`` of them."""
    async with asyncio.timeout(300):
        with contextlib.closing(sqlite3.connect(gateway.database, timeout=30)) as database:
            while True:
                rows = database.execute("SELECT log_message FROM job_logs WHERE job_id = ? ORDER BY id ASC", (TASK,))
                messages = [message for (message,) in rows]
                if len(messages) >= count:
                    return messages
                await asyncio.sleep(0.2)


def wanted_lines(log_filter: dict[str, list[str]], inputs: dict[str, GrepFiles]) -> dict[str, list[str]]:
    """What grep gives of every worker's input."""
    workers = log_filter.get("workerIds", list(WORKERS))
    return {worker_id: files.select(log_filter) if worker_id in workers else [] for worker_id, files in inputs.items()}


def check_subscriber(subscriber: Subscriber, wanted: dict[str, list[str]], journal: Sequence[str]) -> None:
    """It was given what grep gives, in order, once, and each line at its place in the task."""
    check = SequenceCheck(line.sequence for line in subscriber.lines)
    assert check.is_orderly, f"{subscriber}: {check}"
    for line in subscriber.lines:
        assert journal[line.sequence - 1] == line.message, f"{subscriber}: another line at {line.sequence}"
    for worker_id, messages in wanted.items():
        received = [line.message for line in subscriber.lines if line.worker_id == worker_id]
        assert received == messages, f"{subscriber}: {len(received):,} lines of {worker_id}, not {len(messages):,}"
    assert subscriber.connections > len(subscriber.cuts), f"{subscriber}: {subscriber.connections} connections"


async def demonstrate(directory: Path, lines_per_worker: int) -> None:
    """Let them all work and listen, then compare."""
    seed = secrets.randbits(32)
    output = await asyncio.to_thread(build_output, lines_per_worker * len(WORKERS), directory)
    parts = {
        worker_id: output[index * lines_per_worker : (index + 1) * lines_per_worker]
        for index, worker_id in enumerate(WORKERS)
    }
    inputs = {worker_id: GrepFiles(directory / worker_id, lines) for worker_id, lines in parts.items()}
    wanted = [wanted_lines(log_filter, inputs) for log_filter in FILTERS]
    crowd = make_crowd([sum(map(len, each.values())) for each in wanted], seed)
    print(f"\nseed {seed}: {len(output):,} distinct lines, {len(crowd.subscribers)} subscribers")
    started = time.monotonic()
    async with running_gateway(directory / "gateway") as gateway:
        ready = asyncio.Event()
        following = asyncio.create_task(crowd.follow(gateway, TASK, directory, ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({following, waiting}, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.TaskGroup() as working:
            for worker_id, lines in parts.items():
                working.create_task(work(gateway, worker_id, lines))
            for share in (1, 2):
                await stored_lines(gateway, share * len(output) // 3)
                await gateway.restart()
                print(f"{time.monotonic() - started:5.1f} s  the gateway was killed and is back")
        print(f"{time.monotonic() - started:5.1f} s  all lines acknowledged")
        await publish(gateway.grpc_address, TASK, [], end=True)
        await following
        print(f"{time.monotonic() - started:5.1f} s  all subscribers complete")
        rows = await job_logs(gateway, len(output))
        print(f"{time.monotonic() - started:5.1f} s  all lines in job_logs")
    worker_of = {line.message: worker_id for worker_id, lines in parts.items() for line in lines}
    for worker_id, lines in parts.items():
        assert [row for row in rows if worker_of[row] == worker_id] == [line.message for line in lines]
    assert len(rows) == len(output)
    for subscriber, expected in zip(crowd.subscribers, itertools.cycle(wanted), strict=False):
        check_subscriber(subscriber, expected, rows)
        print(f"{len(subscriber.lines):9,} lines  {subscriber.connections:3} connections  {subscriber}")


@pytest.mark.timeout(300)
async def test_everybody_is_given_what_grep_gives(tmp_path: Path) -> None:
    """4 x 2,500 lines: every subscriber gets exactly the lines that match, and ``job_logs`` is the input."""
    await demonstrate(tmp_path, 2_500)


@pytest.mark.demonstration
async def test_everybody_is_given_what_grep_gives_of_much(tmp_path: Path) -> None:
    """4 x 50,000 lines: the same."""
    await demonstrate(tmp_path, 50_000)
