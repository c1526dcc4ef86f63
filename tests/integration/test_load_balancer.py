"""nginx before three gateways on one PostgreSQL, with the configuration of the documentation."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess
from tests.support.nginx import nginx_command
from tests.support.ports import free_port
from tests.support.postgres_server import PostgresServer
from tests.support.programs import running_program
from tests.support.socket_io_client import Recorder
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

DOCUMENT = Path(__file__).parents[2] / "docs" / "several-gateways.md"
LINES = [f"line {number}" for number in range(1, 91)]
SEQUENCES = list(range(1, 91))


@dataclass(frozen=True)
class Site:
    """Three gateways, and where nginx has them."""

    gateways: list[GatewayProcess]
    url: str
    grpc_address: str

    def stream(self, task: str) -> EventStream:
        return EventStream(f"{self.url}/api/v1/log-streaming/logs/{task}/stream")


@pytest.fixture
async def site(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Site]:
    url = await postgres.add_schema()
    gateways = [GatewayProcess(tmp_path / name, DATABASE_URL=url) for name in "abc"]
    http, grpc = free_port(), free_port()
    (configuration,) = re.findall(r"```nginx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    for name, gateway in zip("abc", gateways, strict=True):
        configuration = configuration.replace(f"server {name}:4000", f"server 127.0.0.1:{gateway.http_port}")
        configuration = configuration.replace(f"server {name}:9090", f"server {gateway.grpc_address}")
    configuration = configuration.replace("listen 80;", f"listen 127.0.0.1:{http};")
    configuration = configuration.replace("listen 9443 ", f"listen 127.0.0.1:{grpc} ")
    try:
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        command = nginx_command(tmp_path, configuration)
        async with running_program(command, tmp_path, ready_url=f"http://127.0.0.1:{http}/healthz/ready"):
            yield Site(gateways, f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}")
    finally:
        for gateway in gateways:
            gateway.kill()


async def readers_of(gateway: GatewayProcess) -> int:
    metrics = await gateway.metrics()
    return int(sum(metrics[f'otto_active_connections{{transport="{name}"}}'] for name in ("sse", "socketio")))


async def follow(stream: EventStream) -> None:
    """Read to the end, as a browser does: after a cut it asks again, and nginx chooses."""
    while not stream.recording.is_complete:
        await stream.read()
        await asyncio.sleep(0.01)


class Socket:
    """A reader over a WebSocket alone, which connects again after a cut and goes on where it was."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.sequences: list[int] = []
        self.connections = 0

    async def follow(self) -> None:
        while True:
            client = await Recorder().connect(self._url)
            self.connections += 1
            after = {"after": self.sequences[-1]} if self.sequences else {}
            await client.call("subscribe-to-logs", {"taskId": "build", **after})
            await client.wait(lambda seen: seen.named("log-complete") or seen.is_disconnected.is_set())
            self.sequences += client.sequences
            is_complete = bool(client.named("log-complete"))
            await client.close()
            if is_complete:
                return


async def test_readers_of_three_gateways_need_no_stickiness(site: Site) -> None:
    """Each reader gets every line once, in order, over both transports, though its gateway is killed under it."""
    streams = [site.stream("build") for _ in range(6)]
    sockets = [Socket(site.url) for _ in range(6)]
    reading = [asyncio.create_task(follow(each)) for each in streams]
    reading += [asyncio.create_task(each.follow()) for each in sockets]
    await publish(site.grpc_address, "build", LINES[:30])
    async for _ in attempts("every gateway has readers"):
        counts = [await readers_of(gateway) for gateway in site.gateways]
        if sum(counts) == 12 and all(counts):
            break
    site.gateways[0].kill()
    await publish(site.grpc_address, "build", LINES[30:60])
    async for _ in attempts("the others have its readers"):
        if sum([await readers_of(gateway) for gateway in site.gateways[1:]]) == 12:
            break
    await site.gateways[0].start()
    await publish(site.grpc_address, "build", LINES[60:], end=True)
    await asyncio.gather(*reading)
    assert all(each.recording.sequences == SEQUENCES and each.recording.messages == LINES for each in streams)
    assert all(each.sequences == SEQUENCES for each in sockets)
    assert sum(each.connections for each in sockets) > 6


async def test_long_polling_that_reaches_another_gateway_is_told_so(site: Site) -> None:
    """It says what is needed; at its own gateway the session goes on."""
    async with httpx2.AsyncClient(base_url=site.url) as client:
        path = "/socket.io/?EIO=4&transport=polling"
        opened = await client.get(path)
        sid = re.findall(r'"sid":"([^"]+)"', opened.text)[0]
        answers = [await client.post(f"{path}&sid={sid}", content=b"40/log-streaming,") for _ in range(3)]
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    for answer in answers:
        if answer.status_code == 400:
            assert "there is no such session here" in answer.text
            assert "long polling has to stay with one gateway; WebSockets need not" in answer.text
