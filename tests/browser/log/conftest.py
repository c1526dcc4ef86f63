"""One gateway with one build in it for all tests that only read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.support.gateway_process import GatewayProcess
from tests.support.log_pages import publish_lines
from tests.support.web_pages import new_context

LINES = 6000
OpenLog = Callable[..., AbstractAsyncContextManager[Page]]


def build_line(number: int) -> tuple[str, str]:
    """Line ``number`` of the build: every 100th an error, every 10th a warning, groups of 200."""
    if number % 200 == 1:
        return "INFO", f"::group::Package {number // 200}"
    if number % 200 == 190:
        return "INFO", "::endgroup::"
    if number % 100 == 0:
        return "ERROR", f"error: needle in module_{number}"
    if number % 10 == 0:
        return "WARN", f"\x1b[33mwarning\x1b[0m \x1b[38;5;208m256\x1b[0m \x1b[38;2;1;2;3mtrue\x1b[0m {number}"
    return "INFO", f"compiling unit {number}"


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway in which ``build`` has 6,000 lines of two workers and is not over."""
    gateway = GatewayProcess(tmp_path_factory.mktemp("log-page"))

    async def fill() -> None:
        await gateway.start()
        lines = [build_line(number) for number in range(1, LINES + 1)]
        half = LINES // 2
        await publish_lines(gateway.grpc_address, "build", lines[:half])
        await publish_lines(gateway.grpc_address, "build", lines[half:], worker_id="worker-2", start=half)

    try:
        asyncio.run(fill())
        yield gateway
    finally:
        gateway.kill()


@pytest.fixture
def open_log(browser: Browser) -> OpenLog:
    """Opens the log page of a task of a gateway in a context of its own, as ``open_log(gateway, "/logs/build")``."""

    @contextlib.asynccontextmanager
    async def opened(gateway: GatewayProcess, address: str, **options: Any) -> AsyncIterator[Page]:
        options = {"viewport": {"width": 1100, "height": 700}, "locale": "en-US", "reduced_motion": "reduce", **options}
        context = await new_context(browser, permissions=["clipboard-read", "clipboard-write"], **options)
        try:
            page = await context.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(f"{gateway.url}{address}")
            yield page
            assert not problems, problems
        finally:
            await context.close()

    return opened
