"""Group commit: what is appended while a commit runs gathers, and goes into the next one."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Final

from storage.errors import (
    DiskFullError,
    StorageClosedError,
    StorageError,
    StorageObstructedError,
    StorageUnavailableError,
)
from storage.journal.commit_queue import FairCommitQueue, Group, size_of
from storage.journal.gathering import Gathering
from storage.journal.group_writer import CommitResult, GroupWriter
from storage.journal.interface import Append, Committed, LineBatch, Receipt, Settled
from storage.journal.statistics import JournalStatistics

__all__ = ["ITEMS_MAX", "GroupCommit", "resolve"]

_log = logging.getLogger(__name__)

ITEMS_MAX: Final = 4096
"""Appends that one transaction takes at most."""

_APPEND_AWAITED: Final = 1.5
"""How many times the pause a commit waits for an append that begins it: the lines of that one do not wait at all."""

_GATHERED_BYTES_MAX: Final = 64 << 10
"""With as much as this waiting, the next commit has gathered enough: it is not the commit that costs then."""

_RETRY_SECONDS: Final = 0.25
"""Pause before a group that the store could not take is tried again."""

Outcome = list[CommitResult | StorageError]


def resolve(future: "asyncio.Future[Receipt]", answer: Receipt | StorageError) -> None:
    """Answer the futures of appends with their outcome."""
    if future.done():
        return  # the caller that appended has gone; the line is stored all the same
    if isinstance(answer, StorageError):
        future.set_exception(answer)
    else:
        future.set_result(answer)


class GroupCommit:
    """The way of appends to the disk, and the thread that they take. Belongs to the event loop that it was made on.

    What is appended while the writer's thread commits gathers in a queue; when the thread is done, that is the next
    group. The loop never waits for the disk, and a commit costs one wake-up of the loop, however many lines it stored.

    Args:
        writer: stores groups; from now on it belongs to the thread.
        translated: around each commit; turns what the database raises into errors of storage.
        urgent: around each group; commits go before all other writers of this process.
        on_stored: called on the thread with the last record of a commit, before anybody hears of it.
        last_record: the newest record so far.
        pending_bytes_max: bytes that may wait for a commit before producers are paused.
        commit_bytes_max: bytes that one transaction takes at most, unless a single append has more.
        retry_seconds_max: how long a group that the store cannot take now is tried again.
        gather_seconds: the longest pause between the beginnings of two commits; see ``Gathering``.
    """

    def __init__(
        self,
        writer: GroupWriter,
        translated: Callable[[], AbstractContextManager[None]],
        urgent: Callable[[], AbstractContextManager[None]],
        on_stored: Callable[[int], None],
        *,
        last_record: int,
        pending_bytes_max: int,
        commit_bytes_max: int,
        retry_seconds_max: float,
        gather_seconds: float,
    ) -> None:
        self._writer = writer
        self._translated = translated
        self._urgent = urgent
        self._on_stored = on_stored
        self._pending_bytes_max = pending_bytes_max
        self._commit_bytes_max = commit_bytes_max
        self._retry_seconds_max = retry_seconds_max
        self._gathering = Gathering(gather_seconds)
        self._close_requested = threading.Event()
        self._obstacle = ""
        self._is_disk_full = False
        self._loop = asyncio.get_running_loop()
        self._listener: Callable[[Committed], None] = lambda _: None
        self._commit_observer: Callable[[float], None] = lambda _: None
        self._pending = FairCommitQueue()
        self._waiting_bytes = 0
        self._waiting_lines = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_busy = False
        self._is_urgent = False
        self._is_launching = False
        self._launch_timer: asyncio.TimerHandle | None = None
        self._is_gathered = False
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._commits = self._lines = self._stored_bytes = self._duplicates = 0
        self._last_record = last_record
        self._last_commit_seconds = self._commit_seconds = 0.0
        self._error = ""
        self._groups: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="journal-writer", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<GroupCommit waiting={self._waiting_lines} lines, {self._commits} commits>"

    @property
    def is_writable(self) -> bool:
        """Whether producers may continue."""
        return self._writable.is_set()

    @property
    def fullness(self) -> float:
        """What waits for a commit, as a share of the limit."""
        return self._waiting_bytes / self._pending_bytes_max

    @property
    def last_record(self) -> int:
        """The id of the newest record."""
        return self._last_record

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters; what readers find is not in it."""
        return JournalStatistics(
            waiting_lines=self._waiting_lines,
            waiting_bytes=self._waiting_bytes,
            commits=self._commits,
            lines=self._lines,
            stored_bytes=self._stored_bytes,
            duplicates=self._duplicates,
            last_commit_seconds=self._last_commit_seconds,
            commit_seconds=self._commit_seconds,
            error=self._error or self._obstacle or self._writer.hindrance,
            is_disk_full=self._is_disk_full,
            last_record=self._last_record,
        )

    def set_listener(self, listener: Callable[[Committed], None]) -> None:
        """Set who is notified of every commit."""
        self._listener = listener

    def set_observer(self, observer: Callable[[float], None]) -> None:
        """Set who is notified how many seconds each commit took."""
        self._commit_observer = observer

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """Queue something for the next commit; see ``Journal.append``."""
        future: asyncio.Future[Receipt] = self._loop.create_future()
        if self._is_closed:
            future.set_exception(StorageClosedError("the journal has been closed"))
        else:
            self.submit(item, partial(resolve, future))
        return future

    def submit(self, item: Append, settled: Settled) -> None:
        """Queue something for the next commit; see ``Journal.submit``."""
        if self._is_closed:
            self._loop.call_soon(settled, StorageClosedError("the journal has been closed"))
            return
        self._waiting_bytes += self._pending.put(item, settled)
        self._idle.clear()
        if isinstance(item, LineBatch):
            self._waiting_lines += len(item.entries)
            if item.entries:
                self._gathering.appended(len(item.entries), self._loop.time())
        else:
            self._is_urgent = True
        if not self._is_busy:
            self._schedule()
        if self._waiting_bytes >= self._pending_bytes_max:
            self._writable.clear()

    async def wait_writable(self) -> None:
        """Return once the backlog has drained below half of its limit."""
        await self._writable.wait()

    def close(self) -> None:
        """Take nothing more, and commit what is pending without gathering or waiting for others; idempotent."""
        self._is_closed = self._writer.is_hurried = True
        self._close_requested.set()
        self._gathering.stop()
        if len(self._pending) and not self._is_busy:
            self._schedule()

    async def wait_closed(self) -> None:
        """Return once everything is committed or refused; the thread then ends."""
        await self._idle.wait()
        self._groups.put(None)

    def join(self) -> None:
        """Wait for the thread to end; blocks."""
        self._thread.join()

    def _schedule(self) -> None:
        """Have the next group committed: soon, or when it has gathered for long enough."""
        pause = 0.0 if self._is_due else self._gathering.pause(self._loop.time())
        if pause > 0:
            if self._launch_timer is None:
                self._launch_timer = self._loop.call_later(pause * _APPEND_AWAITED, self._launch)
        elif not self._is_launching:
            # Not at once: what else arrives in this turn of the loop belongs to the same commit.
            self._is_launching = True
            self._loop.call_soon(self._launch)

    @property
    def _is_due(self) -> bool:
        """Whether a commit should gather no longer."""
        return self._is_urgent or self._pending.size >= _GATHERED_BYTES_MAX

    def _launch(self) -> None:
        """Hand the next group to the writer's thread."""
        self._is_launching = False
        if self._launch_timer is not None:
            self._launch_timer.cancel()
            self._launch_timer = None
        if self._is_busy or not len(self._pending):
            return
        self._is_busy = True
        self._is_gathered = self._gathering.seconds_max > 0 and not self._is_due
        self._is_urgent = False
        self._gathering.launched(self._loop.time())
        self._groups.put(self._pending.take(items_max=ITEMS_MAX, bytes_max=self._commit_bytes_max))

    def _write(self) -> None:
        """The writer's thread."""
        while (group := self._groups.get()) is not None:
            outcome = self._store([item for item, _ in group])
            try:
                self._loop.call_soon_threadsafe(self._committed, group, outcome)
            except RuntimeError:
                return  # the loop is closed, and with it everybody who waited

    def _store(self, items: Sequence[Append]) -> Outcome:
        """Commit a group, and try again for as long as the store cannot take it and may yet.

        If Otto's client is asked to send a line again, it drops it; so it is not asked as long as waiting may help.
        Between two attempts others may have the lock, such as those who make room on the disk.
        """
        deadline = time.monotonic() + self._retry_seconds_max
        try:
            while True:
                with self._urgent():
                    outcome = self._commit(self._writer, items)
                obstacle = outcome[0]
                if not isinstance(obstacle, StorageObstructedError) or any(each is not obstacle for each in outcome):
                    return outcome  # stored, or of no use to try again, or some of it stored
                self._obstacle = str(obstacle)
                self._note_disk_full(obstacle)
                if time.monotonic() + _RETRY_SECONDS > deadline or self._close_requested.wait(_RETRY_SECONDS):
                    return outcome
        finally:
            self._obstacle = ""

    def _note_disk_full(self, obstacle: StorageObstructedError) -> None:
        """Log it, once until something is stored again."""
        if isinstance(obstacle, DiskFullError) and not self._is_disk_full:
            self._is_disk_full = True
            _log.warning(
                "the disk is full: lines wait to be stored",
                extra={"reason": str(obstacle), "bytes_free": obstacle.bytes_free},
            )

    def _note_stored(self) -> None:
        if self._is_disk_full:
            self._is_disk_full = False
            _log.warning("the disk has room again: lines are stored")

    def _commit(self, writer: GroupWriter, items: Sequence[Append]) -> Outcome:
        """One result for the whole group, or one per item."""
        try:
            with self._translated():
                result = writer.commit(items)
        except StorageError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - the thread must continue, and the append fails with it
            _log.exception("append failed", extra={"items": len(items)})
            if len(items) == 1:
                return [StorageUnavailableError(f"the journal could not store this: {error}")]
        else:
            self._note_stored()
            if result.last_record:
                self._on_stored(result.last_record)
            return [result]
        # One item that cannot be stored must not take the others with it.
        return [result for item in items for result in self._commit(writer, [item])]

    def _committed(self, group: Group, outcome: Outcome) -> None:
        """Back on the loop: publish first, then acknowledge, then continue."""
        for item, _ in group:
            if isinstance(item, LineBatch):
                self._waiting_lines -= len(item.entries)
            self._waiting_bytes -= size_of(item)
        answers: list[Receipt | StorageError] = []
        for result in outcome:
            if isinstance(result, StorageError):
                answers.append(result)
                self._error = str(result)
                continue
            answers += result.receipts
            self._count(result)
            try:
                self._listener(replace(result.committed, is_gathered=self._is_gathered))
            except Exception:  # noqa: BLE001 - the lines are stored, and their producers must be answered
                _log.exception("commit listener failed")
        for (_, settled), answer in zip(group, answers, strict=True):
            try:
                settled(answer)
            except Exception:  # noqa: BLE001 - it is the fault of one, and others wait
                _log.exception("append listener failed")
        self._is_busy = False
        self._gathering.committed(self._loop.time())
        if len(self._pending):
            self._schedule()
        else:
            self._idle.set()
        if self._waiting_bytes <= self._pending_bytes_max // 2:
            self._writable.set()

    def _count(self, result: CommitResult) -> None:
        self._error = ""
        self._commits += 1
        self._lines += result.lines
        self._stored_bytes += result.stored_bytes
        self._duplicates += sum(isinstance(receipt, Receipt) and receipt.duplicate for receipt in result.receipts)
        self._last_record = max(self._last_record, result.last_record)
        self._last_commit_seconds = result.seconds
        self._commit_seconds += result.seconds
        self._commit_observer(result.seconds)
