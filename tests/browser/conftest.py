"""One Chromium for all tests here; each has contexts of its own, and with them its own storage and connections."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.viewer import running_browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium that nobody closes."""
    async with running_browser() as browser:
        yield browser
