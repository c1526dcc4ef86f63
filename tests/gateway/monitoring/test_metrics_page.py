"""A page of metrics is as new as its request, however many ask."""

import asyncio

from prometheus_client import CollectorRegistry

from gateway.monitoring.metrics_page import MetricsPage


# Threat: each page costs milliseconds of the event loop, and no token is needed for it.
async def test_requests_during_a_pause_share_a_page() -> None:
    """A flood gets one page after the pause; each page is made after the request that it answers."""
    made: list[bytes] = []

    def encode(_registry: CollectorRegistry) -> bytes:
        made.append(b"page %d" % len(made))
        return made[-1]

    page = MetricsPage(CollectorRegistry(), encode)
    assert await page.read() == b"page 0"
    page._pause_ends_at = asyncio.get_running_loop().time() + 0.001
    assert await asyncio.gather(*(page.read() for _ in range(100))) == [b"page 1"] * 100
    assert await page.read() == b"page 2"


async def test_pages_take_a_tenth_of_the_time() -> None:
    """The pause after a page is nine times as long as making it took."""
    loop = asyncio.get_running_loop()
    took: list[float] = []

    def encode(_registry: CollectorRegistry) -> bytes:
        begun_at = loop.time()
        sum(range(10_000))
        took.append(loop.time() - begun_at)
        return b""

    page = MetricsPage(CollectorRegistry(), encode)
    await page.read()
    assert page._pause_ends_at >= loop.time() - 1e-3 + 8 * took[0]


async def test_a_request_that_is_given_up_holds_up_no_other() -> None:
    """The next one waits out the pause in its place."""
    page = MetricsPage(CollectorRegistry(), lambda _: b"page")
    page._pause_ends_at = asyncio.get_running_loop().time() + 0.01
    given_up, other = asyncio.create_task(page.read()), asyncio.create_task(page.read())
    await asyncio.sleep(0)
    given_up.cancel()
    assert await other == b"page"
