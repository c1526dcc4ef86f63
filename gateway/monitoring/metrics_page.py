"""The page that Prometheus scrapes, made for all who wait for it at once."""

import asyncio
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry

__all__ = ["MetricsPage"]

_PAUSE_PER_WORK: Final = 9
"""How much longer than a page took the pause after it is: pages take a tenth of the event loop's time at most."""


class MetricsPage:
    """One format of the metrics.

    Making a page takes milliseconds of the event loop, grows with what is counted, and anybody may ask for it. So
    requests that come during a pause wait for its end and share one page. A page is never older than the request
    that it answers: a client that reads twice sees what happened in between.

    Args:
        registry: of all metrics.
        encode: the format.
    """

    def __init__(self, registry: CollectorRegistry, encode: Callable[[CollectorRegistry], bytes]) -> None:
        self._registry = registry
        self._encode = encode
        self._lock = asyncio.Lock()
        self._page = b""
        self._made = 0
        self._pause_ends_at = 0.0

    def __repr__(self) -> str:
        return f"<MetricsPage made {self._made} times>"

    async def read(self) -> bytes:
        """A page that was made after this was called."""
        made_before = self._made
        async with self._lock:
            if self._made == made_before:
                await self._make()
            return self._page

    async def _make(self) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._pause_ends_at - clock()))
        begun_at = clock()
        self._made += 1
        self._page = self._encode(self._registry)
        self._pause_ends_at = clock() + _PAUSE_PER_WORK * (clock() - begun_at)
