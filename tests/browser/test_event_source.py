"""The browser's own EventSource against a gateway that dies under it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.viewer import Viewer
from tests.support.web_pages import new_context
from tests.support.worker import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]

LISTEN = """
    url => {
        window.seen = [];
        window.ended = false;
        window.opened = 0;
        window.source = new EventSource(url);
        window.source.onopen = () => { window.opened += 1; };
        window.source.onmessage = event => { window.seen.push(JSON.parse(event.data).message); };
        window.source.addEventListener("complete", () => { window.ended = true; });
    }
"""


@contextlib.asynccontextmanager
async def open_ours(browser: Browser, gateway: GatewayProcess) -> AsyncIterator[Page]:
    """A page of the gateway's origin that may do what other pages may."""
    page = await (await new_context(browser, bypass_csp=True)).new_page()
    try:
        await page.goto(f"{gateway.url}/healthz/live")
        yield page
    finally:
        await page.context.close()


def numbered(first: int, last: int) -> list[str]:
    """Lines that are all different."""
    return [f"compiling unit {number}" for number in range(first, last + 1)]


async def wait_for_lines(page: Page, count: int) -> list[str]:
    """What the page has seen once it has seen ``count`` lines."""
    await page.wait_for_function("count => window.seen.length >= count", arg=count)
    seen: list[str] = await page.evaluate("window.seen")
    return seen


async def test_the_page_sees_every_line_once_over_restarts_of_the_gateway(browser: Browser, tmp_path: Path) -> None:
    """EventSource reconnects by itself to a gateway that was killed, and nothing is missing or doubled."""
    async with running_gateway(tmp_path) as gateway, open_ours(browser, gateway) as page:
        await page.evaluate(LISTEN, gateway.stream_url("build"))
        await publish(gateway.grpc_address, "build", numbered(1, 300))
        await wait_for_lines(page, 300)
        for life in (1, 2):
            await gateway.restart()
            await publish(gateway.grpc_address, "build", numbered(300 * life + 1, 300 * life + 300))
            assert await wait_for_lines(page, 300 * life + 300) == numbered(1, 300 * life + 300)
        assert await page.evaluate("window.opened") == 3


async def test_the_browser_stops_asking_after_the_end_of_the_task(browser: Browser, tmp_path: Path) -> None:
    """After ``complete`` the browser reconnects once, is answered with 204, and closes for good."""
    async with running_gateway(tmp_path) as gateway, open_ours(browser, gateway) as page:
        await page.evaluate(LISTEN, gateway.stream_url("build"))
        await publish(gateway.grpc_address, "build", numbered(1, 50), end=True)
        assert await wait_for_lines(page, 50) == numbered(1, 50)
        await page.wait_for_function("window.ended")
        await page.wait_for_function("window.source.readyState === EventSource.CLOSED")
        assert await page.evaluate("window.seen.length") == 50


async def test_the_gateways_own_page_shows_a_task_live(browser: Browser, tmp_path: Path) -> None:
    """The page that the gateway serves shows the lines of a task as they come."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", numbered(1, 20))
        async with Viewer(gateway, browser).open("/?task=build") as page:
            await page.get_by_text("compiling unit 20", exact=True).wait_for()
            await publish(gateway.grpc_address, "build", ["and one more"])
            await page.get_by_text("and one more", exact=True).wait_for()
