"""A log that is over: what the page of a failed build says at once, and where others open."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.log.conftest import OpenLog
from tests.support.gateway_process import GatewayProcess
from tests.support.log_pages import first_shown, publish_lines, publish_stage, wait_for_line
from tests.support.viewer import violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser log"),
    pytest.mark.asyncio(loop_scope="session"),
]

TRACE = (
    "Traceback (most recent call last):",
    '  File "app/cart.py", line 31, in total',
    "    raise ValueError(f'{len(missing)} items have no price')",
    "ValueError: 12 items have no price",
)
TEST = "FAILED tests/test_cart.py::test_total - ValueError: 12 items have no price"


def failed_build() -> list[tuple[str, str]]:
    """An error of a stage that continued, and a trace and a failed test of the one that did not."""
    lines = [("INFO", f"step {number}") for number in range(1, 401)]
    lines[99] = ("ERROR", "the cache is away, going on without")
    lines[249:253] = [("ERROR", text) for text in TRACE]
    lines[299] = ("ERROR", TEST)
    return lines


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def failed(build: GatewayProcess) -> str:
    """The address of a failed build of two stages."""
    await publish_stage(build.grpc_address, "failed-build", "test", 60, failed_at=200)
    lines = failed_build()
    await publish_lines(build.grpc_address, "failed-build", lines, event_lines={250: 2, 251: 3, 252: 4}, end="FAILED")
    return "/logs/failed-build"


async def card(page: Page) -> str:
    return await page.get_by_role("region", name="Why it failed").inner_text()


async def test_a_failed_build_opens_at_its_cause(build: GatewayProcess, failed: str, open_log: OpenLog) -> None:
    """Without a key or a click one screen has the first error of the failed stage, the cause and the failed tests."""
    async with open_log(build, failed) as page:
        await page.locator('.is-active[data-sequence="250"]').wait_for()
        said = await card(page)
        assert "ValueError: 12 items have no price" in said
        assert "tests/test_cart.py::test_total" in said
        assert await page.title() == "◆ failed-build · Otto logs"
        assert "e5484d" in (await page.locator("link[rel=icon]").get_attribute("href") or "")
        assert await violations(page) == []
        await page.keyboard.press("p")
        await page.locator('.is-active[data-sequence="100"]').wait_for()
        await expect(page.get_by_role("button", name="Why it failed")).to_be_visible()  # the card has made room
        for sequence in (250, 300):  # a trace is one error
            await page.keyboard.press("n")
            await page.locator(f'.is-active[data-sequence="{sequence}"]').wait_for()
        await page.keyboard.press("n")
        await page.get_by_text("No further ERROR").first.wait_for()
        await page.get_by_role("button", name="test Failed").click()
        await page.locator('.is-active[data-sequence="250"]').wait_for()
        await page.get_by_role("button", name="Why it failed").click()
        await page.get_by_role("button", name="All 6 errors").click()
        await expect(page).to_have_url(re.compile("level=ERROR"))


async def test_an_event_is_one_thing(build: GatewayProcess, failed: str, open_log: OpenLog) -> None:
    """A trace folds to its first line, and is chosen and copied as a whole."""
    async with open_log(build, f"{failed}?line=250") as page:
        head = page.locator('.log-row[data-sequence="250"]')
        await page.locator('.is-event[data-sequence="253"]').wait_for()
        await head.get_by_role("button", name="Fold").click()
        await page.get_by_text("3 lines folded").wait_for()
        await page.locator('[data-sequence="254"]').wait_for()
        assert await page.locator('[data-sequence="251"]').count() == 0
        await head.locator(".log-number").click()
        await expect(page).to_have_url(re.compile("line=250-253"))
        await page.keyboard.press("c")
        await page.get_by_text("Copied 4 lines").first.wait_for()
        assert await page.evaluate("navigator.clipboard.readText()") == "\n".join(TRACE)


async def test_a_failed_build_on_a_phone_in_korean(build: GatewayProcess, failed: str, open_log: OpenLog) -> None:
    """The cause is on the screen there, too, and nothing is wider than it."""
    options = {"viewport": {"width": 360, "height": 640}, "locale": "ko-KR", "forced_colors": "active"}
    async with open_log(build, failed, **options) as page:
        cause = page.get_by_role("region", name="실패 원인").get_by_text("ValueError: 12 items").first
        await expect(cause).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await violations(page) == []


async def test_a_good_log_opens_at_its_top(build: GatewayProcess, open_log: OpenLog) -> None:
    """It has nothing to follow; JSON opens to all of its fields, addresses are links, the search has the usual key."""
    lines = [("INFO", f"step {number}") for number in range(1, 301)]
    lines[1] = ("INFO", '{"event":"cache","hit":true}')
    lines[2] = ("INFO", "\x1b[32mok\x1b[0m, see https://example.org/build/7.")
    await publish_lines(build.grpc_address, "good", lines, end="COMPLETED")
    async with open_log(build, "/logs/good") as page:
        await wait_for_line(page, 1)
        assert await first_shown(page) == 1
        assert await page.get_by_role("button", name="Follow").count() == 0
        assert await page.title() == "✓ good · Otto logs"
        link = page.get_by_role("link", name="https://example.org/build/7", exact=True)
        assert await link.get_attribute("rel") == "noopener noreferrer"
        await page.get_by_role("button", name="All of line 2").click()
        details = page.get_by_role("region", name="All of line 2")
        assert '"hit": true' in await details.inner_text()
        assert await violations(page) == []
        async with page.expect_download() as started:
            await page.get_by_role("button", name="Download").click()
            await page.get_by_role("button", name="Text without colours").click()
        assert "ok, see https" in (await (await started.value).path()).read_text()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+f")
        await expect(page.get_by_label("Search in the whole log")).to_be_focused()
        await page.keyboard.type("step 299")
        await expect(page.locator(".log-lane rect")).to_have_count(1)  # of what is typed first there are more


async def test_the_message_has_the_room(build: GatewayProcess, failed: str, open_log: OpenLog) -> None:
    """What stands in front of it takes an eighth of the width at most; a drag over the histogram is a range of time."""
    async with open_log(build, failed, viewport={"width": 1440, "height": 900}) as page:
        await page.locator('.is-active[data-sequence="250"]').wait_for()
        message = await page.locator('[data-sequence="250"] .log-message').bounding_box()
        assert message is not None
        assert message["x"] <= 0.125 * 1440
        box = await page.get_by_role("slider", name="Lines over time").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20)
        await page.mouse.up()
        await page.get_by_text(re.compile("^from: ")).wait_for()
        await page.locator('.log-row[data-sequence="254"]').wait_for()
        await page.get_by_role("button", name="Remove the filter from", exact=False).click()
