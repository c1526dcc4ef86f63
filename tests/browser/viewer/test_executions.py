"""Executions of workflows: the list, one as a waterfall, and what changes under the reader's eyes."""

import time
from typing import Any

import httpx2
import pytest
from playwright.async_api import expect

from tests.support.viewer import Viewer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def report(viewer: Viewer, execution: str, node: str, status: str, **more: Any) -> None:
    body = {"execution_id": execution, "node_id": node, "script_id": "script", "status": status, **more}
    async with httpx2.AsyncClient() as http:
        (await http.post(f"{viewer.gateway.url}/api/logs/node-execution", json=body)).raise_for_status()


async def test_the_list_has_statistics_and_a_plot(viewer: Viewer) -> None:
    """Numbers of all executions, and how long each took; the plot says so in words too."""
    async with viewer.open("/executions") as page:
        await expect(page.locator(".executions tbody tr", has_text="run-4097").locator(".status")).to_have_text(
            "Failed"
        )
        await expect(page.locator(".figures div", has_text="Script executions").locator("dd")).to_have_text("14")
        await expect(page.get_by_role("img", name="executions; the longest took")).to_be_visible()
        assert await page.locator(".plot canvas").evaluate("canvas => canvas.width") > 500
        await page.get_by_label("Find an execution").fill("4097")
        await expect(page.locator(".executions tbody tr")).to_have_count(1)
        await page.locator(".executions tbody a").click()
        await expect(page.locator("h1")).to_have_text("run-4097")


async def test_a_node_run_opens_to_what_it_did(viewer: Viewer) -> None:
    """Parameters, error and traceback, by keyboard alone; the bars stand where the time was."""
    async with viewer.open("/executions/run-4097") as page:
        runs = page.locator(".waterfall li")
        await expect(runs).to_have_count(7)
        for _ in range(7):
            await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(runs.last.get_by_text("ValueError: 12 items have no price").first).to_be_visible()
        await expect(runs.last.locator("pre", has_text="Traceback (most recent call last)")).to_be_visible()
        await expect(runs.last.locator("pre", has_text='"of": 3')).to_be_visible()
        boxes = [await bar.bounding_box() for bar in await page.locator(".track i").all()]
        assert [box["x"] for box in boxes if box] == sorted(box["x"] for box in boxes if box)
        await page.keyboard.press("f")
        await expect(runs).to_have_count(1)


async def test_an_execution_is_live(viewer: Viewer) -> None:
    """Runs appear and end by themselves; the end of the whole is said aloud."""
    start = int(time.time() * 1000)
    async with viewer.open("/executions/live-run") as page:
        await expect(page.get_by_text("No such execution")).to_be_visible()
        await report(viewer, "live-run", "first", "running", started_at=start)
        await expect(page.locator(".waterfall li")).to_have_count(1)
        await report(viewer, "live-run", "first", "completed", started_at=start, finished_at=start + 40)
        await expect(page.locator("#spoken")).to_have_text("Execution completed")
        await expect(page.locator(".sum")).to_contain_text("1 of 1 done")


async def test_an_update_loads_again_at_once(viewer: Viewer) -> None:
    """The list does not wait for its turn where the gateway says that something has changed."""
    async with viewer.open("/executions") as page:
        async with page.expect_response("**/api/dashboard/stats"):  # it has no turn of its own
            await page.reload()
        async with page.expect_response("**/api/dashboard/stats"), httpx2.AsyncClient() as http:
            body = {"status": "success", "execution_id": "told"}
            await http.post(f"{viewer.gateway.url}/api/scripts/told/execution-record", json=body)


async def test_values_are_text(viewer: Viewer) -> None:
    """Whatever a node was given or says, nothing of it runs."""
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    more = {"node_name": bad, "node_type": bad, "parameters": {bad: bad}, "error_message": bad, "error_traceback": bad}
    await report(viewer, bad, bad, "failed", started_at=1, finished_at=2, **more)
    async with viewer.open("/executions") as page:
        await page.get_by_role("link", name=bad).click()
        await expect(page.locator(".waterfall li")).to_have_count(1)
        await page.keyboard.press("o")
        await expect(page.locator(".details pre")).to_have_count(3)
        assert await page.locator("img").count() == 0
        assert await page.locator("body script").count() == 0
