"""The pages of the automation queue: what they show, what they ask for, and what they say of the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.support.scripted_automation import ScriptedAutomation
from tests.support.viewer import Viewer, hindrances, violations
from tests.support.worker import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]


@asynccontextmanager
async def opened(viewer: Viewer, automation: ScriptedAutomation, path: str, **options: Any) -> AsyncIterator[Page]:
    async with viewer.open("/search", **options) as page:
        await automation.answer_on(page)
        await page.goto(viewer.gateway.url + path)
        yield page


async def test_tabs_have_counts(viewer: Viewer) -> None:
    """Each tab lists its own; none is said; a title opens the task."""
    async with opened(viewer, ScriptedAutomation(), "/automation") as page:
        await expect(page.get_by_text("Nothing here")).to_be_visible()
        await expect(page.get_by_role("link", name="Completed 14")).to_be_visible()
        await page.get_by_role("link", name="Video 1").click()
        await page.get_by_role("link", name="Ten minutes of bread").click()
        await expect(page).to_have_url(f"{viewer.gateway.url}/automation/task-1")


async def test_a_task_shows_its_stages_and_its_log(viewer: Viewer) -> None:
    """Progress, schedule, queue, and the lines as they come."""
    await publish(viewer.gateway.grpc_address, "task-1", ["rendering scene 1"])
    async with opened(viewer, ScriptedAutomation(), "/automation/task-1") as page:
        await expect(page.get_by_role("progressbar", name="Progress")).to_have_js_property("value", 58)
        stages = page.locator(".stages li")
        await expect(stages.nth(0)).to_contain_text("42.0 s")
        await expect(stages.nth(1)).to_contain_text("Skipped")
        await expect(stages.nth(2)).to_contain_text("38 %")
        await expect(page.locator(".facts")).to_contain_text("Monthly")
        await expect(page.locator(".queue")).to_contain_text("retry 1 of 3")
        await publish(viewer.gateway.grpc_address, "task-1", ["rendering scene 2"])
        await expect(page.locator(".log-tail li").last).to_contain_text("rendering scene 2")


async def test_a_log_is_filtered_by_level_stage_and_action(viewer: Viewer) -> None:
    """With a filter it shows rows of ``task_logs``, the newest last, and without one the live lines."""
    row = {"level": "info", "queue_type": "video", "action_type": "start", "created_at": "2026-01-31 04:00:00"}
    logs = [
        row | {"id": 3, "message": "failed", "level": "error", "action_type": "fail"},
        row | {"id": 2, "message": "begun"},
        row | {"id": 1, "message": "written", "queue_type": "script"},
    ]
    async with opened(viewer, ScriptedAutomation(logs=logs), "/automation/task-1") as page:
        await page.get_by_role("combobox", name="Stage").select_option("video")
        await expect(page.locator(".log-tail li")).to_contain_text(["begun", "failed"])
        await page.get_by_role("combobox", name="Action").select_option("fail")
        await expect(page.locator(".log-tail li")).to_contain_text(["failed"])
        await page.get_by_role("combobox", name="Level").select_option("warn")
        await expect(page.get_by_text("No lines yet.")).to_be_visible()


async def test_stop_and_retry_say_what_they_did(viewer: Viewer) -> None:
    """What cannot be done now is not offered."""
    automation = ScriptedAutomation()
    async with opened(viewer, automation, "/automation/task-1") as page:
        await expect(page.get_by_role("button", name="Retry")).to_be_disabled()
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("status").filter(has_text="1 running ended, 2 waiting removed")).to_be_visible()
        await page.get_by_role("button", name="Retry").click()
        await expect(page.get_by_role("status").filter(has_text="Queued again: Video")).to_be_visible()
    assert automation.calls == [("POST", "stop", {"taskId": "task-1"}), ("POST", "tasks/task-1/retry", None)]


async def test_deleting_asks_first(viewer: Viewer) -> None:
    """Escape is no; afterwards the list is there."""
    automation = ScriptedAutomation()
    async with opened(viewer, automation, "/automation/task-1") as page:
        await page.get_by_role("button", name="Delete").click()
        await page.keyboard.press("Escape")
        assert automation.calls == []
        await page.get_by_role("button", name="Delete").click()
        assert await violations(page) == []
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page).to_have_url(f"{viewer.gateway.url}/automation")
    assert automation.calls == [("DELETE", "tasks/task-1", None)]


async def test_a_task_is_created_by_keyboard(viewer: Viewer) -> None:
    """What is missing is named before anything is sent; then the new task is there."""
    automation = ScriptedAutomation()
    async with opened(viewer, automation, "/automation") as page:
        await expect(page.get_by_text("Nothing here")).to_be_visible()
        await page.keyboard.press("c")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("Give the task a title.")
        assert await violations(page) == []
        await page.keyboard.type("Bread")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{viewer.gateway.url}/automation/task-1")
    assert automation.calls == [("POST", "tasks", {"title": "Bread", "type": "shortform"})]


async def test_a_refusal_is_told_in_its_own_words(viewer: Viewer) -> None:
    """The form stays as it was filled in."""
    async with opened(viewer, ScriptedAutomation(refusal="type: unknown"), "/automation") as page:
        await page.get_by_role("button", name="New task").click()
        await page.get_by_label("Title").fill("Bread")
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_role("alert")).to_have_text("type: unknown")
        await expect(page.get_by_label("Title")).to_have_value("Bread")


async def test_titles_and_errors_are_text(viewer: Viewer) -> None:
    """Nothing of a task runs."""
    bad = "<img src=x onerror=alert(1)>"
    automation = ScriptedAutomation(title=bad, error=bad, stages=[{"name": bad, "status": bad, "message": bad}])
    async with opened(viewer, automation, "/automation/task-1") as page:
        await expect(page.locator("h1")).to_have_text(bad)
        await expect(page.locator(".stages li")).to_contain_text(bad)
        assert await page.locator("img").count() == 0


@pytest.mark.parametrize("path", ["/automation?tab=video", "/automation/task-1"])
async def test_pages_of_the_queue_are_for_everyone(viewer: Viewer, path: str) -> None:
    """The list and a task, as all pages are."""
    async with opened(viewer, ScriptedAutomation(error="the renderer was killed"), path) as page:
        await expect(page.locator(".automation tbody tr, .stages li").first).to_be_visible()
        assert await hindrances(page) == []


async def test_a_gateway_without_automation_says_so(viewer: Viewer) -> None:
    """In place of an error."""
    missing = {"error": {"code": "NOT_FOUND", "message": "no such path"}}
    async with viewer.open() as page:
        await page.route("**/api/automation/tasks?**", lambda route: route.fulfill(status=404, json=missing))
        await page.goto(f"{viewer.gateway.url}/automation")
        await expect(page.get_by_text("Automation is off")).to_be_visible()
        await expect(page.get_by_role("button", name="New task")).to_have_count(0)
