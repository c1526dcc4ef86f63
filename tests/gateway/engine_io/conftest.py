import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from gateway.engine_io.frames import FramedPackets
from gateway.engine_io.interfaces import Heartbeat
from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.packets import PacketType
from gateway.engine_io.server import EngineServer
from gateway.engine_io.socket import EngineSocket
from gateway.http.connection import http_protocol_class
from gateway.http.origins import AllowedOrigins
from gateway.http.websocket import FramedWebSocketProtocol
from tests.support.http_server import serve


class Echo:
    """An Engine.IO server that sends back each message, at ``url``."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self.server = EngineServer(
            self,
            limits=EngineLimits(),
            heartbeat=heartbeat,
            message_bytes_max=1_000_000,
            origins=AllowedOrigins(),
            namespace="/log-streaming",
        )
        self.url = ""
        self.ended = asyncio.Event()

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws")

    def admit(self, address: str) -> None: ...

    def opened(self, socket: EngineSocket) -> None: ...

    async def received(self, socket: EngineSocket, text: str) -> None:
        socket.put(FramedPackets.of(PacketType.MESSAGE.text(text)))

    def closed(self, socket: EngineSocket) -> None:
        self.ended.set()


StartEcho = Callable[..., Awaitable[Echo]]


@pytest.fixture
async def start_echo() -> AsyncIterator[StartEcho]:
    async with AsyncExitStack() as stack:

        async def start(interval_seconds: float = 25.0, timeout_seconds: float = 60.0) -> Echo:
            echo = Echo(Heartbeat(interval_seconds=interval_seconds, timeout_seconds=timeout_seconds))
            serving = serve(echo.server, http=http_protocol_class(), ws=FramedWebSocketProtocol)
            echo.url = f"{await stack.enter_async_context(serving)}/engine.io/"
            return echo

        yield start


@pytest.fixture
async def echo(start_echo: StartEcho) -> Echo:
    return await start_echo()
