"""One Chromium for all tests of a group; each test has contexts, and with them storage and connections, of its own."""

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
