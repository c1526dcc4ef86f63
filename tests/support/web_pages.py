"""Pages in a real Chromium."""

import contextlib
from collections.abc import AsyncIterator

from playwright.async_api import Page, async_playwright

from tests.support.programs import program

__all__ = ["open_page"]

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@contextlib.asynccontextmanager
async def open_page(url: str, *, bypass_csp: bool = False) -> AsyncIterator[Page]:
    """A page of ``url`` in a headless Chromium of its own; ``bypass_csp``: any answer may stand for a page."""
    executable = program("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            page = await browser.new_page(bypass_csp=bypass_csp)
            await page.goto(url)
            yield page
        finally:
            await browser.close()
