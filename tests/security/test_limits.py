"""Threat: one client takes everybody's places. Real sockets, small limits; nothing here waits for a time to pass."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
import socketio.exceptions

from gateway.app import Gateway
from gateway.settings.model import Settings
from tests.support.producers import NativeProducer, OttoProducer
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.socket_io_client import Recorder
from tests.support.waiting import attempts

LIMIT = 2
STREAM = "/api/v1/log-streaming/logs/t/stream"
PROGRESS = "/api/v1/log-streaming/pipelines/p/progress"
POLLING = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path, stack: AsyncExitStack) -> Start:
    async def started(**settings: Any) -> Gateway:
        ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
        database = f"sqlite:///{tmp_path}/otto.db"
        gateway = await Gateway.start(
            Settings(database_url=database, durability="process", shutdown_grace_seconds=1, **ports, **settings)
        )
        stack.push_async_callback(gateway.stop)
        return gateway

    return started


async def client(stack: AsyncExitStack, gateway: Gateway) -> httpx2.AsyncClient:
    base = f"http://127.0.0.1:{gateway.ports[0]}"
    return await stack.enter_async_context(httpx2.AsyncClient(base_url=base))


async def hold(stack: AsyncExitStack, http: httpx2.AsyncClient, path: str, headers: dict[str, str]) -> int:
    """Open a stream and keep it; its status."""
    response = await stack.enter_async_context(http.stream("GET", path, headers=headers))
    return int(response.status_code)


async def refusals(http: httpx2.AsyncClient, limit: str) -> float:
    text = (await http.get("/metrics")).text
    (value,) = [
        line.split()[1] for line in text.splitlines() if line.startswith(f'otto_quota_refusals_total{{limit="{limit}"')
    ]
    return float(value)


async def socket_io_refusal(gateway: Gateway, **options: Any) -> Any:
    recorder = Recorder()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await recorder.connect(f"http://127.0.0.1:{gateway.ports[0]}", **options)
    await recorder.close()
    return recorder.refusal


async def test_readers_of_one_principal(start: Start, stack: AsyncExitStack) -> None:
    """Streams of tasks, of pipelines and Socket.IO share the places; a place that is left can be taken."""
    gateway = await start(jwt_secret=SECRET, max_connections_per_principal=LIMIT)
    http = await client(stack, gateway)
    mine, other = bearer(make_token(subject="me")), bearer(make_token(subject="you"))
    async with AsyncExitStack() as mine_held:
        assert await hold(mine_held, http, STREAM, mine) == 200
        assert await hold(mine_held, http, PROGRESS, mine) == 200
        for path in (STREAM, PROGRESS):
            refused = await http.get(path, headers=mine)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RESOURCE_EXHAUSTED")
            assert int(refused.headers["retry-after"]) > 0
        refusal = await socket_io_refusal(gateway, auth={"token": make_token(subject="me")})
        assert refusal["data"]["code"] == "RESOURCE_EXHAUSTED"
        assert await hold(stack, http, STREAM, other) == 200
        assert await refusals(http, "principal") == 3
    async for _ in attempts("the place is free again"):
        if await hold(stack, http, STREAM, mine) == 200:
            break


async def test_socket_io_clients_of_one_principal(start: Start, stack: AsyncExitStack) -> None:
    """A client that has left has left its place."""
    gateway = await start(jwt_secret=SECRET, max_connections_per_principal=1)
    auth = {"token": make_token(subject="me")}
    recorder = await Recorder().connect(f"http://127.0.0.1:{gateway.ports[0]}", auth=auth)
    assert (await socket_io_refusal(gateway, auth=auth))["data"]["code"] == "RESOURCE_EXHAUSTED"
    await recorder.close()
    async for _ in attempts("the place is free again"):
        again = Recorder()
        with suppress(socketio.exceptions.ConnectionError):
            await again.connect(f"http://127.0.0.1:{gateway.ports[0]}", auth=auth)
            break
        await again.close()
    await again.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"jwt_secret": SECRET, "max_connections_per_principal": LIMIT},
        {"max_connections_per_address": LIMIT, "trusted_proxies": ()},
    ],
    ids=["principal", "address"],
)
async def test_producers_are_limited_on_both_wires_together(
    start: Start, stack: AsyncExitStack, settings: dict[str, Any]
) -> None:
    """On both wires together; readers are counted apart."""
    gateway = await start(**settings)
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports[-1]}"))
    token = make_token(scopes=["logs:write", "logs:read"], subject="me")
    await NativeProducer(channel, token).hello()
    assert (await OttoProducer(channel, token=token).say("a")).sequence == 1
    code, details = await NativeProducer(channel, token).ended()
    assert (code, "as many connections" in details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
    http = await client(stack, gateway)
    assert await hold(stack, http, STREAM, bearer(token)) == 200


async def test_connections_of_one_address(start: Start, stack: AsyncExitStack) -> None:
    """The next connection is answered at once and closed, before it has sent anything; WebSockets count too."""
    gateway = await start(max_connections_per_address=LIMIT, trusted_proxies=())
    base = f"http://127.0.0.1:{gateway.ports[0]}"
    recorder = await Recorder().connect(base)
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    reader, refused = await asyncio.open_connection("127.0.0.1", gateway.ports[0])
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b'"code":"RESOURCE_EXHAUSTED"' in answer
    refused.close()
    await recorder.close()
    async for _ in attempts("the WebSocket's place is free again"):
        async with httpx2.AsyncClient(base_url=base) as http:
            with suppress(httpx2.TransportError):
                if (await http.get("/healthz/live")).status_code == 200:
                    assert await refusals(http, "address") >= 1
                    break
    writer.close()


async def test_clients_behind_a_proxy(start: Start, stack: AsyncExitStack) -> None:
    """Each counts under the address that the trusted proxy names, the last one that is not a proxy itself."""
    gateway = await start(max_connections_per_address=LIMIT, trusted_proxies=("127.0.0.1",))
    http = await client(stack, gateway)
    for made_up in range(LIMIT):
        forwarded = {"X-Forwarded-For": f"203.0.113.{made_up}, 192.0.2.1"}
        assert await hold(stack, http, STREAM, forwarded) == 200
        assert (await http.get(POLLING, headers=forwarded)).status_code == 200
    for path in (STREAM, PROGRESS, POLLING):
        refused = await http.get(path, headers={"X-Forwarded-For": "198.51.100.9, 192.0.2.1"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RESOURCE_EXHAUSTED")
    other = {"X-Forwarded-For": "192.0.2.2"}
    assert await hold(stack, http, STREAM, other) == 200
    assert (await http.get(POLLING, headers=other)).status_code == 200


async def test_a_stranger_is_not_believed(start: Start, stack: AsyncExitStack) -> None:
    """``X-Forwarded-For`` of somebody who is no proxy gives no further place, and no other scheme."""
    gateway = await start(
        max_connections_per_address=LIMIT + 1, max_connections_per_principal=0, trusted_proxies=(), jwt_secret=SECRET
    )
    http = await client(stack, gateway)
    headers = bearer(make_token()) | {"X-Forwarded-Proto": "https"}
    session = await http.post("/api/v1/auth/session", headers=headers)
    assert "secure" not in session.headers["set-cookie"].lower()
    statuses = []
    for number in range(LIMIT + 3):
        with suppress(httpx2.TransportError):
            statuses.append(await hold(stack, http, STREAM, headers | {"X-Forwarded-For": f"192.0.2.{number}"}))
    assert statuses.count(200) <= LIMIT + 1
    assert 429 in statuses or len(statuses) < LIMIT + 3


async def test_everybody_is_no_principal(start: Start, stack: AsyncExitStack) -> None:
    """Where nobody shows a token there is nobody to count under."""
    gateway = await start(max_connections_per_principal=1)
    http = await client(stack, gateway)
    assert [await hold(stack, http, STREAM, {}) for _ in range(3)] == [200] * 3
