"""What connections leave behind when they are gone: nothing that only the garbage collector could take away."""

import gc
from collections import Counter

import pytest

from tests.readers.hostile import DEEDS
from tests.support.gateway_server import GatewayServer
from tests.support.scripted_history import settle
from tests.support.waiting import until

KEPT_PER_CONNECTION = {
    "FramedWebSocketProtocol",
    "StreamingHttpProtocol",
    "Connection",
    "EngineSocket",
    "EngineSession",
    "Outbox",
    "Subscriber",
    "UpdateRelay",
    "SocketIoTransport",
    "Session",
    "Topic",
    "Channel",
    "ServerProtocol",
    "StreamReader",
    "RequestResponseCycle",
}


def alive() -> Counter[str]:
    return Counter(name for each in gc.get_objects() if (name := type(each).__qualname__) in KEPT_PER_CONNECTION)


@pytest.mark.parametrize("deed", ["open_and_close", "send_garbage", "subscribe_and_unsubscribe", "never_read"])
async def test_connections_leave_nothing_to_the_garbage_collector(deed: str) -> None:
    """Their objects go with them: where a build's lines make no garbage, it looks at old objects once in hours."""
    async with GatewayServer() as server:
        gc.collect()
        gc.disable()
        try:
            await DEEDS[deed](server.port, "build", 12)
            await until(lambda: not server.hub.sessions, "all sessions have ended")
            await until(lambda: not server.socket_io.statistics.clients, "all clients are gone")
            await until(lambda: not server.connections, "all connections are gone")
            await settle()  # what holds the last ones has its turn; timers may continue holding some
            left = alive()
            gc.collect()
            assert left - alive() == Counter()
        finally:
            gc.enable()
