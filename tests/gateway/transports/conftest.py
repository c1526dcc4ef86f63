from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.gateway_server import GatewayServer
from tests.support.socket_io_client import RawWebSocket, Recorder

MakeGateway = Callable[..., Awaitable[GatewayServer]]
Connect = Callable[..., Awaitable[Recorder]]


@pytest.fixture
async def start_gateway() -> AsyncIterator[MakeGateway]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> GatewayServer:
            return await stack.enter_async_context(GatewayServer(**options))

        yield start


@pytest.fixture
async def gateway(start_gateway: MakeGateway) -> GatewayServer:
    return await start_gateway()


@pytest.fixture
async def connect(start_gateway: MakeGateway) -> AsyncIterator[Connect]:  # after the gateway, so closed before it
    recorders: list[Recorder] = []

    async def connect_to(server: GatewayServer, **options: Any) -> Recorder:
        recorders.append(Recorder())
        return await recorders[-1].connect(server.url, **options)

    yield connect_to
    for recorder in recorders:
        await recorder.close()


@pytest.fixture
async def open_raw(start_gateway: MakeGateway) -> AsyncIterator[Callable[..., Awaitable[RawWebSocket]]]:
    sockets: list[RawWebSocket] = []

    async def open_to(server: GatewayServer, **options: Any) -> RawWebSocket:
        sockets.append(await RawWebSocket.open(server.port, **options))
        return sockets[-1]

    yield open_to
    for raw in sockets:
        await raw.close()
