from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.ingest.limits import IngestLimits
from gateway.ingest.server import GrpcServer
from storage.journal.sqlite import SqliteJournal
from tests.support.tokens import WordAuthenticator
from tests.support.watched_journal import WatchedJournal

Connect = Callable[..., Awaitable[grpc.aio.Channel]]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[WatchedJournal]:
    watched = WatchedJournal(await SqliteJournal.open(tmp_path / "journal.db", durability="process"))
    yield watched
    await watched.inner.close()


@pytest.fixture(params=["h2", pytest.param("grpcio", marks=pytest.mark.slow)])
def carrier(request: pytest.FixtureRequest) -> str:
    """Each of the servers that can carry the port."""
    return str(request.param)


@pytest.fixture
async def serve(journal: WatchedJournal, carrier: str) -> AsyncIterator[Any]:
    """Start a server with these limits and tokens; a channel to it, with the server as its attribute."""
    servers: list[GrpcServer] = []
    channels: list[grpc.aio.Channel] = []

    async def start(
        limits: IngestLimits | None = None, authenticator: Any = None, observer: Any = None, **listen: Any
    ) -> tuple[GrpcServer, grpc.aio.Channel]:
        server = GrpcServer(
            journal, authenticator or WordAuthenticator(), limits, observer, **{"port": 0, "carrier": carrier, **listen}
        )
        servers.append(server)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{await server.start()}")
        channels.append(channel)
        return server, channel

    yield start
    for channel in channels:
        await channel.close()
    for server in servers:
        await server.stop(0.5)


@pytest.fixture
async def channel(serve: Any) -> grpc.aio.Channel:
    _, channel = await serve()
    return channel
