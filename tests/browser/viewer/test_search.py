"""Search across all tasks."""

import json

import pytest
from playwright.async_api import expect

from tests.support.viewer import Viewer
from tests.support.worker import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser pages"),
    pytest.mark.asyncio(loop_scope="session"),
]

WORDS = "a needle that <b>only</b> they have"


async def test_hits_come_from_all_tasks(viewer: Viewer) -> None:
    """With what stands around them, marked, and each leads to its line."""
    for task in ("hay-1", "hay-2"):
        await publish(viewer.gateway.grpc_address, task, ["before", f"\x1b[31m{WORDS}\x1b[0m", "after"], end=True)
    async with viewer.open() as page:
        await page.keyboard.press("g")
        await page.keyboard.press("s")
        await page.get_by_label("Search the lines").wait_for()
        await page.keyboard.press("/")
        await page.keyboard.type("NEEDLE that <b>")
        await page.keyboard.press("Enter")
        await expect(page.locator(".search-state")).to_contain_text("2 matches in")
        await expect(page.locator("mark")).to_have_text(["needle that <b>", "needle that <b>"])
        await expect(page.locator(".hit.context")).to_have_count(4)
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{viewer.gateway.url}/logs/hay-2?q=NEEDLE+that+%3Cb%3E&line=2")
        await page.go_back()
        await expect(page.locator("mark")).to_have_count(2)


async def test_a_level_narrows_it(viewer: Viewer) -> None:
    """All lines of at least that level; none is said, not left blank."""
    async with viewer.open("/search?q=needle") as page:
        await page.get_by_label("Level").select_option(label="ERROR and above")
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_text("No line matches")).to_be_visible()
        assert "level=ERROR%2CFATAL" in page.url


async def test_an_expression_narrows_it(viewer: Viewer) -> None:
    """The field of the log page, also without a text; the address has it, and a press takes it back into the field."""
    await publish(viewer.gateway.grpc_address, "hay-3", ["straw one", "straw two"], end=True)
    async with viewer.open("/search") as page:
        await page.get_by_label("Add a filter").fill("straw -two")
        await page.keyboard.press("Enter")
        await expect(page.locator("a.hit")).to_have_count(1)
        assert "filter=straw+-two" in page.url
        await page.get_by_role("button", name="straw -two", exact=True).click()
        await expect(page.get_by_label("Add a filter")).to_have_value("straw -two")
        await page.get_by_label("Add a filter").fill("straw (")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("a term is missing")


async def test_a_search_can_be_given_up(viewer: Viewer) -> None:
    """The request ends, and with it the gateway's work."""
    async with viewer.open("/search") as page:
        await page.route("**/api/v1/log-streaming/search?**", lambda route: None)
        await page.get_by_label("Search the lines").fill("slow")
        await page.keyboard.press("Enter")
        async with page.expect_event("requestfailed") as ended:
            await page.get_by_role("button", name="Cancel").click()
        assert "q=slow" in (await ended.value).url
        await expect(page.locator(".search-state")).to_contain_text("Cancelled.")


async def test_progress_shows_while_it_searches(viewer: Viewer) -> None:
    """How much was looked at, and what was found so far; a stream that breaks off is told."""
    entry = {"taskId": "t", "workerId": "w", "sequence": 3, "timestamp": "2026-01-31T00:00:00Z", "level": "WARN"}
    hit = json.dumps({"entry": entry | {"message": "x"}, "before": [], "after": []})
    body = f'event: hit\ndata: {hit}\n\nevent: progress\ndata: {{"tasks":1,"tasksTotal":4,"lines":5000,"hits":1}}\n\n'
    async with viewer.open("/search") as page:
        await page.route(
            "**/api/v1/log-streaming/search?**",
            lambda route: route.fulfill(body=body, content_type="text/event-stream"),
        )
        await page.get_by_label("Search the lines").fill("x")
        await page.keyboard.press("Enter")
        await expect(page.locator("a.hit mark")).to_have_text("x")
        await expect(page.get_by_role("alert")).to_contain_text("does not answer")
