"""The viewer page: what it is allowed to do, and what it shows."""

import re
import time
from pathlib import Path

import httpx2
import jwt
import pytest
from playwright.async_api import Page, expect

from tests.support.gateway_process import running_gateway
from tests.support.web_pages import open_page
from tests.support.worker import publish

SECRET = "correct-horse-battery-staple-0123456789"

browser = pytest.mark.browser
one_at_a_time = pytest.mark.xdist_group("browser")


async def test_the_page_needs_nothing_from_elsewhere(http: httpx2.AsyncClient) -> None:
    """Only its own files, no inline script or style, and no frame around it."""
    answer = await http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<style|<script(?! type=\"module\" src=)| style=| on[a-z]+=", answer.text)
    for path in re.findall(r'(?:src|href)="(/page/[^"]+)"', answer.text):
        assert (await http.get(path)).headers["x-content-type-options"] == "nosniff"


async def test_its_files_are_not_sent_twice(http: httpx2.AsyncClient) -> None:
    """A browser that has a file already is told so."""
    tag = (await http.get("/page/viewer.js")).headers["etag"]
    answer = await http.get("/page/viewer.js", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


async def messages(page: Page) -> list[str]:
    return await page.locator("#log .message").all_inner_texts()


@browser
@one_at_a_time
async def test_lines_are_text_with_colours(tmp_path: Path) -> None:
    """Markup in a line is shown, not followed; ANSI colours become classes, other control characters nothing."""
    lines = ["<img src=x onerror=alert(1)>", "\x1b[31mred\x1b[0m and \x1b[2Jplain\x07"]
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", lines, end=True)
        async with open_page(f"{gateway.url}/?task=build") as page:
            await expect(page.locator("#log .notice")).to_have_text("completed after line 2")
            assert await messages(page) == [lines[0], "red and plain"]
            assert await page.locator("#log .ansi-31").inner_text() == "red"
            assert await page.locator("#log img").count() == 0


@browser
@one_at_a_time
async def test_the_filter_box_asks_the_gateway_anew(tmp_path: Path) -> None:
    """Keywords narrow the list, and are in the address, so that it can be passed on."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", ["alpha", "beta", "gamma"])
        async with open_page(f"{gateway.url}/?task=build") as page:
            await expect(page.locator("#log .message")).to_have_count(3)
            await page.fill("#keywords", "BETA")
            await expect(page.locator("#log .message")).to_have_text(["beta"])
            assert "keywords=BETA" in page.url


@browser
@one_at_a_time
async def test_a_killed_gateway_costs_no_line(tmp_path: Path) -> None:
    """The page says that it reconnects, and shows each line once."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", ["one"])
        async with open_page(f"{gateway.url}/?task=build") as page:
            await expect(page.locator("#status")).to_have_text("live")
            gateway.kill()
            await expect(page.locator("#status")).to_have_text("reconnecting…")
            await gateway.start()
            await publish(gateway.grpc_address, "build", ["two"])
            await expect(page.locator("#log .message")).to_have_text(["one", "two"], timeout=30_000)


@browser
@one_at_a_time
async def test_the_page_keeps_a_bounded_number_of_lines(tmp_path: Path) -> None:
    """The last 5,000, with a word on how many came before."""
    async with running_gateway(tmp_path, DURABILITY="process") as gateway:
        await publish(gateway.grpc_address, "build", [f"line {n}" for n in range(1, 6001)], batch_lines=1000)
        async with open_page(f"{gateway.url}/?task=build") as page:
            await expect(page.locator("#count")).to_have_text("5,000 lines, 1,000 earlier ones not shown")
            await publish(gateway.grpc_address, "build", ["the last"])
            await expect(page.locator("#count")).to_have_text("5,000 lines, 1,001 earlier ones not shown")
            assert await page.locator("#log .message").last.inner_text() == "the last"


@browser
@one_at_a_time
async def test_a_token_opens_what_was_closed(tmp_path: Path) -> None:
    """Without one the page asks for it; with one it lists what streams, and keeps the token out of scripts' reach."""
    token = jwt.encode({"sub": "reader", "scope": "logs:read", "exp": int(time.time()) + 600}, SECRET, "HS256")
    async with running_gateway(tmp_path, JWT_SECRET=SECRET) as gateway, open_page(gateway.url) as page:
        await expect(page.locator("#sign-in")).to_be_visible()
        await page.fill("#token", "nonsense")
        await page.click("#sign-in button")
        await expect(page.locator("#status")).to_have_attribute("data-state", "failed")
        async with page.expect_navigation():
            await page.fill("#token", token)
            await page.click("#sign-in button")
        await expect(page.locator("#no-tasks")).to_be_visible()
        assert await page.evaluate("document.cookie") == ""
