"""A TCP proxy that cuts connections at chosen bytes, as networks do: without a word to either side."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Self

__all__ = ["CuttingProxy"]


class CuttingProxy:
    """Forwards to a port on loopback.

    Each connection takes the next budget: (bytes from the client, bytes from the server) after which it is cut.
    Connections without a budget live on.
    """

    def __init__(self, target_port: int, budgets: Iterable[tuple[int, int]] = ()) -> None:
        self.budgets = deque(budgets)
        self.connections = 0
        self.cuts = 0
        self.port = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_all(self) -> None:
        """Cut every connection now."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        to_server, to_client = self.budgets.popleft() if self.budgets else (-1, -1)
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:  # nobody is there: the client learns it as if it had asked itself
            writer.transport.abort()
            self._tasks.discard(task)
            return
        pair = (writer, target_writer)
        self._writers.update(pair)
        try:
            pumps = [
                asyncio.create_task(self._pump(reader, target_writer, to_server)),
                asyncio.create_task(self._pump(target_reader, writer, to_client)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for one in pair:
                one.transport.abort()
                self._writers.discard(one)
                self._forget(one)
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int) -> None:
        try:
            while data := await reader.read(16384):
                if 0 <= budget <= len(data):
                    writer.write(data[:budget])
                    await writer.drain()
                    self.cuts += 1
                    return
                if budget > 0:
                    budget -= len(data)
                await self._forward(data, writer)
        except OSError:
            return

    def _forget(self, writer: asyncio.StreamWriter) -> None:
        """A connection is over; for those who know more about it."""

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
