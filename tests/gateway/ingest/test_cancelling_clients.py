"""Real clients that cancel right after their last line, as the scaler does: what crossed the wire is stored.

How much of it they send at all is theirs: some throw away what is pending for the connection.
"""

import asyncio
import contextlib
import os
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from ottoscaler.v1 import log_streaming_pb2 as otto
from ottoscaler.v1 import log_streaming_pb2_grpc as otto_grpc

from storage.journal.interface import StreamClosed
from tests.support.counting_proxy import CountingProxy
from tests.support.programs import program, run_node
from tests.support.waiting import time_limit, until
from tests.support.watched_journal import WatchedJournal

FORWARD = "/ottoscaler.v1.OttoHandlerLogService/ForwardWorkerLogs"
COUNTS = pytest.mark.parametrize("count", [1, 20, 200, 20_000])
GO = Path(__file__).resolve().parents[2] / "go"
BUILT = Path(__file__).resolve().parents[3] / "var" / "go"


@pytest.fixture
def carrier() -> str:
    """What grpcio has received and not handed over is lost to us, so this holds for the gateway's own server."""
    return "h2"


@pytest.fixture
async def proxy(serve: Any) -> Any:
    server, _ = await serve()
    async with CountingProxy(server.port) as proxy:
        yield proxy


async def what_crossed_is_stored(proxy: CountingProxy, journal: WatchedJournal, count: int) -> None:
    """Every line that the proxy passed on, in order, and no more than the client was to send."""
    await until(lambda: proxy.has_ended(FORWARD), "the client has cancelled its call")
    crossed = [otto.WorkerLogEntry.FromString(message).message for message in proxy.messages(FORWARD)]
    assert crossed == [f"line {number}" for number in range(len(crossed))]
    assert len(crossed) <= count
    if crossed:
        await journal.until(lambda: StreamClosed("t") in journal.appended)
    await until(lambda: journal.inner.statistics.waiting_lines == 0, "the last commit is done")
    assert [entry.message for entry in await journal.entries("t")] == crossed


def _forward_and_cancel(address: str, count: int) -> None:
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def lines() -> Iterator[otto.WorkerLogEntry]:
        for number in range(count):
            yield otto.WorkerLogEntry(task_id="t", worker_id="w", message=f"line {number}")
        calls.get().cancel()

    with grpc.insecure_channel(address) as channel, contextlib.suppress(grpc.RpcError):
        call = otto_grpc.OttoHandlerLogServiceStub(channel).ForwardWorkerLogs(lines())
        calls.put(call)
        for _ in call:
            pass


@COUNTS
async def test_clients_of_grpcio_may_cancel(proxy: CountingProxy, journal: WatchedJournal, count: int) -> None:
    """Python's client."""
    await asyncio.to_thread(_forward_and_cancel, f"127.0.0.1:{proxy.port}", count)
    await what_crossed_is_stored(proxy, journal, count)


@pytest.mark.node
@COUNTS
async def test_clients_of_grpc_js_may_cancel(proxy: CountingProxy, journal: WatchedJournal, count: int) -> None:
    """Node's client."""
    await run_node("cancelling-producer.js", f"127.0.0.1:{proxy.port}", "t", str(count))
    await what_crossed_is_stored(proxy, journal, count)


@pytest.fixture(scope="session")
def go_producer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client of Debian's grpc-go; what is compiled for it stays in ``var``."""
    binary = tmp_path_factory.mktemp("go") / "cancelling_producer"
    go = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(BUILT), "CGO_ENABLED": "0"}
    command = [program("go"), "build", "-o", binary, GO / "cancelling_producer.go"]
    subprocess.run(command, env=os.environ | go, check=True)
    return binary


@pytest.mark.servers
@pytest.mark.xdist_group("go")
@COUNTS
async def test_clients_of_grpc_go_may_cancel(
    proxy: CountingProxy, journal: WatchedJournal, go_producer: Path, count: int
) -> None:
    """Go's client, which the scaler is written with."""
    lines = (otto.WorkerLogEntry(task_id="t", worker_id="w", message=f"line {number}") for number in range(count))
    messages = [line.SerializeToString() for line in lines]
    process = await asyncio.create_subprocess_exec(
        go_producer, f"127.0.0.1:{proxy.port}", stdin=asyncio.subprocess.PIPE
    )
    async with time_limit("the client ends"):
        await process.communicate(b"".join(len(each).to_bytes(4, "big") + each for each in messages))
    assert process.returncode == 0
    await what_crossed_is_stored(proxy, journal, count)
