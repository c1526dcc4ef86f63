"""socket.io-client 2, which speaks Engine.IO 3, against the gateway."""

import asyncio
import subprocess

import msgspec
import pytest

from gateway.engine_io.old_clients import ERROR_TEXT
from tests.support.gateway_server import GatewayServer
from tests.support.programs import node_directory, program

pytestmark = pytest.mark.node


@pytest.mark.parametrize("namespace", ["/log-streaming", "/", "/log-streaming?token=x"])
@pytest.mark.parametrize("transports", ["polling", "websocket", "polling,websocket"])
async def test_old_client_shows_once_that_it_is_too_old(namespace: str, transports: str) -> None:
    """It is told in its own protocol and disconnected, so it does not try again for ever; nothing is kept of it."""
    node = program("node")
    async with GatewayServer() as gateway:
        process = await asyncio.create_subprocess_exec(
            node, "socket-io-2.js", gateway.url, namespace, transports,
            cwd=node_directory(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        seen = []
        async with asyncio.timeout(60):
            while not seen or seen[-1][0] != "tries again":
                seen.append(msgspec.json.decode(await process.stdout.readline()))
        rest, _ = await asyncio.wait_for(process.communicate(b""), 30)
        assert seen[-2:] == [["disconnect", "io server disconnect"], ["tries again", False]]
        assert rest == b""
        assert [payload for kind, payload in seen if kind == "error"] == [ERROR_TEXT]
        assert (gateway.socket_io.statistics.refused, gateway.socket_io.statistics.sockets) == (1, 0)
