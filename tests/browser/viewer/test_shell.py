"""What is around every page: theme, language, keys, width, tokens, and a gateway that goes away."""

import re
import time
from pathlib import Path

import jwt
import pytest
from playwright.async_api import Page, expect

from tests.support.gateway_process import running_gateway
from tests.support.viewer import Viewer, hindrances, violations

SECRET = "correct-horse-battery-staple-0123456789"
PAGES = {
    "tasks": ["/"],
    "executions": ["/executions"],
    "execution": ["/executions/run-4097"],
    "automation": ["/automation"],
    "automationTask": ["/automation/none"],
    "batchJobs": ["/batch-jobs"],
    "alerts": ["/alerts"],
    "incident": ["/alerts/incidents/1"],
    "alertRules": ["/alerts/rules"],
    "alertRule": ["/alerts/rules/flaky-network"],
    "newAlertRule": ["/alerts/new-rule"],
    "alertTargets": ["/alerts/targets"],
    "maintenance": ["/alerts/maintenance"],
    "search": ["/search?q=part-10"],
    "pipeline": ["/?pipeline=none"],
    "log": ["/logs/docs-preview-77", "/logs/web-frontend-2207", "/logs/unknown"],
    "missing": ["/nothing-is-here"],
}
"""Addresses by the kind of their page. Those of a queue with tasks are in ``test_automation.py``."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser pages"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def loaded(page: Page, path: str, viewer: Viewer) -> None:
    """Go to a page and wait until it shows what it has."""
    await page.goto(viewer.gateway.url + path)
    await expect(page.locator("h1").first).to_be_visible()
    await expect(page.locator(".loading")).to_have_count(0)
    if "search" in path:
        await expect(page.locator(".search-state")).to_have_attribute("data-state", "done")


async def test_the_theme_is_the_systems_until_one_is_chosen(viewer: Viewer) -> None:
    """What was chosen is remembered."""
    ground = "getComputedStyle(document.body).backgroundColor"
    async with viewer.open(color_scheme="dark") as page:
        dark = await page.evaluate(ground)
        await page.emulate_media(color_scheme="light")
        light = await page.evaluate(ground)
        assert light != dark
        await page.keyboard.press("Shift+D")
        await page.keyboard.press("Shift+D")
        assert await page.evaluate(ground) == dark
        await page.reload()
        await page.get_by_role("button", name="Settings").click()
        await expect(page.get_by_label("Dark")).to_be_checked()
        assert await page.evaluate(ground) == dark


async def test_the_viewer_speaks_korean_to_who_prefers_it(viewer: Viewer) -> None:
    """To a browser that prefers it, and to who chooses it; the page says which language it is in."""
    async with viewer.open(locale="ko-KR") as page:
        await expect(page.locator("h1")).to_have_text("작업")
        assert await page.title() == "작업 · Otto 로그"
        await page.get_by_role("button", name="설정").click()
        await page.get_by_text("English").click()
        await expect(page.locator("h1")).to_have_text("Tasks")
        assert await page.locator("html").get_attribute("lang") == "en"
        await page.reload()
        await expect(page.locator("h1")).to_have_text("Tasks")


async def test_the_help_sheet_lists_the_keys_of_the_page(viewer: Viewer) -> None:
    """Escape closes it, and the focus is where it was."""
    async with viewer.open("/executions/run-4097") as page:
        await expect(page.locator(".waterfall li")).to_have_count(7)
        await page.keyboard.press("j")
        await page.keyboard.press("?")
        sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(sheet.get_by_text("Failed only")).to_be_visible()
        await expect(sheet.get_by_text("Go to search")).to_be_visible()
        await page.keyboard.press("j")  # nothing happens after it
        await page.keyboard.press("Escape")
        await expect(sheet).to_have_count(0)
        await expect(page.locator("[data-row]").first).to_be_focused()


async def test_shortcuts_of_one_character_can_be_switched_off(viewer: Viewer) -> None:
    """In the help sheet, for good; what has a name, as Escape, stays."""
    async with viewer.open("/executions") as page:
        await page.keyboard.press("?")
        sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
        await sheet.get_by_label("Shortcuts of one character").uncheck()
        await page.keyboard.press("Escape")
        await expect(sheet).to_have_count(0)
        await page.reload()
        await expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_visible()
        await page.keyboard.press("?")
        await expect(sheet).to_have_count(0)
        await page.get_by_role("button", name="Keyboard shortcuts").click()
        await sheet.get_by_label("Shortcuts of one character").check()
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(sheet).to_be_visible()


async def test_keys_count_as_soon_as_there_is_a_page(viewer: Viewer) -> None:
    """They are pressed in the moment in which the page's elements appear, before anything is painted."""
    async with viewer.open("/nothing-is-here") as page:
        await page.add_init_script("""new MutationObserver((_, observer) => {
            if (document.querySelector('main') === null) return
            observer.disconnect()
            for (const key of ['g', 's']) document.dispatchEvent(new KeyboardEvent('keydown', {key}))
        }).observe(document, {childList: true, subtree: true})""")
        await page.goto(viewer.gateway.url)
        await expect(page.get_by_label("Search the lines")).to_be_visible()


async def test_an_unknown_page_says_so(viewer: Viewer) -> None:
    """With the way to the tasks."""
    async with viewer.open("/nothing-is-here") as page:
        await expect(page.locator("h1")).to_have_text("No such page")
        await page.locator(".state").get_by_role("link").click()
        await expect(page.locator("h1")).to_have_text("Tasks")


async def test_the_keyboard_alone_gets_everywhere(viewer: Viewer) -> None:
    """The first stop skips to the content; a page that was gone to has the focus."""
    async with viewer.open() as page:
        await expect(page.locator(".tasks tbody tr").first).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#content")).to_be_focused()
        await page.keyboard.press("g")
        await page.keyboard.press("e")
        await expect(page.locator(".executions tbody tr").first).to_be_visible()
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.locator(".waterfall")).to_be_visible()
        await expect(page.locator("#content")).to_be_focused()


async def test_every_kind_of_page_is_looked_at() -> None:
    """``PAGES`` has what the viewer knows."""
    routes = (Path(__file__).parents[3] / "clients/viewer/src/shell/routes.ts").read_text()
    assert set(PAGES) == set(re.findall(r"\| \{ page: '(\w+)'", routes))


@pytest.mark.parametrize("path", [path for paths in PAGES.values() for path in paths])
async def test_a_page_is_for_everyone(viewer: Viewer, path: str) -> None:
    """In Korean: axe with all rules in both themes, forced colours, 200 %, phones, no motion, the keyboard alone."""
    async with viewer.open(locale="ko-KR") as page:
        await loaded(page, path, viewer)
        assert await page.locator("html").get_attribute("lang") == "ko"
        if "run-" in path:
            await page.keyboard.press("o")
        assert await hindrances(page) == []


async def test_the_help_sheet_is_for_everyone(viewer: Viewer) -> None:
    """In English, over a page."""
    async with viewer.open() as page:
        await page.keyboard.press("?")
        assert await violations(page) == []


async def test_a_token_opens_what_was_closed(viewer: Viewer, tmp_path: Path) -> None:
    """Who declines is told what is missing, and may sign in later; the cookie is out of scripts' reach, and enough."""
    token = jwt.encode({"sub": "reader", "scope": "logs:read", "exp": int(time.time()) + 600}, SECRET, "HS256")
    async with running_gateway(tmp_path, JWT_SECRET=SECRET) as gateway, Viewer(gateway, viewer.browser).open() as page:
        window = page.get_by_role("dialog", name="Sign in")
        await window.wait_for()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("alert")).to_contain_text("Not signed in")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_label("Token")).to_be_focused()
        await page.get_by_label("Token").fill("nonsense")
        await page.keyboard.press("Enter")
        await expect(window.get_by_role("alert")).to_be_visible()
        assert await violations(page) == []
        await page.get_by_label("Token").fill(token)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("No tasks yet")).to_be_visible()
        await expect(window).to_have_count(0)
        assert await page.evaluate("document.cookie") == ""
        assert token not in await page.evaluate("JSON.stringify([localStorage, sessionStorage])")
        await page.reload()
        await expect(page.get_by_text("No tasks yet")).to_be_visible()


async def test_a_gateway_that_goes_away_is_told_and_waited_for(viewer: Viewer, tmp_path: Path) -> None:
    """What was loaded stays, with a word that it is old; the page continues by itself."""
    async with running_gateway(tmp_path) as gateway, Viewer(gateway, viewer.browser).open() as page:
        await expect(page.get_by_text("No tasks yet")).to_be_visible()
        gateway.kill()
        await expect(page.get_by_role("alert")).to_contain_text("does not answer")
        await expect(page.get_by_text("No tasks yet")).to_be_visible()
        await gateway.start()
        await expect(page.get_by_role("alert")).to_have_count(0)
