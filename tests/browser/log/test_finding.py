"""Search, filters, folds, the histogram and the address of it all."""

import json
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


async def test_search_counts_the_whole_log_and_goes_to_what_is_not_on_screen(
    build: GatewayProcess, open_log: OpenLog
) -> None:
    """All 60 errors are found, the last first; next goes around to the first, previous back to the last."""
    async with open_log(build, "/logs/build") as page:
        await wait_for_line(page, LINES)
        await page.keyboard.press("/")
        await page.keyboard.type("NEEDLE")
        await expect(page.locator(".log-found")).to_have_text("60")
        await page.keyboard.press("Enter")
        await page.get_by_text("60 of 60", exact=True).wait_for()
        await page.keyboard.press("Enter")
        await wait_for_line(page, 100)
        marked = page.locator('.log-row.is-match[data-sequence="100"] mark')
        assert await marked.inner_text() == "needle"
        await page.keyboard.press("Shift+Enter")
        await wait_for_line(page, LINES)
        await expect(page).to_have_url(re.compile("q=NEEDLE"))


async def test_filters_apply_live_without_losing_the_place(build: GatewayProcess, open_log: OpenLog) -> None:
    """Chosen levels and chips leave the line where it was; taking them away brings its neighbours back."""
    async with open_log(build, "/logs/build?line=3000") as page:
        await wait_for_line(page, 3000)
        await page.get_by_role("button", name="ERROR: 60").click()
        await page.wait_for_function("() => document.querySelectorAll('[data-level=INFO][data-sequence]').length === 0")
        await wait_for_line(page, 3000)
        shown = await lines_shown(page)
        assert shown == list(range(shown[0], shown[-1] + 1, 100))
        await expect(page).to_have_url(re.compile("level=ERROR"))
        await page.get_by_label("Add a filter").fill("worker:worker-2")
        await page.keyboard.press("Enter")
        await page.get_by_text("30 lines", exact=True).wait_for()
        await page.get_by_label("Add a filter").fill("-/line 2?00/ NEEDLE OR nowhere")
        await page.keyboard.press("Enter")
        await expect(page.locator('.log-row mark[data-term="0"]').first).to_have_text("needle")
        await page.get_by_label("Add a filter").fill('"half a phrase')
        await page.keyboard.press("Enter")
        await page.get_by_text("the quote is not closed").wait_for()
        await page.get_by_role("button", name="Clear", exact=True).click()
        await wait_for_line(page, 3001)


async def test_groups_fold_and_unfold(build: GatewayProcess, open_log: OpenLog) -> None:
    """A folded group is one row that says how many lines it hides; a search opens it again."""
    async with open_log(build, "/logs/build?line=4001") as page:
        await wait_for_line(page, 4001)
        head = page.locator('.log-row[data-sequence="4001"]')
        await head.get_by_role("button", name="Fold").click()
        await page.get_by_text("189 lines folded").wait_for()
        assert [n for n in await lines_shown(page) if n in range(4001, 4192)] == [4001, 4191]
        await page.locator(".log-scroller").focus()
        await page.keyboard.press("/")
        await page.keyboard.type("module_4100")
        await page.keyboard.press("Enter")
        await wait_for_line(page, 4100)


async def test_groups_fold_under_a_filter_that_shows_their_heads(build: GatewayProcess, open_log: OpenLog) -> None:
    """A fold hides those of its lines that pass; where heads do not pass, nothing folds."""
    async with open_log(build, "/logs/build?level=INFO&line=4001") as page:
        await wait_for_line(page, 4001)
        await page.locator('.log-row[data-sequence="4001"]').get_by_role("button", name="Fold").click()
        await page.get_by_text("171 lines folded").wait_for()
        assert [n for n in await lines_shown(page) if n in range(4001, 4193)] == [4001, 4191, 4192]
        await page.locator('.log-row[data-sequence="4001"]').get_by_role("button", name="Unfold").click()
        await wait_for_line(page, 4002)
        await page.keyboard.press("Shift+O")
        await page.get_by_text("171 lines folded").nth(1).wait_for()
        await page.goto(f"{build.url}/logs/build?level=ERROR&line=4100")
        await wait_for_line(page, 4100)
        assert await page.locator(".log-fold").count() == 0


async def test_sections_that_gitlab_collapses_open(build: GatewayProcess, open_log: OpenLog) -> None:
    """They begin as one row with their title; a filter that shows what is in them opens them."""
    start, end = "section_start:1:prep[collapsed=true]\r\x1b[0KPrepare", "section_end:2:prep\r\x1b[0K"
    lines = [("INFO", text) for text in (start, "one", "two", end, "after")]
    await publish_lines(build.grpc_address, "sections", lines)
    async with open_log(build, "/logs/sections") as page:
        await page.get_by_text("3 lines folded").wait_for()
        assert await lines_shown(page) == [1, 5]
        assert (await page.locator('[data-sequence="1"] .log-message').inner_text()).startswith("Prepare")
        await page.get_by_role("button", name="INFO: 5").click()
        await wait_for_line(page, 2)
        assert await lines_shown(page) == [1, 2, 3, 4, 5]
        await page.get_by_role("button", name="Fold").click()
        await page.get_by_text("3 lines folded").wait_for()


async def test_a_line_and_a_range_have_addresses(build: GatewayProcess, open_log: OpenLog) -> None:
    """Numbers choose lines, the address has them, opening it shows them, and copying takes their text."""
    async with open_log(build, "/logs/build?line=2000") as page:
        await wait_for_line(page, 2000)
        await page.locator('[data-sequence="2001"] .log-number').click()
        await page.locator('[data-sequence="2004"] .log-number').click(modifiers=["Shift"])
        await expect(page).to_have_url(re.compile("line=2001-2004"))
        await page.get_by_role("button", name="Copy", exact=True).click()
        await page.get_by_text("Copied 4 lines").first.wait_for()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == "Package 10\n".replace("Package", "::group::Package") + "\n".join(
            f"compiling unit {n}" for n in (2002, 2003, 2004)
        )
        await page.reload()
        await wait_for_line(page, 2003)
        assert await page.locator(".log-row.is-chosen").count() == 4


async def test_the_histogram_leads_to_its_time(build: GatewayProcess, open_log: OpenLog) -> None:
    """A click in the middle shows the middle of the log."""
    async with open_log(build, "/logs/build") as page:
        await wait_for_line(page, LINES)
        bars = page.get_by_role("slider", name="Lines over time")
        box = await bars.bounding_box()
        assert box is not None
        await bars.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        await page.wait_for_function(
            "() => Number(document.querySelector('.log-row[data-sequence]')?.dataset.sequence ?? Infinity) < 3400"
        )
        assert 2600 < await first_shown(page) < 3400


async def test_the_histogram_and_the_link_have_keys(build: GatewayProcess, open_log: OpenLog) -> None:
    """Home and End go through the histogram, y takes the address of what is chosen along."""
    async with open_log(build, "/logs/build?line=2000") as page:
        await wait_for_line(page, 2000)
        await page.keyboard.press("y")
        await page.get_by_text("Link copied").first.wait_for()
        assert await page.evaluate("navigator.clipboard.readText()") == f"{build.url}/logs/build?line=2000"
        await page.get_by_role("slider", name="Lines over time").focus()
        await page.keyboard.press("Home")
        await wait_for_line(page, 1)
        await page.keyboard.press("End")
        await page.wait_for_function(
            "() => Number(document.querySelector('.log-row[data-sequence]')?.dataset.sequence ?? 0) > 5500"
        )


async def test_the_download_is_what_is_filtered(build: GatewayProcess, open_log: OpenLog) -> None:
    """The file has the lines that pass the filter and no others."""
    async with open_log(build, "/logs/build?level=ERROR") as page:
        async with page.expect_download() as started:
            await page.get_by_role("button", name="Download").click()
            await page.get_by_role("link", name="Text").click()
        text = (await (await started.value).path()).read_text()
        assert len(text.splitlines()) == 60
        assert "needle in module_100" in text


@pytest.mark.parametrize(("form", "message"), [("Text without colours", "warning 256 true 10"), ("NDJSON", None)])
async def test_a_download_has_other_forms(
    build: GatewayProcess, open_log: OpenLog, form: str, message: str | None
) -> None:
    """Text as a terminal leaves it, or all fields of each line as JSON; both have what is filtered."""
    async with open_log(build, "/logs/build?level=WARN") as page:
        async with page.expect_download() as started:
            await page.get_by_role("button", name="Download").click()
            await page.get_by_text(form).click()
        lines = (await (await started.value).path()).read_text().splitlines()
        assert len(lines) == 510
        if message is None:
            assert {json.loads(line)["level"] for line in lines} == {"WARN"}
        else:
            assert lines[0].endswith(message)


async def test_what_is_around_a_filtered_line_is_shown(build: GatewayProcess, open_log: OpenLog) -> None:
    """The filter goes, and the line stays in sight between its neighbours."""
    async with open_log(build, "/logs/build?level=ERROR&line=3000") as page:
        await page.locator('.log-row[data-sequence="3000"]').wait_for()
        assert 2999 not in await lines_shown(page)
        await page.get_by_role("button", name="Show around").click()
        await page.locator('.log-row[data-sequence="2999"]').wait_for()
        shown = await lines_shown(page)
        assert {2999, 3000, 3001} <= set(shown)
        await expect(page).not_to_have_url(re.compile("level="))


async def test_a_filter_that_nothing_passes_says_so(build: GatewayProcess, open_log: OpenLog) -> None:
    """With the way out of it."""
    async with open_log(build, "/logs/build?level=FATAL") as page:
        empty = page.locator(".log-empty")
        await expect(empty).to_contain_text("No line passes this filter")
        await empty.get_by_role("button").click()
        await wait_for_line(page, LINES)


async def test_everything_can_be_done_with_keys(build: GatewayProcess, open_log: OpenLog) -> None:
    """Ends, lines, ranges, errors, wrapping and folding each have a key."""
    async with open_log(build, "/logs/build") as page:
        await wait_for_line(page, LINES)
        await page.keyboard.press("g")
        await page.keyboard.press("g")
        await wait_for_line(page, 1)
        for key in ("j", "j", "x", "Shift+J", "Shift+J"):
            await page.keyboard.press(key)
        await expect(page).to_have_url(re.compile("line=3-5"))
        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await page.locator('.is-active[data-sequence="100"]').wait_for()
        await page.keyboard.press("Shift+G")
        await wait_for_line(page, LINES)
        await page.keyboard.press("Shift+O")
        await page.get_by_text("189 lines folded").first.wait_for()
