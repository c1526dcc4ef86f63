"""One gateway with a working day in it, for all tests of the viewer."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.screenshots.content import fill
from tests.support.alerts import alert_settings
from tests.support.gateway_process import running_gateway
from tests.support.viewer import Viewer


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def viewer(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Viewer]:
    """Pages of a gateway that nobody stops; tests add tasks and executions of their own names."""
    directory = tmp_path_factory.mktemp("viewer")
    async with (
        alert_settings(directory) as alerts,
        running_gateway(directory / "gateway", DURABILITY="process", **alerts) as gateway,
    ):
        await fill(gateway.grpc_address, gateway.url)
        yield Viewer(gateway, browser)
