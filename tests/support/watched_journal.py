"""A journal after a gate: tests hold its commits back, make them fail, and see what was appended."""

import asyncio
from collections.abc import Callable
from typing import Any

from filters.entry import LogEntry, decode_lines
from filters.matching import Matcher
from storage.errors import StorageUnavailableError
from storage.journal.interface import Append, Receipt, Settled
from tests.support.waiting import time_limit

__all__ = ["WatchedJournal"]


class WatchedJournal:
    """Hands everything to ``inner``, a real journal, once the gate is open.

    Attributes:
        appended: everything that was appended, in order.
        failure: while it is not empty, every append fails with this text.
        fullness: the share of the limit that producers are notified of.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.appended: list[Append] = []
        self.failure = ""
        self._held: list[tuple[Append, asyncio.Future[Receipt]]] | None = None
        self.fullness = 0.0
        self._writable = asyncio.Event()
        self._writable.set()
        self._changed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        self.appended.append(item)
        self._changed.set()
        if self.failure:
            failed: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
            failed.set_exception(StorageUnavailableError(self.failure))
            return failed
        if self._held is None:
            return self.inner.append(item)
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._held.append((item, future))
        return future

    def submit(self, item: Append, settled: Settled) -> None:
        self.append(item).add_done_callback(
            lambda done: settled(done.exception() or done.result())  # type: ignore[arg-type]
        )

    def hold(self) -> None:
        """Commit nothing until ``release``."""
        self._held = []

    def release(self) -> None:
        """Commit what was held back, and everything from now on."""
        held, self._held = self._held or [], None
        for item, future in held:
            self.inner.append(item).add_done_callback(lambda done, future=future: _pass_on(done, future))

    @property
    def is_writable(self) -> bool:
        return self._writable.is_set()

    def set_writable(self, writable: bool) -> None:
        """Whether the backlog is below its limit."""
        if writable:
            self._writable.set()
        else:
            self._writable.clear()

    async def wait_writable(self) -> None:
        await self._writable.wait()

    def of_type(self, item_type: type[Any]) -> list[Any]:
        """The appended items of one type."""
        return [item for item in self.appended if isinstance(item, item_type)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until an append has made a condition true."""
        async with time_limit("an append makes it true", shown=lambda: self.appended[-3:]):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def entries(self, task_id: str) -> list[LogEntry]:
        """Everything stored of a task."""
        state = await self.inner.task_state(task_id)
        lines: list[bytes] = []
        after = state.first - 1
        while after < state.last:
            selection = await self.inner.read(
                task_id, after, state.last, Matcher(), lines_max=10_000, bytes_max=1 << 24
            )
            lines.extend(selection.lines)
            after = selection.end
        return decode_lines(lines) if lines else []


def _pass_on(done: "asyncio.Future[Receipt]", future: "asyncio.Future[Receipt]") -> None:
    if future.cancelled():
        return
    if (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())
