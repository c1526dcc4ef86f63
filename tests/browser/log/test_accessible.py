"""The log page for everyone: axe, the live region, Korean, phones, both themes."""

import pytest

from tests.browser.log.conftest import LINES, OpenLog
from tests.support.gateway_process import GatewayProcess
from tests.support.log_pages import publish_lines, wait_for_line
from tests.support.viewer import violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser log"),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(build: GatewayProcess, open_log: OpenLog, scheme: str) -> None:
    """A log with a search, a filter, a choice and a fold has no violation in either theme."""
    address = "/logs/build?q=needle&level=ERROR,WARN,INFO&keywords=o&line=5900-5901"
    async with open_log(build, address, color_scheme=scheme) as page:
        await wait_for_line(page, 5900)
        assert await violations(page) == []


async def test_the_grid_tells_screen_readers_where_they_are(build: GatewayProcess, open_log: OpenLog) -> None:
    """Rows have their place in the whole log, and the active one is named."""
    async with open_log(build, "/logs/build?line=2000") as page:
        await wait_for_line(page, 2000)
        grid = page.get_by_role("grid", name="Log of build")
        assert await grid.get_attribute("aria-rowcount") == str(LINES)
        active = await grid.get_attribute("aria-activedescendant")
        assert await page.locator(f"#{active}").get_attribute("aria-rowindex") == "2000"


async def test_the_live_region_does_not_shout(build: GatewayProcess, open_log: OpenLog) -> None:
    """While lines come and the reader follows, nothing is said."""
    await publish_lines(build.grpc_address, "loud", [("INFO", "x")] * 5)
    async with open_log(build, "/logs/loud") as page:
        await wait_for_line(page, 5)
        await publish_lines(build.grpc_address, "loud", [("INFO", "x")] * 50, start=5)
        await wait_for_line(page, 55)
        assert await page.locator("[aria-live]").first.inner_text() == ""


async def test_a_phone_in_korean(build: GatewayProcess, open_log: OpenLog) -> None:
    """On a narrow screen nothing is wider than it, and the words are the reader's."""
    options = {"viewport": {"width": 360, "height": 640}, "locale": "ko-KR"}
    async with open_log(build, "/logs/build", **options) as page:
        await wait_for_line(page, LINES)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        last = await page.locator(f'.log-row[data-sequence="{LINES}"]').bounding_box()
        pages = await page.locator(".bar nav").bounding_box()
        assert last is not None
        assert pages is not None
        assert last["y"] + last["height"] <= pages["y"] + 1
        await page.get_by_role("button", name="따라가기").wait_for()
        await page.get_by_text("6,000줄").first.wait_for()
