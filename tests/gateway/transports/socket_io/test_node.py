"""The official JavaScript client against the gateway."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from gateway.transports.socket_io.server import SocketIoLimits
from tests.gateway.transports.conftest import MakeGateway
from tests.support.gateway_server import GatewayServer, Principal
from tests.support.programs import node_directory, program
from tests.support.scripted_history import block
from tests.support.waiting import WAIT_SECONDS_MAX, time_limit

pytestmark = pytest.mark.node


class NodeClient:
    """A process that prints what happens to its socket."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[tuple[str, str, Any]] = []

    async def emit(self, event: str, payload: Any = None) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode([event, payload]) + b"\n")
        return await self.until(lambda kind, name, _: (kind, name) == ("answer", event))

    async def until(self, condition: Callable[[str, str, Any], bool]) -> Any:
        """Read up to the first thing that meets the condition; its payload."""
        assert self._process.stdout is not None
        async with time_limit("the client says so", shown=lambda: self.seen[-20:]):
            while line := await self._process.stdout.readline():
                kind, name, payload = msgspec.json.decode(line)
                self.seen.append((kind, name, payload))
                if condition(kind, name, payload):
                    return payload
        raise AssertionError(f"the client ended; it saw {self.seen[-20:]}")

    async def lines(self, count: int) -> list[int]:
        while len(self.sequences) < count:
            await self.until(lambda kind, name, _: name.startswith("log-"))
        return self.sequences

    @property
    def sequences(self) -> list[int]:
        entries = [p for kind, name, p in self.seen if name == "log-entry"]
        entries += [entry for kind, name, p in self.seen if name == "log-entries" for entry in p]
        return [entry["sequence"] for entry in entries]

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.communicate(), WAIT_SECONDS_MAX)


StartNode = Callable[..., Awaitable[NodeClient]]


@pytest.fixture
async def start_node(start_gateway: MakeGateway) -> AsyncIterator[StartNode]:
    clients: list[NodeClient] = []

    async def start(gateway: GatewayServer, transports: str = "websocket", token: str = "") -> NodeClient:
        process = await asyncio.create_subprocess_exec(
            program("node"), "socket-io.js", gateway.url, transports, token,
            cwd=node_directory(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 22,
        )  # fmt: skip
        clients.append(NodeClient(process))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()


@pytest.mark.parametrize("transports", ["websocket", "polling", "polling,websocket"])
@pytest.mark.parametrize("batch", [False, True], ids=["entries", "batches"])
async def test_the_official_client_gets_every_line(
    gateway: GatewayServer, start_node: StartNode, transports: str, batch: bool
) -> None:
    """On each transport, and while it changes from one to the other."""
    gateway.commit(block(1, 3000))
    client = await start_node(gateway, transports)
    await client.until(lambda kind, name, _: kind == "connect")
    answer = await client.emit("subscribe-to-logs", {"taskId": "build", "batch": batch})
    assert (answer["event"], answer["taskId"]) == ("subscribe-to-logs", "build")
    for first in range(3001, 4001, 50):
        gateway.commit(block(first, first + 49))
        await asyncio.sleep(0)
    gateway.end("build")
    await client.until(lambda kind, name, _: name == "log-complete")
    assert client.sequences == list(range(1, 4001))
    if transports == "polling,websocket":
        assert ("upgrade", "websocket", None) in client.seen


async def test_the_official_client_gets_both_answers(gateway: GatewayServer, start_node: StartNode) -> None:
    """The event by name and the callback, for success and refusal."""
    client = await start_node(gateway)
    greeting = await client.until(lambda kind, name, _: name == "connected")
    assert greeting["sessionId"]
    for event, payload, name in [
        ("subscribe-to-logs", {"taskId": "t", "filter": {"levels": ["warning"]}}, "subscription_success"),
        ("subscribe-to-logs", {"taskId": ""}, "subscription_error"),
        ("update-log-filter", {"taskId": "t", "filter": {}}, "filter_update_success"),
        ("update-log-filter", {"taskId": "u", "filter": {}}, "filter_update_error"),
        ("unsubscribe-from-logs", {"taskId": "t"}, "unsubscription_success"),
        ("unsubscribe-from-logs", {"taskId": "t"}, "unsubscription_error"),
        ("subscribe-to-pipeline", {"pipelineId": "p"}, "subscription_success"),
        ("subscribe-to-pipeline", {}, "subscription_error"),
        ("unsubscribe-from-pipeline", {"pipelineId": "p"}, "unsubscription_success"),
        ("unsubscribe-from-pipeline", {"pipelineId": "p"}, "unsubscription_error"),
        ("get-server-stats", None, "server-stats"),
        ("nonsense", None, "request_error"),
    ]:
        answer = await client.emit(event, payload)
        assert client.seen[-2:] == [("event", name, answer), ("answer", event, answer)]
        assert (answer["event"], "code" in answer) == (event, name.endswith("_error"))


async def test_the_official_client_learns_why_it_is_refused(gateway: GatewayServer, start_node: StartNode) -> None:
    """``connect_error`` has the message, and code and field as its data."""
    gateway.tokens.principals["good"] = Principal()
    client = await start_node(gateway, token="bad")
    data = await client.until(lambda kind, name, _: kind == "connect_error")
    assert data["code"] == "UNAUTHENTICATED"
    assert data["message"] == client.seen[-1][1]


async def test_the_official_client_comes_back_and_resumes(start_gateway: MakeGateway, start_node: StartNode) -> None:
    """After the gateway dropped the connection, the client connects again by itself and continues after its line."""
    gateway = await start_gateway(socket_io_limits=SocketIoLimits())
    gateway.commit(block(1, 10))
    client = await start_node(gateway)
    await client.emit("subscribe-to-logs", {"taskId": "build"})
    await client.lines(10)
    gateway.socket_io.sockets[0].abort()
    await client.until(lambda kind, name, _: kind == "disconnect")
    gateway.commit(block(11, 20))
    await client.until(lambda kind, name, _: kind == "connect")
    await client.emit("subscribe-to-logs", {"taskId": "build", "after": client.sequences[-1]})
    assert await client.lines(20) == list(range(1, 21))
