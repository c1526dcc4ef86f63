"""The automation pages of a gateway that runs the queue: a user's first minutes with it."""

import shlex
import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.gateway_process import running_gateway
from tests.support.viewer import Viewer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]

_STAGE = "import os, time; print('chapter 1', flush=True); time.sleep(600)"


async def test_a_task_is_created_watched_stopped_tried_again_and_deleted(viewer: Viewer, tmp_path: Path) -> None:
    """Every answer is said on the page; what a stop took out of the queue is found again, and can be tried again."""
    command = shlex.join([sys.executable, "-S", "-c", _STAGE])
    queue = {"AUTOMATION_ENABLED": "true", "AUTOMATION_SCRIPT_COMMAND": command, "TASKS_DIR": str(tmp_path / "tasks")}
    async with (
        running_gateway(tmp_path, DURABILITY="process", **queue) as gateway,
        Viewer(gateway, viewer.browser).open("/automation") as page,
    ):
        said = page.get_by_role("status")
        await expect(page.get_by_text("There is no task yet.")).to_be_visible()
        await page.get_by_role("button", name="New task").click()
        await page.get_by_label("Title").fill("Bread")
        await page.get_by_role("button", name="Create").click()
        await expect(page.locator(".log-tail li").last).to_contain_text("chapter 1")
        await expect(page.locator(".stages li").nth(1)).to_contain_text("Running")
        await expect(page.get_by_role("button", name="Retry")).to_be_disabled()
        await page.get_by_role("button", name="Stop").click()
        answer = "Stopped: 1 running ended, 0 waiting removed. Processes ended: python"
        await expect(said.filter(has_text=answer)).to_be_visible()
        await expect(page.locator(".strip[data-tone=bad]")).to_contain_text("사용자가 작업을 중지했습니다")
        await page.get_by_role("button", name="Retry").click()
        await expect(said.filter(has_text="Queued again: Script")).to_be_visible()
        await expect(page.locator(".stages li").nth(1)).to_contain_text("Running")
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.get_by_text("There is no task yet.")).to_be_visible()

        await page.get_by_role("button", name="New task").click()
        await page.get_by_label("Title").fill("Cake")
        await page.get_by_label("Start at").fill("2099-01-31T09:00:00")
        await page.get_by_label("Repeat").select_option("monthly")
        await page.get_by_role("button", name="Create").click()
        await expect(page.locator(".facts")).to_contain_text("Monthly")
        await page.get_by_role("button", name="Stop").click()
        await expect(said.filter(has_text="0 running ended, 1 waiting removed")).to_be_visible()
        await page.get_by_role("link", name="All automation tasks").click()
        await expect(page.locator(".automation tbody tr")).to_contain_text("Failed")
        await page.get_by_role("link", name="Cake").click()
        await page.get_by_role("button", name="Retry").click()
        await expect(said.filter(has_text="Queued again: Schedule")).to_be_visible()
        await expect(page.locator(".stages li").nth(1)).to_contain_text("Running")
        await page.get_by_role("button", name="Stop").click()  # a killed gateway would leave its process behind
        await expect(said.filter(has_text=answer)).to_be_visible()
