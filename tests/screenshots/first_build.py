"""Opens a task's page in Chromium, signs in with a token, waits for a line and takes a picture.

``python -m tests.screenshots.first_build URL TOKEN TEXT PICTURE``; names ending in ``.example.com`` are this machine,
and its certificate is not looked at.
"""

import sys

from playwright.sync_api import sync_playwright

from tests.support.programs import program
from tests.support.web_pages import ARGUMENTS


def main(url: str, token: str, text: str, picture: str) -> None:
    """Raises what Playwright raises where the line does not come."""
    arguments = [*ARGUMENTS, "--host-resolver-rules=MAP *.example.com 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=arguments)
        page = browser.new_page(ignore_https_errors=True, viewport={"width": 1280, "height": 420})
        page.goto(url)
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text(text).first.wait_for(timeout=120_000)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
