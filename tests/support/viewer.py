"""The viewer in a real browser: one gateway and one Chromium for many tests."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page

from tests.support.gateway_process import GatewayProcess
from tests.support.web_pages import new_context

__all__ = ["Viewer", "hindrances", "violations"]

AXE = Path(__file__).parents[2] / "clients/viewer/node_modules/axe-core/axe.min.js"
LANGUAGE = "en-GB"
WIDTHS = {"at 200 %": (640, 400), "on a phone": (360, 640), "at 400 %": (320, 256)}
"""In CSS pixels; a zoomed page of 1280 by 800, or by 1024, has so few."""
STOPS_MAX = 400
FOCUS = """() => {
    const element = document.activeElement
    if (element === document.body) return null
    const shows = (style) => style.outlineStyle !== 'none' && style.outlineWidth !== '0px'
    const styles = [getComputedStyle(element), getComputedStyle(element, '::after')]
    if (element.nextElementSibling?.tagName === 'SPAN') styles.push(getComputedStyle(element.nextElementSibling))
    const name = element.tagName + ' ' + (element.ariaLabel ?? element.textContent).trim().slice(0, 40)
    return {name, isShown: styles.some(shows)}
}"""
STOPS = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, [tabindex="0"]')].filter(
    (element) => element.checkVisibility({visibilityProperty: true}) && !element.disabled && element.tabIndex >= 0
        && !element.closest('[popover]:not(:popover-open)')
        && (element.type !== 'radio' || element.checked)).length"""


class Viewer:
    """A gateway's pages. ``open`` fails afterwards where a page broke the policy or ran into an error."""

    def __init__(self, gateway: GatewayProcess, browser: Browser) -> None:
        self.gateway = gateway
        self.browser = browser

    @contextlib.asynccontextmanager
    async def open(self, path: str = "/", **options: Any) -> AsyncIterator[Page]:
        """A page in a context of its own; ``options`` are the context's."""
        context = await new_context(self.browser, **{"locale": LANGUAGE, "reduced_motion": "reduce"} | options)
        wrongs: list[str] = []

        def note(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text or "Trusted" in message.text:
                wrongs.append(message.text)

        try:
            page = await context.new_page()
            page.on("console", note)
            page.on("pageerror", lambda error: wrongs.append(str(error)))
            await page.goto(self.gateway.url + path)
            yield page
            assert wrongs == []
        finally:
            await context.close()


async def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page as it is: all rules but AAA, best practice and experiments too."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("""() => {
        const values = axe.getRules().filter(rule => !rule.tags.includes('wcag2aaa')).map(rule => rule.ruleId)
        return axe.run(document, {resultTypes: ['violations'], runOnly: {type: 'rule', values}})
    }""")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


async def hindrances(page: Page) -> list[str]:
    """What stands in somebody's way on a page as it is.

    Looked at are: axe in both themes, widths of a phone and of 200 and 400 %, motion where none is wanted, and the
    keyboard alone with the system's colours alone (forced colours, whose contrast is the system's): every stop is
    reached, shows that it has the focus, and leads on.
    """
    found = await violations(page)
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += [f"dark: {each}" for each in await violations(page)]
    if moving := await page.evaluate("document.getAnimations().map(({animationName}) => animationName)"):
        found.append(f"moves: {moving}")
    await page.emulate_media(forced_colors="active", reduced_motion="reduce")
    found += [f"forced colours: {each}" for each in await _without_the_mouse(page)]
    await page.emulate_media(color_scheme="light", forced_colors="none", reduced_motion="reduce")
    size = page.viewport_size
    for name, (width, height) in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": height})
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{name} it is {wide} px wider than the screen"] if wide > 0 else []
    if size is not None:
        await page.set_viewport_size(size)
    return found


async def _without_the_mouse(page: Page) -> list[str]:
    """What the keyboard alone does not reach, or not see."""
    await page.evaluate("document.activeElement.blur(); getSelection().collapse(document.body, 0)")
    wanted = await page.evaluate(STOPS)
    stops: list[str] = []
    hidden: list[str] = []
    while len(stops) < STOPS_MAX:
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUS)
        if stop is None:
            break
        stops.append(stop["name"])
        hidden += [] if stop["isShown"] else [f"no focus to be seen: {stop['name']}"]
    return hidden if len(stops) >= wanted else [*hidden, f"{len(stops)} of {wanted} stops: …{stops[-3:]}"]
