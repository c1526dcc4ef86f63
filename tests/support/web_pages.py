"""Pages in a real Chromium."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.programs import program
from tests.support.waiting import WAIT_MILLISECONDS_MAX

__all__ = ["ARGUMENTS", "launched", "new_context", "open_page"]

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@contextlib.asynccontextmanager
async def open_page(url: str, *, bypass_csp: bool = False) -> AsyncIterator[Page]:
    """A page of ``url`` in a headless Chromium of its own; ``bypass_csp``: any answer may stand for a page."""
    async with launched() as browser:
        page = await (await new_context(browser, bypass_csp=bypass_csp)).new_page()
        await page.goto(url)
        yield page


@contextlib.asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    executable = program("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=ARGUMENTS, timeout=WAIT_MILLISECONDS_MAX
        )
        try:
            yield browser
        finally:
            await browser.close()


async def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A context whose pages are waited for as long as anything else is; ``options`` are Playwright's."""
    context = await browser.new_context(**options)
    context.set_default_timeout(WAIT_MILLISECONDS_MAX)
    return context
