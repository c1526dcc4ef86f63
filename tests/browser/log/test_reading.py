"""The log page as it is read: the end, the middle, what is on screen and nothing else."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.log.conftest import LINES, OpenLog
from tests.support.gateway_process import GatewayProcess
from tests.support.log_pages import first_shown, lines_shown, publish_lines, wait_for_line

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser log"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_the_page_opens_at_the_end_and_keeps_few_rows(build: GatewayProcess, open_log: OpenLog) -> None:
    """The last lines are shown, in order, and only what fits on the screen is in the document."""
    async with open_log(build, "/logs/build") as page:
        await wait_for_line(page, LINES)
        shown = await lines_shown(page)
        assert shown == list(range(shown[0], LINES + 1))
        for top in (0, 40_000, 90_000):
            await page.evaluate("top => { document.querySelector('.log-scroller').scrollTop = top }", top)
            await wait_for_line(page, top // 20 + 4)
            await page.wait_for_function("() => document.querySelectorAll('.log-row.is-loading').length === 0")
            assert await page.locator(".log-row").count() < 80
            shown = await lines_shown(page)
            assert shown == list(range(shown[0], shown[-1] + 1))
            assert abs(shown[0] - (top // 20 + 1)) <= 1


async def test_following_yields_to_scrolling_and_says_how_many_lines_came(
    build: GatewayProcess, open_log: OpenLog
) -> None:
    """Scrolled up, the page stays; a button counts what comes and leads back to the end."""
    lines = [("INFO", f"line {number}") for number in range(1, 301)]
    await publish_lines(build.grpc_address, "followed", lines)
    async with open_log(build, "/logs/followed") as page:
        await wait_for_line(page, 300)
        await page.mouse.move(400, 400)
        await page.mouse.wheel(0, -1200)
        await page.get_by_role("button", name="To the end").wait_for()
        await page.wait_for_timeout(300)
        before = await first_shown(page)
        await publish_lines(build.grpc_address, "followed", lines[:25], start=300)
        await page.get_by_role("button", name="25 new lines").wait_for()
        assert await first_shown(page) == before
        await page.get_by_role("button", name="25 new lines").click()
        await wait_for_line(page, 325)
        await publish_lines(build.grpc_address, "followed", lines[:5], start=325)
        await wait_for_line(page, 330)


async def test_colours_levels_and_columns(build: GatewayProcess, open_log: OpenLog) -> None:
    """ANSI colours are classes and styles, levels are told by words, and columns come and go."""
    async with open_log(build, "/logs/build?line=4980") as page:
        row = page.locator('.log-row[data-sequence="4980"]')
        assert await row.locator(".ansi-fg-3").inner_text() == "warning"
        colours = await row.locator(".log-message span").evaluate_all("spans => spans.map(span => span.style.color)")
        assert colours == ["", "rgb(255, 135, 0)", "rgb(1, 2, 3)"]
        assert await row.locator(".log-level").inner_text() == "WARN"
        assert await row.locator(".log-worker").inner_text() == "worker-2"
        assert await row.locator(".log-level, .log-worker").evaluate_all("a => a.map(b => b.dataset.short)") == [
            "WRN",
            "w2",
        ]
        await page.get_by_role("button", name="View").click()
        await page.get_by_label("Sources").check()
        assert await row.locator(".log-source").inner_text() == "stdout"
        await page.get_by_label("Workers").uncheck()
        await row.locator(".log-worker").wait_for(state="detached")


async def test_lines_have_no_ligatures(build: GatewayProcess, open_log: OpenLog) -> None:
    """What is shown are the characters of the line: ``::`` and ``==`` are two each."""
    async with open_log(build, "/logs/build?line=101") as page:
        message = page.locator('.log-row[data-sequence="101"] .log-message')
        assert await message.evaluate("cell => getComputedStyle(cell).fontVariantLigatures") == "none"


async def test_times_in_three_forms(build: GatewayProcess, open_log: OpenLog) -> None:
    """A time is the clock's, or how long ago, or since the first line."""
    async with open_log(build, "/logs/build?line=101&time=elapsed") as page:
        time = page.locator('.log-row[data-sequence="101"] .log-time')
        await page.wait_for_function(
            """() => document.querySelector('[data-sequence="101"] .log-time')?.innerText === '+0:01.000'"""
        )
        await page.get_by_role("button", name="View").click()
        await page.get_by_label("Time", exact=True).select_option("relative")
        await expect(time).to_have_text(re.compile("(ago|now)$"))
        await page.get_by_label("Time", exact=True).select_option("absolute")
        await expect(time).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
        assert await time.get_attribute("datetime") == "2026-09-21T14:13:21.000000000Z"


async def test_times_are_those_of_any_zone(build: GatewayProcess, open_log: OpenLog) -> None:
    """Chosen in the settings, and remembered."""
    async with open_log(build, "/logs/build?line=101", timezone_id="UTC") as page:
        time = page.locator('.log-row[data-sequence="101"] .log-time')
        await expect(time).to_have_text(re.compile(r"^14:13:21"))
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_label("Time zone").fill("Asia/Seoul")
        await page.keyboard.press("Enter")
        await expect(time).to_have_text(re.compile(r"^23:13:21"))
        await page.reload()
        await expect(time).to_have_text(re.compile(r"^23:13:21"))


async def test_lines_are_as_dense_as_one_wants(build: GatewayProcess, open_log: OpenLog) -> None:
    """Compact, normal or roomy, at once and for good."""
    height = "document.querySelector('.log-row[data-sequence]').offsetHeight"
    async with open_log(build, "/logs/build?line=101") as page:
        row = page.locator('.log-row[data-sequence="101"]')
        await row.wait_for()
        normal = await page.evaluate(height)
        await page.get_by_role("button", name="View").click()
        await page.get_by_label("Density").select_option("compact")
        await page.wait_for_function(f"{height} < {normal}")
        await page.reload()
        await row.wait_for()
        assert await page.evaluate(height) < normal
        await page.get_by_role("button", name="View").click()
        await page.get_by_label("Density").select_option("roomy")
        await page.wait_for_function(f"{height} > {normal}")


async def test_wrapped_rows_show_all_of_a_line(build: GatewayProcess, open_log: OpenLog) -> None:
    """Wrapped, nothing is wider than the window, and the end is still the end."""
    lines = [("INFO", f"{number} " + "word " * (number % 150)) for number in range(1, 401)]
    await publish_lines(build.grpc_address, "wrapped", lines)
    async with open_log(build, "/logs/wrapped?wrap=1") as page:
        await wait_for_line(page, 400)
        assert await page.evaluate("(w => w.scrollWidth <= w.clientWidth + 1)(document.querySelector('.log-window'))")
        heights = await page.locator(".log-row").evaluate_all("rows => rows.map(row => row.offsetHeight)")
        assert max(heights) > 40
        last = await page.locator('.log-row[data-sequence="400"]').bounding_box()
        window = await page.locator(".log-window").bounding_box()
        assert last is not None
        assert window is not None
        assert abs(last["y"] + last["height"] - window["y"] - window["height"]) <= 2
        await page.mouse.move(400, 400)
        await page.mouse.wheel(0, -900)
        await page.get_by_role("button", name="To the end").wait_for()
        shown = await lines_shown(page)
        assert shown == list(range(shown[0], shown[-1] + 1))
