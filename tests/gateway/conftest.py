"""A whole gateway in the test's event loop, on free ports."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from gateway.app import Gateway
from gateway.settings.model import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        http_port=0,
        websocket_port=0,
        grpc_port=0,
        database_url=f"sqlite:///{tmp_path}/otto.db",
        durability="process",
        shutdown_grace_seconds=2,
    )


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    started = await Gateway.start(settings)
    yield started
    await started.stop()


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}", timeout=60) as client:
        yield client
