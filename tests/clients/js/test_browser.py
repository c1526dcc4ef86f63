"""The JavaScript client in a real Chromium: its adapters in small applications, and one stream for many tabs."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import BrowserContext, Page

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.js_client import bundled, numbered, report_stages
from tests.support.web_pages import new_context, open_page
from tests.support.worker import publish

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.xdist_group("browser sdk")]

SOURCES = Path(__file__).parent / "apps"
APPS = (SOURCES / "react.tsx", SOURCES / "vue.ts")


async def messages(page: Page, count: int) -> list[str]:
    """What the page shows of the log once it shows so many lines."""
    await page.wait_for_function("count => document.querySelectorAll('ol li').length === count", arg=count)
    return await page.locator("ol li").all_text_contents()


async def test_applications_show_a_log_live(tmp_path: Path) -> None:
    """Lines and stages appear as they come, also after a restart; filter and task change without a line too many.

    No commit of React's shows lines of the task before.
    """
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", numbered(1, 20))
        await publish(gateway.grpc_address, "other", ["the other task"], end=True)
        await report_stages(gateway, "p1", ("fetch", 100))
        async with open_page(f"{gateway.url}/healthz/live", bypass_csp=True) as page:
            assert page.context.browser is not None
            context = await new_context(page.context.browser, bypass_csp=True)
            pages = [await another(context, gateway) for _ in APPS]
            for page, app in zip(pages, APPS, strict=True):
                await page.add_script_tag(content=await bundled(app))
                assert await messages(page, 20) == numbered(1, 20)
                await page.get_by_text("fetch: 100").wait_for()
            await gateway.restart()
            await publish(gateway.grpc_address, "build", numbered(21, 30))
            for page in pages:
                assert await messages(page, 30) == numbered(1, 30)
                async with page.expect_response(lambda response: "keywords=error" in response.url):
                    await page.get_by_role("button", name="Errors").click()
            await publish(gateway.grpc_address, "build", ["nothing", "an error"])
            for page in pages:
                assert await messages(page, 1) == ["an error"]
                await page.get_by_role("button", name="Errors").click()
                await page.get_by_role("button", name="Other").click()
                assert await messages(page, 1) == ["the other task"]
                await page.locator("#state", has_text="complete").wait_for()
            assert await pages[0].evaluate("window.mixed.lines") == 0


async def test_a_page_gets_lines_once_a_frame_at_most(tmp_path: Path) -> None:
    """However many arrive between two frames."""
    async with running_gateway(tmp_path) as gateway, open_page(f"{gateway.url}/healthz/live", bypass_csp=True) as page:
        await page.add_script_tag(content=await bundled(SOURCES / "frames.ts"))
        for first in range(1, 2000, 500):
            await publish(gateway.grpc_address, "build", numbered(first, first + 499), batch_lines=5)
            await page.wait_for_function("count => window.seen.length >= count", arg=first)
        await page.wait_for_function("window.seen.length >= 2000")
        assert await page.evaluate("window.seen") == numbered(1, 2000)
        frames = await page.evaluate("window.frames")
        assert len(frames) > 1
        assert len(set(frames)) == len(frames)


async def test_eight_tabs_share_one_connection(tmp_path: Path) -> None:
    """Over HTTP/1.1 more than six tabs see a log, through one connection, and none loses a line when its tab closes."""
    script = await bundled(SOURCES / "tabs.ts")
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", numbered(1, 100))
        async with open_page(f"{gateway.url}/healthz/live", bypass_csp=True) as page:
            assert page.context.browser is not None
            context = await new_context(page.context.browser, bypass_csp=True)
            tabs = [await another(context, gateway) for _ in range(8)]
            for tab in tabs:
                await tab.add_script_tag(content=script)
            await all_see(tabs, 100)
            assert await connections(gateway) == 1
            for closed in range(2):
                await tabs[closed].close()
                await publish(gateway.grpc_address, "build", numbered(101 + 50 * closed, 150 + 50 * closed))
                await all_see(tabs[closed + 1 :], 150 + 50 * closed)
            await gateway.restart()
            await publish(gateway.grpc_address, "build", numbered(201, 210))
            await all_see(tabs[2:], 210)
            assert await connections(gateway) == 1


async def another(context: BrowserContext, gateway: GatewayProcess) -> Page:
    page = await context.new_page()
    await page.goto(f"{gateway.url}/healthz/live")
    return page


async def all_see(tabs: list[Page], count: int) -> None:
    async def sees(tab: Page) -> None:
        await tab.wait_for_function("count => window.seen.length >= count", arg=count)
        assert await tab.evaluate("window.seen") == numbered(1, count)

    await asyncio.gather(*map(sees, tabs))


async def connections(gateway: GatewayProcess) -> int:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{gateway.url}/api/v1/log-streaming/health")
    return int(answer.json()["activeConnections"])
