"""The log page when things go wrong: a gateway that is killed, a journal that begins anew, lines that mean harm."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import httpx2
import pytest

from tests.browser.log.conftest import OpenLog
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.log_pages import lines_shown, publish_lines, publish_stage, wait_for_line
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser log"),
    pytest.mark.asyncio(loop_scope="session"),
]

HOSTILE = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 2'>",
    "\x1b[31m<svg onload=window.ran=3>\x1b[0m",
    "\x1b]8;;javascript:window.ran=4\x07click\x1b]8;;\x07",
    "::group::<iframe srcdoc='<script>parent.ran=5</script>'>",
    "section_start:1:x[collapsed=true]\r\x1b[0K<b onclick=window.ran=6>",
    "\u202e\u2066 reversed",
    "\x1b[38;2;url(javascript:1);2;3mx",
    "x" * 200_000,
]


async def reached(gateway: GatewayProcess, metric: str, value: float) -> None:
    """Until a metric is at least ``value``."""
    async for _ in attempts("the metric is so high"):
        if (await gateway.metrics())[metric] >= value:
            break


async def first_stored(gateway: GatewayProcess, task_id: str) -> int:
    """The first sequence that is stored."""
    async with httpx2.AsyncClient() as client:
        page = await client.get(f"{gateway.url}/api/v1/log-streaming/logs/{task_id}", params={"limit": 1})
        return int(page.json()["firstSequence"])


def numbered(first: int, last: int) -> list[tuple[str, str]]:
    return [("INFO", f"compiling unit {number}") for number in range(first, last + 1)]


async def test_a_killed_gateway_leaves_nothing_missing_and_nothing_doubled(tmp_path: Path, open_log: OpenLog) -> None:
    """The page says that it was away, comes back by itself, and has every line once."""
    async with running_gateway(tmp_path) as gateway:
        await publish_lines(gateway.grpc_address, "build", numbered(1, 12))
        async with open_log(gateway, "/logs/build") as page:
            await wait_for_line(page, 12)
            gateway.kill()
            await page.get_by_text("Connection lost at").wait_for()
            await gateway.start()
            await publish_lines(gateway.grpc_address, "build", numbered(13, 20), start=12)
            await wait_for_line(page, 20)
            await page.get_by_text("Nothing is missing.").wait_for()
            assert await lines_shown(page) == list(range(1, 21))


async def test_lines_that_retention_removed_are_a_row_where_they_were(tmp_path: Path, open_log: OpenLog) -> None:
    """Who goes back to the beginning of an open page reads what is no longer there, and then the first line that is."""
    async with running_gateway(tmp_path) as gateway:
        # Retention removes whole commits: two of them at least.
        await publish_lines(gateway.grpc_address, "build", numbered(1, 3500))
        await publish_lines(gateway.grpc_address, "build", numbered(3501, 4000), start=3500)
        async with open_log(gateway, "/logs/build") as page:
            await wait_for_line(page, 4000)
            await reached(gateway, "otto_polling_rows_total", 4000)  # what was not copied stays
            gateway.kill()
            gateway.environment["RETENTION_BYTES"] = "4000"
            await gateway.start()
            await reached(gateway, "otto_retention_passes_total", 1)
            first = await first_stored(gateway, "build")
            assert first > 1
            await page.get_by_text("Nothing is missing.").wait_for()
            await wait_for_line(page, 4000)
            await page.locator(".log-scroller").focus()
            await page.keyboard.press("g")
            await page.keyboard.press("g")
            gone = page.locator(".log-row.is-gap")
            await gone.get_by_text(f"Lines 1 to {first - 1:,} are missing").wait_for()
            await wait_for_line(page, first)
            assert (await lines_shown(page))[0] == first


async def test_a_journal_that_began_anew_is_told_and_shown_once(tmp_path: Path, open_log: OpenLog) -> None:
    """With another journal after the same address, the page says so and shows that one's lines alone."""
    async with running_gateway(tmp_path / "gateway") as gateway:
        await publish_lines(gateway.grpc_address, "build", numbered(1, 10))
        async with open_log(gateway, "/logs/build") as page:
            await wait_for_line(page, 10)
            gateway.kill()
            for path in gateway.directory.glob("otto.db*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            await gateway.start()
            await publish_lines(gateway.grpc_address, "build", numbered(1, 4))
            await page.get_by_text("The journal began anew").wait_for()
            await wait_for_line(page, 4)
            assert await lines_shown(page) == [1, 2, 3, 4]


async def test_lines_that_are_gone_are_a_row_where_they_were(tmp_path: Path, open_log: OpenLog) -> None:
    """Their numbers and the reason stand between the lines that are left."""
    async with running_gateway(tmp_path) as gateway:
        for first in (1, 5, 9):
            await publish_lines(gateway.grpc_address, "build", numbered(first, first + 3), start=first - 1)
        gateway.kill()
        with contextlib.closing(sqlite3.connect(gateway.database)) as database, database:
            database.execute("UPDATE journal_records SET payload = x'00' WHERE first_sequence = 5")
        await gateway.start()
        async with open_log(gateway, "/logs/build") as page:
            await wait_for_line(page, 12)
            await page.get_by_text("Lines 5 to 8").wait_for()
            rows = await page.locator(".log-row").all_inner_texts()
            place = next(at for at, text in enumerate(rows) if "Lines 5 to 8" in text)
            assert "compiling unit 4" in rows[place - 1]
            assert "compiling unit 9" in rows[place + 1]


async def test_nothing_in_a_line_runs(build: GatewayProcess, open_log: OpenLog) -> None:
    """Lines are text, whatever they hold, and the policy of the page is never asked."""
    await publish_lines(build.grpc_address, "hostile", [("ERROR", text) for text in HOSTILE])
    async with open_log(build, "/logs/hostile") as page:
        await page.evaluate("document.addEventListener('securitypolicyviolation', () => { window.ran = 9 })")
        await wait_for_line(page, 1)
        assert await page.locator(".log-window :is(script, img, svg, iframe, b, a)").count() == 0
        assert await page.evaluate("window.ran") is None
        assert await page.locator('[data-sequence="1"] .log-message').inner_text() == HOSTILE[0]


async def test_the_end_of_a_task_is_a_row(build: GatewayProcess, open_log: OpenLog) -> None:
    """Behind the last line stands how the task ended."""
    await publish_lines(build.grpc_address, "ended", numbered(1, 3), end="COMPLETED")
    async with open_log(build, "/logs/ended") as page:
        await page.locator(".log-row.is-end").wait_for()
        assert await page.locator(".log-row.is-end").inner_text() == "Completed"


async def test_a_task_without_lines_fills_once_they_come(build: GatewayProcess, open_log: OpenLog) -> None:
    """The page of an unknown task waits, and shows its lines when there are some."""
    async with open_log(build, "/logs/later") as page:
        await page.get_by_text("No lines yet").wait_for()
        await publish_lines(build.grpc_address, "later", numbered(1, 3))
        await wait_for_line(page, 3)
        assert await lines_shown(page) == [1, 2, 3]


async def test_eight_tabs_are_live_over_six_connections(build: GatewayProcess, open_log: OpenLog) -> None:
    """More tabs than HTTP/1.1 has connections for all show what comes."""
    await publish_lines(build.grpc_address, "tabs", numbered(1, 5))
    async with open_log(build, "/logs/tabs") as first:
        pages = [first]
        for _ in range(7):
            page = await first.context.new_page()
            await page.goto(first.url)
            pages.append(page)
        for page in pages:
            await wait_for_line(page, 5)
        await publish_lines(build.grpc_address, "tabs", numbered(6, 9), start=5)
        for page in pages:
            await wait_for_line(page, 9)
            assert await lines_shown(page) == list(range(1, 10))


async def test_the_stages_of_a_pipeline_stand_above_the_log(build: GatewayProcess, open_log: OpenLog) -> None:
    """Each stage has its progress; one that runs has a duration that grows."""
    await publish_stage(build.grpc_address, "release", "compile", 40)
    async with open_log(build, "/logs/build?pipeline=release") as page:
        await page.get_by_role("button", name="compile 40 %").wait_for()
        await publish_stage(build.grpc_address, "release", "compile", 80)
        await page.get_by_role("button", name="compile 80 %").wait_for()
        await page.locator(".log-stage-time", has_text=" s").wait_for()  # from milliseconds to seconds


async def test_a_pipeline_has_a_page(build: GatewayProcess, open_log: OpenLog) -> None:
    """Its stages, live, without a task."""
    await publish_stage(build.grpc_address, "nightly", "deploy", 20)
    async with open_log(build, "/?pipeline=nightly") as page:
        await page.get_by_role("row", name="deploy").wait_for()
        await publish_stage(build.grpc_address, "nightly", "deploy", 60)
        await page.get_by_text("60 %").wait_for()


async def test_a_log_that_was_closed_offers_to_sign_in(tmp_path: Path, open_log: OpenLog) -> None:
    """Who has declined to give a token, or whose token expires while reading, finds a button; what was read stays."""
    async with running_gateway(tmp_path, JWT_SECRET=SECRET) as gateway:
        writer = make_token(scopes=("logs:write",))
        await publish(gateway.grpc_address, "build", [f"line {n}" for n in range(3000)], token=writer, end=True)
        async with open_log(gateway, "/logs/build") as page:
            window = page.get_by_role("dialog", name="Sign in")
            await window.wait_for()
            await page.keyboard.press("Escape")
            await page.locator(".log-body").get_by_role("button", name="Sign in").click()
            await page.get_by_label("Token").fill(make_token(scopes=("logs:read",)))
            await page.keyboard.press("Enter")
            await wait_for_line(page, 1)
            await page.context.clear_cookies()
            await page.evaluate("document.querySelector('.log-scroller').scrollTop = 30000")
            again = page.locator(".log-body").get_by_role("alert").get_by_role("button", name="Sign in")
            await again.wait_for()
            await page.evaluate("document.querySelector('.log-scroller').scrollTop = 0")
            await wait_for_line(page, 1)
            await again.click()
            await page.get_by_label("Token").fill(make_token(scopes=("logs:read",)))
            await page.keyboard.press("Enter")
            await again.wait_for(state="detached")
            await wait_for_line(page, 1)
