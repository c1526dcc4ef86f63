"""One gateway process with a secret for all tests of a module; it has the ended tasks ``ours`` and ``theirs``."""

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.signed_tokens import SECRET, make_token
from tests.support.worker import publish


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    process = GatewayProcess(tmp_path_factory.mktemp("gateway"), JWT_SECRET=SECRET, DURABILITY="process")
    writer = make_token(scopes=["logs:write"])

    async def begin() -> None:
        await process.start()
        for task_id in ("ours", "theirs"):
            await publish(process.grpc_address, task_id, [f"a line of {task_id}"], end=True, token=writer)

    try:
        asyncio.run(begin())
        yield process
        assert "Traceback" not in process.log()
    finally:
        process.kill()


@pytest.fixture(scope="module")
def _client(gateway: GatewayProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.url) as client:
        yield client


@pytest.fixture
def http(_client: httpx2.Client) -> httpx2.Client:
    """A client without cookies of other tests."""
    _client.cookies.clear()
    return _client
