"""The viewer in a real browser: one gateway and one Chromium for many tests."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page

from tests.support.gateway_process import GatewayProcess
from tests.support.web_pages import new_context

__all__ = ["Viewer", "violations"]

AXE = Path(__file__).parents[2] / "clients/viewer/node_modules/axe-core/axe.min.js"
LANGUAGE = "en-GB"


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
