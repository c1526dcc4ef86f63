"""Pictures of the documentation site as `make docs` has built it, opened from the disk; its search must find, too.

``python -m tests.screenshots.site`` fails if the search finds nothing, or if a page asks anybody else for anything.
"""

import asyncio
import io

from PIL import Image
from playwright.async_api import Browser, async_playwright

from tests.screenshots.__main__ import DESKTOP, DIRECTORY
from tests.support.programs import program
from tests.support.web_pages import ARGUMENTS

SITE = DIRECTORY.parents[1] / "var/docs/site"
COLOURS = 128


async def take(browser: Browser, scheme: str) -> None:
    page = await browser.new_page(viewport=DESKTOP, color_scheme=scheme)  # type: ignore[arg-type]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{SITE.as_uri()}/troubleshooting.html")
    shot = Image.open(io.BytesIO(await page.screenshot()))
    shot.quantize(COLOURS).save(DIRECTORY / f"site-{scheme}.png", optimize=True)
    await page.keyboard.press("Control+k")
    await page.get_by_label("Search").first.press_sequentially("DISK_RESERVE_BYTES")
    await page.get_by_text("Disk full").last.wait_for()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


async def main() -> None:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        for scheme in ("light", "dark"):
            await take(browser, scheme)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
