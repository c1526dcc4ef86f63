"""``serve --workers``: several gateways on the same ports of one machine."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until
from tests.support.worker import publish

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

LINES = [f"line {number}" for number in range(1, 61)]


@pytest.fixture
async def gateway(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    gateway = GatewayProcess(tmp_path, arguments=("--workers", "2"), DATABASE_URL=await postgres.add_schema())
    try:
        await gateway.start()
        await until(lambda: gateway.log().count('"listening"') == 2, "both listen", shown=gateway.log)
        yield gateway
    finally:
        gateway.kill()


def workers(gateway: GatewayProcess) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()]


async def test_workers_share_ports_and_lines(gateway: GatewayProcess) -> None:
    """Each connection is with some worker; all readers get every line, also after a worker was killed."""
    streams = [EventStream(gateway.stream_url("build")) for _ in range(6)]
    reading = [asyncio.create_task(stream.read()) for stream in streams]
    for start in range(0, 30, 10):
        await publish(gateway.grpc_address, "build", LINES[start : start + 10])
    await until(lambda: all(len(each.recording.entries) == 30 for each in streams), "half of the lines have come")
    before = workers(gateway)
    os.kill(before[0], signal.SIGKILL)
    await until(lambda: gateway.log().count('"listening"') == 3, "it is started again", shown=gateway.log)
    assert len(set(workers(gateway)) & set(before)) == 1
    await publish(gateway.grpc_address, "build", LINES[30:], end=True)
    await asyncio.gather(*reading)
    for stream in streams:
        while not stream.recording.is_complete:
            await stream.read()
    assert all(stream.recording.messages == LINES for stream in streams)
    assert await gateway.stop() == 0
