"""A page of metrics is as new as its request, however many ask."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from gateway.monitoring.metrics_page import MetricsPage
from tests.support.scripted_history import settle

HOURS = 10_000.0


class Pages:
    """Makes pages, which takes as long as is set on the loop's clock, and moves that on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self.takes = HOURS
        self._ahead = 0.0
        loop = asyncio.get_running_loop()
        time = loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + self._ahead)

    def pass_time(self, seconds: float) -> None:
        self._ahead += seconds

    def encode(self, _registry: CollectorRegistry) -> bytes:
        self.pass_time(self.takes)
        self.made += 1
        return b"page %d" % self.made


@pytest.fixture
async def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(monkeypatch)


# Threat: each page costs milliseconds of the event loop, and no token is needed for it.
async def test_requests_during_a_pause_share_a_page(pages: Pages) -> None:
    """A flood gets one page after the pause; each page is made after the request that it answers."""
    pages.takes = 0.001
    page = MetricsPage(CollectorRegistry(), pages.encode)
    assert await page.read() == b"page 1"
    assert await asyncio.gather(*(page.read() for _ in range(100))) == [b"page 2"] * 100
    assert await page.read() == b"page 3"


async def test_pages_take_a_tenth_of_the_time(pages: Pages) -> None:
    """The pause after a page is nine times as long as making it took."""
    page = MetricsPage(CollectorRegistry(), pages.encode)
    await page.read()
    second = asyncio.create_task(page.read())
    await settle()
    pages.pass_time(8.5 * HOURS)
    await settle()
    assert pages.made == 1
    pages.pass_time(0.5 * HOURS)
    assert await second == b"page 2"


async def test_a_request_that_is_given_up_holds_up_no_other(pages: Pages) -> None:
    """The next one waits out the pause in its place."""
    page = MetricsPage(CollectorRegistry(), pages.encode)
    await page.read()
    given_up, other = asyncio.create_task(page.read()), asyncio.create_task(page.read())
    await settle()
    given_up.cancel()
    await settle()
    assert pages.made == 1
    pages.pass_time(9 * HOURS)
    assert await other == b"page 2"
