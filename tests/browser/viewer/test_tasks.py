"""The list of tasks: what is streaming, and was."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.gateway_process import running_gateway
from tests.support.log_pages import publish_stage
from tests.support.viewer import Viewer
from tests.support.worker import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]

ROW = ".tasks tbody tr"
HOSTILE = "<img src=x onerror=alert(1)>"


async def test_tasks_are_listed_with_their_counts(viewer: Viewer) -> None:
    """Status, lines, counts by level and workers; a name opens the log."""
    async with viewer.open() as page:
        row = page.locator(ROW, has_text="web-frontend-2207")
        await expect(row.locator(".status")).to_have_text("Failed")
        await expect(row).to_contain_text("1,840")
        await expect(row.locator(".levels .heard-only")).to_have_text(re.compile(r"INFO [\d,]+, WARN \d+, ERROR \d+"))
        await row.get_by_role("link").first.click()
        await expect(page).to_have_url(f"{viewer.gateway.url}/logs/web-frontend-2207")


async def test_the_list_is_live_and_says_only_what_ends(viewer: Viewer) -> None:
    """A new task appears by itself; its end is said aloud, its lines are not."""
    async with viewer.open("/?search=live-task") as page:
        await expect(page.get_by_text("No task matches")).to_be_visible()
        await publish(viewer.gateway.grpc_address, "live-task", ["one"])
        await expect(page.locator(ROW).locator(".status")).to_have_text("Running")
        assert await page.locator("#spoken").inner_text() == ""
        await publish(viewer.gateway.grpc_address, "live-task", ["two"], end=True)
        await expect(page.locator(ROW).locator(".status")).to_have_text("Completed")
        await expect(page.locator("#spoken")).to_have_text("live-task: completed")


async def test_search_and_status_are_in_the_address(viewer: Viewer) -> None:
    """So that the view can be passed on; a reload shows the same."""
    async with viewer.open() as page:
        await page.get_by_label("Find a task").fill("FRONTEND")
        await expect(page.locator(ROW)).to_have_count(3)
        await page.get_by_text("Failed", exact=True).first.click()
        await expect(page.locator(ROW)).to_have_count(1)
        assert page.url.endswith("/?search=FRONTEND&status=FAILED")
        await page.reload()
        await expect(page.locator(ROW)).to_have_count(1)


async def test_the_list_is_sorted_grouped_and_limited(viewer: Viewer) -> None:
    """By a press on a column, and in the view's menu; the address has it all, and a failed task its cause."""
    async with viewer.open("/?search=web-frontend") as page:
        await expect(page.locator(ROW)).to_have_count(3)
        await expect(page.locator(ROW, has_text="2207").locator(".cause")).not_to_be_empty()
        await page.get_by_role("columnheader", name="Lines").get_by_role("button").click()
        await expect(page.locator(ROW).first).to_contain_text("web-frontend-2208")
        await page.get_by_role("columnheader", name="Lines").get_by_role("button").click()
        await expect(page.locator(ROW).first).to_contain_text("web-frontend-2209")
        assert page.url.endswith("sort=lines")
        await page.get_by_role("button", name="View").click()
        await page.get_by_label("Group").select_option("prefix")
        await expect(page.locator(".rows-group")).to_have_count(1)
        await page.get_by_label("Last line").select_option("1h")
        await expect(page.locator(ROW, has_text="2207")).to_have_count(0)
        assert "group=prefix" in page.url
        assert "since=1h" in page.url
        await page.reload()
        await expect(page.locator(".rows-group")).to_have_count(1)


async def test_a_task_that_runs_shows_how_far_it_is(viewer: Viewer) -> None:
    """The mean of its stages, beside its name; what has ended shows none."""
    await publish(viewer.gateway.grpc_address, "staged", ["one"])
    await publish_stage(viewer.gateway.grpc_address, "staged", "fetch", 90)
    await publish_stage(viewer.gateway.grpc_address, "staged", "compile", 30)
    async with viewer.open("/?search=staged") as page:
        await expect(page.get_by_role("progressbar", name="staged")).to_have_attribute("value", "60")
        await publish(viewer.gateway.grpc_address, "staged", [], end=True)
        await expect(page.locator(ROW).locator(".status")).to_have_text("Completed")
        await expect(page.get_by_role("progressbar", name="staged")).to_have_count(0)


async def test_old_links_lead_to_the_log(viewer: Viewer) -> None:
    """With all that they said."""
    async with viewer.open("/?task=render-queue%2Fvideo-118&level=WARN") as page:
        await expect(page).to_have_url(f"{viewer.gateway.url}/logs/render-queue%2Fvideo-118?level=WARN")


async def test_names_are_text(viewer: Viewer) -> None:
    """Markup in the name of a task or worker is shown, not followed, in the list and on its page."""
    await publish(viewer.gateway.grpc_address, HOSTILE, [HOSTILE], worker_id=HOSTILE, end=True)
    async with viewer.open("/?search=onerror") as page:
        await expect(page.locator(f"{ROW} a")).to_have_text(HOSTILE)
        await page.locator(f"{ROW} a").click()
        await expect(page.get_by_text(HOSTILE).first).to_be_visible()
        assert await page.locator("img").count() == 0
        assert HOSTILE in await page.title()


async def test_back_leads_to_the_place_in_the_list(tmp_path: Path, viewer: Viewer) -> None:
    """As long as it was, and where it was scrolled to, without a moment in which nothing is there."""
    async with running_gateway(tmp_path, DURABILITY="process") as gateway:
        for number in range(60):
            await publish(gateway.grpc_address, f"build-{number:02}", ["line"])
        async with Viewer(gateway, viewer.browser).open() as page:
            await expect(page.locator(ROW)).to_have_count(50)
            await page.get_by_role("button", name="Show more").click()
            await expect(page.locator(ROW)).to_have_count(60)
            await page.locator(ROW).last.get_by_role("link").first.click()
            await page.locator(".log-row").first.wait_for()
            await page.go_back()
            await expect(page.locator(ROW)).to_have_count(60)
            await page.wait_for_function("window.scrollY > 300")


async def test_a_task_is_pinned_and_deleted_with_the_keyboard(viewer: Viewer) -> None:
    """From the menu of its row: a pin is shown and stands against deletion; a deleted task leaves the list."""
    await publish(viewer.gateway.grpc_address, "old-build", ["one"], end=True)
    async with viewer.open("/?search=old-build") as page:
        await page.get_by_role("button", name="What to do with old-build").press("Enter")
        await page.get_by_role("button", name="Pin", exact=True).press("Enter")
        await expect(page.get_by_text("Pinned: nothing of it is removed")).to_be_attached()
        await page.get_by_role("button", name="What to do with old-build").press("Enter")
        await expect(page.get_by_role("button", name="Delete")).to_be_disabled()
        await page.get_by_role("button", name="Unpin").press("Enter")
        await expect(page.get_by_text("Pinned: nothing of it is removed")).to_have_count(0)
        await page.get_by_role("button", name="What to do with old-build").press("Enter")
        await page.get_by_role("button", name="Delete").press("Enter")
        await page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
        await expect(page.get_by_text("No task matches")).to_be_visible()
        await expect(page.locator("#spoken")).to_have_text("old-build was deleted")
