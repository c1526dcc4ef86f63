"""Clients from npm against the whole process: ``socket.io-client`` and ``@grpc/grpc-js``."""

import json
from pathlib import Path

import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import running_gateway
from tests.support.programs import start_node
from tests.support.waiting import time_limit
from tests.support.worker import publish

pytestmark = pytest.mark.node


async def test_socket_io_client_goes_on_after_a_kill(tmp_path: Path) -> None:
    """The library reconnects by itself; subscribed again with ``after``, it misses and repeats nothing."""
    lines = [f"line {number}" for number in range(1, 601)]
    seen: list[str] = []
    async with running_gateway(tmp_path) as gateway:
        client = await start_node("reconnecting.js", gateway.websocket_url, "build")
        assert client.stdout is not None
        for part in range(3):
            await publish(gateway.grpc_address, "build", lines[part * 200 : part * 200 + 200])
            while len(seen) < part * 200 + 200:
                seen.append(json.loads(await client.stdout.readline())["message"])
            await gateway.restart()
        await publish(gateway.grpc_address, "build", ["the last one"], end=True)
        async with time_limit("the client ends"):
            rest = (await client.stdout.read()).splitlines()
            assert await client.wait() == 0
    assert [*seen, *(json.loads(row)["message"] for row in rest)] == [*lines, "the last one"]


@pytest.mark.parametrize("method", ["ForwardWorkerLogs", "StreamLogs"])
async def test_a_worker_in_javascript_speaks_ottos_wire(tmp_path: Path, method: str) -> None:
    """A producer built from our ``.proto`` files sends line by line, and each line is answered, stored and streamed."""
    lines = [f"step {number} 완료" for number in range(1, 501)]
    async with running_gateway(tmp_path) as gateway:
        worker = await start_node("otto-producer.js", gateway.grpc_address, method, "build", "worker-1")
        async with time_limit("the client ends"):
            output, _ = await worker.communicate("".join(f"{line}\n" for line in lines).encode())
        stream = EventStream(gateway.stream_url("build"))
        recording = await stream.read(until=lambda seen: len(seen.entries) == len(lines))
    result = json.loads(output)
    assert (result["ACK"], result["RETRY"], result["DROP"]) == (500, 0, 0)
    assert result["sequences"] == list(range(1, 501))
    assert recording.messages == lines
