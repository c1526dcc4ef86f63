"""A TCP proxy with the weather of real networks: it delays, trickles, stalls, swallows and half-closes."""

import asyncio
import contextlib
import random

from tests.support.cutting_proxy import CuttingProxy

__all__ = ["RoughProxy"]

TRICKLE_PAUSE_SECONDS = 0.01


class RoughProxy(CuttingProxy):
    """A ``CuttingProxy`` whose weather can be changed at any time, for all its connections.

    Attributes:
        delay_seconds: every piece of data is held back for so long.
        trickle_bytes: data continues in pieces of this size with pauses in between; 0: as it comes.
    """

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.delay_seconds = 0.0
        self.trickle_bytes = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._deaf: set[asyncio.StreamWriter] = set()

    def stall(self) -> None:
        """Hold everything back until ``flow``; nobody is told."""
        self._flowing.clear()

    def flow(self) -> None:
        """Fair weather."""
        self._flowing.set()
        self.delay_seconds = 0.0
        self.trickle_bytes = 0

    def swallow(self) -> list[asyncio.StreamWriter]:
        """Let whatever is sent on the present connections vanish; they stay open until ``cut``."""
        swallowed = list(self._writers)
        self._deaf.update(swallowed)
        return swallowed

    def half_close(self, chance: random.Random) -> list[asyncio.StreamWriter]:
        """End one direction of each connection; whoever hears it should close the other one."""
        closed = [writer for writer in self._writers if writer not in self._deaf and chance.random() < 0.5]
        for writer in closed:
            with contextlib.suppress(OSError):  # the peer was faster
                if writer.can_write_eof() and not writer.transport.is_closing():
                    self._deaf.add(writer)
                    writer.write_eof()
        return closed

    def cut(self, writers: list[asyncio.StreamWriter]) -> int:
        """Cut those of these that are still open; how many it were."""
        left = [writer for writer in writers if writer in self._writers]
        for writer in left:
            writer.transport.abort()
        return len(left)

    def _forget(self, writer: asyncio.StreamWriter) -> None:
        self._deaf.discard(writer)

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        step = self.trickle_bytes or len(data)
        for start in range(0, len(data), step):
            await self._flowing.wait()
            if writer in self._deaf:
                return
            writer.write(data[start : start + step])
            await writer.drain()
            if self.trickle_bytes and start + step < len(data):
                await asyncio.sleep(TRICKLE_PAUSE_SECONDS)
