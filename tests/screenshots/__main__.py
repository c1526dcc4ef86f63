"""Takes the pictures of ``docs/screenshots``: the real gateway, filled, in a real Chromium, light and dark.

``python -m tests.screenshots [DIRECTORY] [NAME …]``: only the named ones, into another directory.
"""

import asyncio
import io
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from tests.screenshots.content import fill, fill_alerts, fill_queue
from tests.support.alerts import alert_settings
from tests.support.gateway_process import running_gateway
from tests.support.programs import program
from tests.support.waiting import WAIT_MILLISECONDS_MAX
from tests.support.web_pages import ARGUMENTS

DIRECTORY = Path(__file__).parents[2] / "docs/screenshots"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}


@dataclass(frozen=True)
class Picture:
    """One page: what to open, what to wait for, what to press then, and what has to be there for the picture."""

    name: str
    path: str
    ready: str
    presses: Sequence[str] = ()
    there: str = "main"
    is_phone: bool = False


PICTURES = (
    Picture("tasks", "/", ".tasks tbody tr:last-child time"),
    Picture("log", "/logs/web-frontend-2207?q=case_1", ".log-row[data-sequence] mark", ("Shift+E",)),
    Picture("failed", "/logs/web-frontend-2207", ".log-card-cause"),
    Picture("executions", "/executions", ".executions tbody tr"),
    Picture("execution", "/executions/run-4097", ".waterfall li", ("j", "j", "j", "j", "j", "j", "j", "Enter")),
    Picture("search", "/search?q=resume%3A%3Acase_10", ".search-state[data-state=done]"),
    Picture("automation", "/automation/{held}", ".log-tail li"),
    Picture("incidents", "/alerts", ".incidents tbody tr"),
    Picture("incident", "/alerts/incidents/{incident}", ".notifications tbody tr"),
    Picture("alert-rule", "/alerts/rules/flaky-network", ".alerts-editor", ("p",), ".alerts-preview a.hit"),
    Picture("incidents-phone", "/alerts", ".incidents tbody tr", is_phone=True),
    Picture("tasks-phone", "/", ".tasks tbody tr:last-child time", is_phone=True),
    Picture("log-phone", "/logs/web-frontend-2207", ".log-card-cause", is_phone=True),
    Picture("execution-phone", "/executions/run-4100", ".waterfall li", is_phone=True),
)


# A stage that can be looked at while it runs.
UPLOADING = shlex.join([sys.executable, str(Path(__file__).with_name("uploading.py"))]) + " {settings}"
SETTINGS: dict[str, Any] = {
    "DURABILITY": "process",
    "AUTOMATION_ENABLED": "true",
    "AUTOMATION_YOUTUBE_COMMAND": UPLOADING,
}


async def main(directory: Path, names: Sequence[str]) -> None:
    """Take them all, or those named."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        async with (
            alert_settings(Path(place)) as alerts,
            running_gateway(Path(place) / "gateway", **SETTINGS, **alerts) as gateway,
            async_playwright() as playwright,
        ):
            await fill(gateway.grpc_address, gateway.url)
            held = await fill_queue(gateway.url)
            incident = await fill_alerts(gateway.url)
            browser = await playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
            try:
                for picture in PICTURES:
                    for theme in ("light", "dark") if not names or picture.name in names else ():
                        await _take(
                            browser,
                            gateway.url + picture.path.format(held=held, incident=incident),
                            picture,
                            theme,
                            directory,
                        )
            finally:
                await browser.close()


async def _take(browser: Browser, url: str, picture: Picture, theme: str, directory: Path) -> None:
    context = await browser.new_context(
        viewport=PHONE if picture.is_phone else DESKTOP,  # type: ignore[arg-type]
        color_scheme="light" if theme == "light" else "dark",
        reduced_motion="reduce",
    )
    try:
        context.set_default_timeout(WAIT_MILLISECONDS_MAX)
        page: Page = await context.new_page()
        await page.goto(url)
        await page.locator(picture.ready).first.wait_for()
        await page.evaluate("document.fonts.ready")
        for key in picture.presses:
            await page.keyboard.press(key)
        await page.locator(picture.there).first.wait_for()
        path = directory / f"{picture.name}-{theme}.png"
        # A page has few colours: with 256 of them it looks the same at a third of the size.
        image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path.name}  {path.stat().st_size // 1024} kB")
    finally:
        await context.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(main(Path(given[0]) if given else DIRECTORY, given[1:]))
