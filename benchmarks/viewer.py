"""The log page in a real browser: a million lines opened, scrolled and searched; 5,000 lines a second; eight tabs.

Run as ``python -m benchmarks.viewer [--lines N]``; prints a table and writes it to docs/performance/viewer.md.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from playwright.async_api import BrowserContext, CDPSession, Page, async_playwright

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.log_pages import publish_lines, wait_for_line
from tests.support.programs import program
from tests.support.web_pages import ARGUMENTS

REPORT: Final = Path(__file__).parents[1] / "docs" / "performance" / "viewer.md"
LINES_PER_SECOND: Final = 5000
LIVE_SECONDS: Final = 10
TABS: Final = 8
SCROLLS: Final = 200
JUMPS: Final = 20
WAIT_MILLISECONDS: Final = 120_000
CHUNK: Final = 50_000
MIB: Final = 1 << 20

RECORD_FRAMES: Final = """() => {
    window.frames_ = []
    let before = performance.now()
    const tick = now => {
        window.frames_.push(now - before)
        before = now
        window.ticking = requestAnimationFrame(tick)
    }
    window.ticking = requestAnimationFrame(tick)
}"""
TAKE_FRAMES: Final = "() => { cancelAnimationFrame(window.ticking); return window.frames_.slice(2) }"


def line(number: int) -> tuple[str, str]:
    """Line ``number`` of the log that is measured."""
    if number % 1000 == 0:
        return "ERROR", f"error: needle in module_{number}"
    if number % 10 == 0:
        return "WARN", f"\x1b[33mwarning\x1b[0m: unused variable in \x1b[1msrc/lib_{number % 97}.rs\x1b[0m"
    return "INFO", f"compiling unit {number} of a long build, with what such lines are long"


async def fill(gateway: GatewayProcess, task_id: str, count: int) -> None:
    """Publish ``count`` lines."""
    for first in range(1, count + 1, CHUNK):
        lines = [line(number) for number in range(first, min(first + CHUNK, count + 1))]
        await publish_lines(gateway.grpc_address, task_id, lines, start=first)


def frames_text(frames: list[float]) -> str:
    """Median, 95th and 99th percentile, and the longest."""
    ordered = sorted(frames)
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95, 0.99)]
    return f"{at[0]:.0f} / {at[1]:.0f} / {at[2]:.0f} / {ordered[-1]:.0f} ms"


async def memory_mib(session: CDPSession) -> float:
    """JavaScript's heap after a collection, in MiB."""
    await session.send("HeapProfiler.collectGarbage")
    answer = await session.send("Runtime.getHeapUsage")
    used: float = answer["usedSize"] / MIB
    return used


async def opened(context: BrowserContext, url: str) -> Page:
    page = await context.new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    await page.goto(url, wait_until="commit")
    return page


async def million(context: BrowserContext, gateway: GatewayProcess, count: int) -> list[tuple[str, str]]:
    """A long log opened, scrolled, jumped through and searched."""
    rows: list[tuple[str, str]] = []
    began = time.perf_counter()
    page = await opened(context, f"{gateway.url}/logs/million")
    await page.locator(".log-row[data-sequence]").first.wait_for()
    rows.append(("time to the first line", f"{(time.perf_counter() - began) * 1000:.0f} ms"))
    await wait_for_line(page, count)
    session = await context.new_cdp_session(page)
    await page.wait_for_timeout(2000)
    rows.append(("memory once open (JavaScript)", f"{await memory_mib(session):.1f} MiB"))
    await page.mouse.move(500, 500)
    await page.evaluate(RECORD_FRAMES)
    for _ in range(SCROLLS):
        await page.mouse.wheel(0, -400)
    rows.append(("frames while scrolling, p50 / p95 / p99 / longest", frames_text(await page.evaluate(TAKE_FRAMES))))
    jumps = []
    for number in range(JUMPS):
        share = ((number * 7) % JUMPS + 0.5) / JUMPS
        began = time.perf_counter()
        await page.evaluate(
            "share => { const s = document.querySelector('.log-scroller'); s.scrollTop = share * s.scrollHeight }",
            share,
        )
        await page.wait_for_function(
            """wanted => {
                const row = document.querySelector('.log-row[data-sequence]')
                return row && Math.abs(Number(row.dataset.sequence) - wanted) < 200
                    && !document.querySelector('.log-row.is-loading')
            }""",
            arg=share * count,
        )
        jumps.append((time.perf_counter() - began) * 1000)
    rows.append(
        (
            "a jump anywhere until its lines are shown, median / longest",
            f"{statistics.median(jumps):.0f} / {max(jumps):.0f} ms",
        )
    )
    await page.keyboard.press("/")
    began = time.perf_counter()
    await page.keyboard.type("needle")
    await page.locator(".log-found", has_text=f"{count // 1000:,}").wait_for()
    rows.append((f"search: {count // 1000:,} matches counted", f"{(time.perf_counter() - began) * 1000:.0f} ms"))
    began = time.perf_counter()
    await page.keyboard.press("Enter")
    await page.locator(".log-row.is-match").wait_for()
    rows.append(("to the next match", f"{(time.perf_counter() - began) * 1000:.0f} ms"))
    rows.append(("memory after all that (JavaScript)", f"{await memory_mib(session):.1f} MiB"))
    rows.append(("rows in the document", str(await page.locator(".log-row").count())))
    await page.close()
    return rows


async def live(context: BrowserContext, gateway: GatewayProcess) -> list[tuple[str, str]]:
    """Lines at a steady rate into a page that follows."""
    await fill(gateway, "live", 100)
    page = await opened(context, f"{gateway.url}/logs/live")
    await wait_for_line(page, 100)
    await page.evaluate(RECORD_FRAMES)
    began = time.perf_counter()
    step = LINES_PER_SECOND // 10
    for tick in range(LIVE_SECONDS * 10):
        first = 101 + tick * step
        await publish_lines(gateway.grpc_address, "live", [line(n) for n in range(first, first + step)], start=first)
        await asyncio.sleep(max(began + (tick + 1) / 10 - time.perf_counter(), 0))
    seconds = time.perf_counter() - began
    sent = time.perf_counter()
    await wait_for_line(page, 100 + LIVE_SECONDS * LINES_PER_SECOND)
    lag = (time.perf_counter() - sent) * 1000
    frames: list[float] = await page.evaluate(TAKE_FRAMES)
    slowest = min(_frames_per_second(frames))
    await page.close()
    return [
        ("live lines a second", f"{LIVE_SECONDS * LINES_PER_SECOND / seconds:,.0f}"),
        ("frames while they come, p50 / p95 / p99 / longest", frames_text(frames)),
        ("frames in the slowest second", str(slowest)),
        ("the last line is shown after its acknowledgement", f"{lag:.0f} ms"),
    ]


def _frames_per_second(frames: list[float]) -> list[int]:
    counts, elapsed, count = [], 0.0, 0
    for frame in frames:
        elapsed, count = elapsed + frame, count + 1
        if elapsed >= 1000:
            counts.append(count)
            elapsed, count = 0.0, 0
    return counts or [len(frames)]


async def tabs(context: BrowserContext, gateway: GatewayProcess) -> list[tuple[str, str]]:
    """Eight tabs of one browser, all live over HTTP/1.1."""
    await fill(gateway, "tabs", 100)
    pages = [await opened(context, f"{gateway.url}/logs/tabs") for _ in range(TABS)]
    for page in pages:
        await wait_for_line(page, 100)
    await publish_lines(gateway.grpc_address, "tabs", [line(101)], start=101)
    began = time.perf_counter()
    await asyncio.gather(*(wait_for_line(page, 101) for page in pages))
    took = (time.perf_counter() - began) * 1000
    for page in pages:
        await page.close()
    return [(f"a new line in all of {TABS} tabs on HTTP/1.1", f"{took:.0f} ms")]


async def measured(count: int) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        async with running_gateway(Path(directory)) as gateway, async_playwright() as playwright:
            await fill(gateway, "million", count)
            browser = await playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
            options: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"}
            context = await browser.new_context(**options)
            try:
                return [
                    *await million(context, gateway, count),
                    *await live(context, gateway),
                    *await tabs(context, gateway),
                ]
            finally:
                await browser.close()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    arguments = parser.parse_args()
    rows = asyncio.run(measured(arguments.lines))
    table = "\n".join(["| | |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in rows)])
    print(table)
    REPORT.write_text(
        "# The log page, measured\n\n"
        f"`make viewer-figures`: {arguments.lines:,} stored lines, the gateway, the producer and Debian's Chromium "
        "(headless, without a GPU) together on the 2-core reference machine.\n\n"
        f"{table}\n"
    )


if __name__ == "__main__":
    main()
