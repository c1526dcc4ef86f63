"""The pages of alerts, and the marks of incidents elsewhere."""

from typing import Any

import httpx2
import pytest
from playwright.async_api import Page, Route, expect

from tests.support.viewer import Viewer, violations
from tests.support.worker import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]

API = "/api/v1/alerts"
RESET = "connection reset by peer"


async def changed(viewer: Viewer, path: str, body: dict[str, Any]) -> None:
    async with httpx2.AsyncClient(base_url=viewer.gateway.url) as client:
        (await client.post(path, json=body)).raise_for_status()


async def test_an_incident_opens_and_is_resolved(viewer: Viewer) -> None:
    """It appears without a reload, has its lines where they stand and what became of notifications; keys do it all."""
    async with viewer.open("/alerts?task=web-one") as page:
        await expect(page.get_by_text("No incident matches")).to_be_visible()
        await publish(viewer.gateway.grpc_address, "web-one", ["before", f"{RESET} <b>1</b>", "after"])
        await expect(page.locator(".incidents tbody a", has_text="web-one")).to_be_visible()
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("flaky-network")
        await expect(page.locator(".excerpts .hit")).to_contain_text(["before", f"{RESET} <b>1</b>", "after"])
        await expect(page.locator(".notifications tbody")).to_contain_text("Delivered")
        await expect(page.locator(".notifications tbody tr", has_text="pager")).to_contain_text("Tried again")
        await publish(viewer.gateway.grpc_address, "web-one", [f"{RESET} <b>2</b>"])
        await expect(page.locator(".sum")).to_contain_text("2 lines")
        await page.keyboard.press("r")
        await expect(page.locator(".facts", has_text="by hand")).to_contain_text("by anonymous")
        await page.locator("a.hit").first.click()
        await expect(page).to_have_url(f"{viewer.gateway.url}/logs/web-one?line=2")


async def test_a_mute_says_until_when_and_who(viewer: Viewer) -> None:
    """For as long as was chosen, and no longer once that is taken back."""
    await publish(viewer.gateway.grpc_address, "web-loud", [RESET])
    async with viewer.open("/alerts?task=web-loud") as page:
        await page.locator(".incidents tbody th a").click()
        await page.get_by_role("button", name="Mute for").click()
        await page.get_by_role("button", name="4 hours").click()
        await expect(page.get_by_role("status").filter(has_text="Muted for 4 hours")).to_be_visible()
        await expect(page.locator(".facts", has_text="Muted until")).to_contain_text("by anonymous")
        await page.get_by_role("button", name="Unmute").click()
        await expect(page.locator(".sum .status")).to_have_text("Open")


async def test_a_rule_is_tried_stored_and_removed(viewer: Viewer) -> None:
    """What the gateway finds wrong is said at its field, which has the focus then."""
    await publish(viewer.gateway.grpc_address, "web-heap", ["a heap of 3 MB", "a heap of 4 MB"])
    async with viewer.open("/alerts/rules") as page:
        await page.get_by_role("link", name="New rule").click()
        await page.get_by_label("Name", exact=True).fill("heaps")
        await page.get_by_label("Lines that match").fill('"a heap of" -nothing')
        await page.get_by_label("Tasks", exact=True).fill("web-heap, web-none")
        await page.get_by_label("Between notifications").fill("soon")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.locator(".alerts-preview").get_by_role("alert")).to_contain_text("'soon' is no duration")
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_label("Between notifications")).to_be_focused()
        await page.evaluate("scrollTo(0, 0)")
        assert await violations(page) == []
        await page.get_by_label("Between notifications").fill("1h")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.locator(".alerts-preview")).to_contain_text("would have opened 1 incident in the last")
        await expect(page.locator(".alerts-preview a.hit")).to_have_count(2)
        await page.get_by_label("team", exact=True).check()
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{viewer.gateway.url}/alerts/rules/heaps")
        await expect(page.locator(".sum")).to_contain_text('A line matches "a heap of" -nothing in web-heap, web-none')
        await page.get_by_role("button", name="Send a test to team").click()
        await expect(page.get_by_role("status").filter(has_text="team has taken the test")).to_be_visible()
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page).to_have_url(f"{viewer.gateway.url}/alerts/rules")
        await expect(page.locator(".alert-rules")).not_to_contain_text("heaps")


async def test_a_maintenance_window_is_made(viewer: Viewer) -> None:
    """Every week or once; an error is shown at its field."""
    async with viewer.open("/alerts/maintenance") as page:
        await page.get_by_role("button", name="New window").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Repeats").select_option("weekly")
        await dialog.get_by_label("Name").fill("Nightly")
        await page.keyboard.press("Enter")
        await expect(dialog.locator("[aria-invalid=true]")).to_have_attribute("name", "name")
        assert await violations(page) == []
        await dialog.get_by_label("Name").fill("nightly")
        await page.keyboard.press("Enter")
        await expect(page.locator(".windows tbody")).to_contain_text("22:00 to 06:00")


async def test_incidents_are_marked_in_the_log_and_the_list(viewer: Viewer) -> None:
    """The line, its time and its task lead to the incident; how much was masked is said with what it means."""
    masks = "/api/v1/log-streaming/tasks/web-marks/masks"
    await changed(viewer, masks, {"values": ["hunter-2-secret"]})
    await publish(viewer.gateway.grpc_address, "web-marks", ["fine", f"{RESET} hunter-2-secret", "fine"])
    async with viewer.open("/?search=web-marks") as page:
        await page.get_by_role("link", name="1 open incident").click()
        await expect(page.locator(".incidents tbody")).to_contain_text("web-marks")
        await page.goto(f"{viewer.gateway.url}/logs/web-marks")
        mark = page.locator('.log-row[data-sequence="2"] .log-incident')
        await expect(mark).to_have_attribute("aria-label", "Incident: flaky-network")
        await page.get_by_role("button", name="1 masked").click()
        await expect(page.locator(".log-masked .menu")).to_contain_text("replaced by ***")
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="1 open incident").click()
        await expect(page.locator("h1")).to_have_text("flaky-network")
        await page.goto(f"{viewer.gateway.url}/logs/gateway-linux-x64-0932")
        await expect(page.locator(".log-bars-incident").first).to_be_attached()


@pytest.mark.parametrize(
    ("status", "code", "message", "said"),
    [
        (503, "UNAVAILABLE", "alerts are off: set ALERT_RULES to a file of rules to use them", "Alerts are off"),
        (401, "UNAUTHENTICATED", "no token", "Not signed in"),
        (403, "PERMISSION_DENIED", "the token covers some tasks only", "Not allowed"),
        (500, "INTERNAL", "out of order", "The gateway refused (INTERNAL)"),
    ],
)
async def test_what_cannot_be_shown_is_said(viewer: Viewer, status: int, code: str, message: str, said: str) -> None:
    """In place of the page, and never as if nothing had happened."""
    refusal = {"error": {"code": code, "message": message}}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json=refusal)

    async with viewer.open("/search") as page:
        await page.route(f"**{API}/**", refuse)
        await page.goto(f"{viewer.gateway.url}/alerts")
        if status == 401:
            await page.get_by_role("button", name="Not now").click()
        await expect(page.get_by_role("heading", name=said)).to_be_visible()
        assert await violations(page) == []


async def test_a_refused_change_asks_for_another_token(viewer: Viewer) -> None:
    """It says which scope is missing, and that nothing was done."""
    await publish(viewer.gateway.grpc_address, "web-rights", [RESET])
    refusal = {"error": {"code": "PERMISSION_DENIED", "message": "the token needs the scope alerts:write"}}
    async with viewer.open("/alerts?task=web-rights") as page:
        await page.locator(".incidents tbody th a").click()
        await page.route("**/resolve", lambda route: route.fulfill(status=403, json=refusal))
        await page.get_by_role("button", name="Resolve").click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("the token needs the scope alerts:write")
        await expect(alert.get_by_role("button", name="Sign in")).to_be_visible()
        await expect(page.locator(".sum .status")).to_have_text("Open")


async def fits(page: Page, width: int) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_form_fits_at_200_percent_and_in_forced_colours(viewer: Viewer) -> None:
    """In Korean, too: nothing is cut off or loses its borders."""
    size = {"width": 640, "height": 400}
    async with viewer.open("/alerts/new-rule", viewport=size, locale="ko-KR", forced_colors="active") as page:
        await expect(page.get_by_role("heading", name="새 규칙")).to_be_visible()
        await fits(page, 640)
        assert await page.locator("input[name=name]").evaluate("it => getComputedStyle(it).borderTopStyle") == "solid"
        assert await violations(page) == []
