"""One upload: lines are appended as they arrive, and answered when all of them are stored."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.open_tasks import StreamTasks
from gateway.ingest.plain.line_splitter import LineSplitter, RawLine
from gateway.ingest.plain.lines import LineReader
from gateway.ingest.registry import ProducerRegistry
from storage.errors import StorageError
from storage.journal.interface import LineBatch, Receipt

__all__ = ["EXPIRY_CHECK_SECONDS_MAX", "Upload"]

_BATCH_LINES: Final = 512
"""Read in one turn of the event loop, and appended together."""
_RETRY_SECONDS: Final = 2
EXPIRY_CHECK_SECONDS_MAX: Final = 60.0


class Upload:
    """An upload without a number. Received lines are stored, also if its client disconnects in the middle of it.

    Attributes:
        first: the sequence of its first line; 0: none is stored.
        last: of its last line.
        lines: that are stored.
    """

    def __init__(self, registry: ProducerRegistry, principal: Principal, reader: LineReader) -> None:
        self._registry = registry
        self._limits = registry.limits
        self._principal = principal
        self._reader = reader
        self._splitter = LineSplitter(reader.line_bytes_max)
        self._tasks = StreamTasks(registry.tasks, 1)
        self._unanswered_lines = self._unanswered_bytes = 0
        self._changed = asyncio.Event()
        self._error: StorageError | None = None
        self._stop: ApiError | None = None
        self._reading: asyncio.Task[None] | None = None
        self._expiring: asyncio.TimerHandle | None = None
        self.first = self.last = self.lines = 0

    def __repr__(self) -> str:
        return f"<Upload {self._reader.counts.lines} lines, {self._unanswered_lines} unanswered>"

    def stop(self, error: ApiError) -> None:
        """Take nothing more, and answer with this error once everything that was taken is stored."""
        if self._stop is None:
            self._stop = error
            if self._reading is not None:
                self._reading.cancel()

    async def run(self, pieces: AsyncIterator[bytes]) -> None:
        """Store a body.

        Raises:
            ApiError: UNAVAILABLE: the journal cannot take it; the rest of the body is not read. The error of ``stop``.
                Those of ``pieces``; what came before them is stored.
        """
        self._reading = asyncio.ensure_future(self._read(pieces))
        self._check_expiry()
        try:
            await asyncio.wait([self._reading])
        finally:
            self._reading.cancel()
            if self._expiring is not None:
                self._expiring.cancel()
            await asyncio.wait([self._reading])
            await self._settled()
            self._tasks.close()
        if self._error is not None:
            self._registry.counters.refused(Dialect.HTTP, Refusal.UNAVAILABLE)
            text = f"{self._error}; {self.lines} lines of this upload are stored"
            raise ApiError("UNAVAILABLE", text, retry_after_seconds=_RETRY_SECONDS)
        if self._stop is not None:
            raise self._stop
        self._reading.result()

    async def _read(self, pieces: AsyncIterator[bytes]) -> None:
        splitter = self._splitter
        try:
            async for piece in pieces:
                await self._take(splitter.feed(piece), len(piece))
                if self._error is not None:
                    return
        finally:
            self._append(splitter.rest(), 0)

    async def _take(self, lines: Iterable[RawLine], size: int) -> None:
        for part in _parts(lines):
            self._append(part, size)
            size = 0
            await self._room()

    def _append(self, lines: Iterable[RawLine], size: int) -> None:
        reader, counters = self._reader, self._registry.counters
        batch = reader.batch()
        truncated, trimmed = reader.counts.truncated, reader.counts.trimmed
        for line in lines:
            reader.read(line, batch)
        if not batch.entries:
            return
        counters.received(Dialect.HTTP, len(batch.entries), size)
        if cut := reader.counts.truncated - truncated:
            counters.truncated(Dialect.HTTP, cut)
        if left_out := reader.counts.trimmed - trimmed:
            counters.refused(Dialect.HTTP, Refusal.METADATA, left_out)
        self._tasks.add(batch.task_id)
        self._unanswered_lines += len(batch.entries)
        self._unanswered_bytes += batch.size
        self._registry.masks.submit(batch, lambda outcome: self._settle(batch, outcome))

    def _settle(self, batch: LineBatch, outcome: Receipt | StorageError) -> None:
        self._unanswered_lines -= len(batch.entries)
        self._unanswered_bytes -= batch.size
        if isinstance(outcome, StorageError):
            self._error = self._error or outcome
        else:
            self.first = self.first or outcome.first
            self.last = outcome.last
            self.lines += len(batch.entries)
        self._changed.set()

    async def _room(self) -> None:
        """Wait until more may be read. Producers with little pending data continue while the journal lags."""
        await asyncio.sleep(0)
        limits, journal = self._limits, self._registry.journal
        while self._error is None and (
            self._unanswered_lines >= limits.inflight_lines_max or self._unanswered_bytes >= limits.inflight_bytes_max
        ):
            await self._next_answer()
        if not journal.is_writable and self._unanswered_bytes > limits.paused_bytes_max:
            await journal.wait_writable()

    async def _settled(self) -> None:
        while self._unanswered_lines:
            await self._next_answer()

    async def _next_answer(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _check_expiry(self) -> None:
        if self._principal.expires_at is None:
            return
        left = self._principal.expires_at - time.time()
        if left <= 0:
            self.stop(ApiError("UNAUTHENTICATED", "the token has expired; what was sent before is stored"))
        else:
            seconds = min(left, EXPIRY_CHECK_SECONDS_MAX)
            self._expiring = asyncio.get_running_loop().call_later(seconds, self._check_expiry)


def _parts(lines: Iterable[RawLine]) -> Iterable[list[RawLine]]:
    """Lines in groups that one turn of the event loop can take."""
    part: list[RawLine] = []
    for line in lines:
        part.append(line)
        if len(part) >= _BATCH_LINES:
            yield part
            part = []
    if part:
        yield part
