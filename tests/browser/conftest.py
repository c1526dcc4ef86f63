"""One Chromium for all tests here; each has contexts of its own, and with them its own storage and connections."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.waiting import WAIT_MILLISECONDS_MAX
from tests.support.web_pages import launched

expect.set_options(timeout=WAIT_MILLISECONDS_MAX)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium that nobody closes."""
    async with launched() as browser:
        yield browser
