"""One (task, filter, encoding): entries are matched, encoded and compressed once here, for all readers."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from filters.block import Block, Selection
from filters.matching import Matcher
from filters.model import LogFilter
from filters.read_owner import NOBODY, ReadOwner
from sessions.services import SessionServices
from sessions.subscriber import Subscriber
from sessions.transport import EncodedBatch, Encoding
from sessions.window import Window

__all__ = ["Channel"]

_numbers = itertools.count(1)

_WEIGHTED_BYTES_MAX: Final = 64 << 10
"""Regular expressions are looked for in so much by the event loop, at some 0.1 µs a byte at worst."""


@dataclass(slots=True, eq=False)
class _SharedRead:
    """A read of the journal, and how many sessions wait for it."""

    task: asyncio.Task[EncodedBatch]
    waiting: int = 0


class Channel:
    """Subscribers that read the same lines in the same encoding share every byte of them.

    ``head`` is the sequence up to which live subscribers have been given everything. The runs after it are kept only
    while a subscriber needs them.

    Attributes:
        live: subscribers at ``head`` whose transports take more; a flush writes to exactly these.
        behind: all others.
        ahead: those of ``behind`` that asked to start after a line that does not exist yet.
        encodes: how many runs were encoded; work per run, not per subscriber.

    Args:
        head: the last sequence of the task.
        window: the blocks of the task that are in memory; the topic fills and trims it.
    """

    def __init__(
        self,
        task_id: str,
        log_filter: LogFilter,
        encoding: Encoding,
        *,
        head: int,
        window: Window,
        services: SessionServices,
    ) -> None:
        self.task_id = task_id
        self.filter = log_filter
        self.encoding = encoding
        self.matcher = Matcher(log_filter)
        self.head = head
        self.live: set[Subscriber] = set()
        self.behind: set[Subscriber] = set()
        self.ahead: set[Subscriber] = set()
        self.encodes = 0
        self._number = next(_numbers)
        self._window = window
        self._history = services.history
        self._limits = services.limits
        self._cache = services.cache
        self._scheduler = services.scheduler
        self._spawn = services.spawn
        self._kept: deque[EncodedBatch] = deque()  # consecutive, up to head; the cache may have dropped the oldest
        self._kept_lines = 0
        self._reads: dict[int, _SharedRead] = {}

    def __repr__(self) -> str:
        return (
            f"<Channel {self.task_id!r} {self.encoding.name} head={self.head} "
            f"live={len(self.live)} behind={len(self.behind)} kept={len(self._kept)}>"
        )

    @property
    def is_idle(self) -> bool:
        """Whether nobody reads it any more."""
        return not self.live and not self.behind

    @property
    def lagging(self) -> int:
        """How many subscribers have a lag of at least ``Limits.lagging_lines``."""
        return sum(self.lag_of(subscriber.position) >= self._limits.lagging_lines for subscriber in self.behind)

    def flush(self, head: int) -> None:
        """Give every live subscriber the lines up to ``head``."""
        runs: Sequence[EncodedBatch] | None
        try:
            runs = self.advance(head)
        except Exception:  # noqa: BLE001 - lines that one channel cannot encode must not keep theirs from the others
            runs = ()
            for subscriber in tuple(self.live):
                subscriber.fail()
        if runs is None:
            for subscriber in tuple(self.live):
                subscriber.pump()
        else:
            for subscriber in tuple(self.live):
                subscriber.deliver(runs)
            self.keep(runs)
        for subscriber in tuple(self.ahead):
            if subscriber.position <= self.head:
                self.ahead.discard(subscriber)
                subscriber.pump()

    def advance(self, head: int) -> Sequence[EncodedBatch] | None:
        """Encode what was published since the old ``head`` and move it to ``head``, also if encoding raises.

        The runs are consecutive, from the old head to the new one. None: live sessions have to read the journal,
        because the window no longer holds all of it, or because of what it may cost to look for a regular expression.
        """
        start, self.head = self.head, head
        blocks = self._in_memory(start)
        if blocks is None:
            self._forget_kept()
            return None
        try:
            return [self._encode(part) for part in self._parts(blocks)]
        except Exception:
            self._forget_kept()  # they would no longer reach up to head
            raise

    def keep(self, runs: Sequence[EncodedBatch]) -> None:
        """Keep fresh runs for the sessions that could not take them; forget all if there is none.

        At most ``Limits.buffer_lines`` lines are kept: that is what may wait in memory for one session.
        """
        if not self.behind:
            if self._kept:
                self._forget_kept()
            return
        for run in runs:
            self._cache.put(self._number, run)
            self._kept.append(run)
            self._kept_lines += run.count
        while self._kept_lines > self._limits.buffer_lines and self._kept:
            oldest = self._kept.popleft()
            self._kept_lines -= oldest.count
            self._cache.drop(self._number, oldest.start)

    def batch_after(self, position: int) -> EncodedBatch | None:
        """The next run for a session at ``position``, from memory; None where only the journal has it.

        The run starts exactly at ``position``, so nothing is doubled and nothing is missed, and ends at ``head`` or
        before it.
        """
        run = self._cache.get(self._number, position)
        if run is not None:
            return run
        blocks = self._in_memory(position)
        if not blocks:
            return None
        run = self._encode(next(self._parts(blocks)))
        self._cache.put(self._number, run)
        return run

    def _in_memory(self, position: int) -> Sequence[Block] | None:
        """The blocks behind a position; None where the journal has to be read, whose threads may take longer."""
        blocks = self._window.since(position, self.head)
        weight = self.matcher.weight
        if blocks and weight > 1 and weight * sum(block.size for block in blocks) > _WEIGHTED_BYTES_MAX:
            return None
        return blocks

    async def stored_run_after(self, position: int, owner: ReadOwner = NOBODY) -> EncodedBatch:
        """The next run for a session at ``position``, from the journal; sessions at the same place share one read.

        The read is cancelled when none of them waits for it any more.

        It starts later than ``position`` where retention has removed lines, or the disk has damaged them. Raises
        whatever the history raises.
        """
        read = self._reads.get(position)
        if read is None:
            read = self._reads[position] = _SharedRead(self._spawn(self._read(position, self.head, owner)))
        read.waiting += 1
        try:
            return await asyncio.shield(read.task)
        finally:
            read.waiting -= 1
            if not read.waiting:
                read.task.cancel()  # who comes now begins another
            if self._reads.get(position) is read and (not read.waiting or read.task.done()):
                del self._reads[position]

    def lag_of(self, position: int) -> int:
        """How many lines of this channel a session at ``position`` has not been given.

        Exact where the runs are in memory; farther behind, every line of the task counts.
        """
        lines = 0
        for run in reversed(self._kept):
            if run.start < position:
                break
            lines += run.count
        else:
            if not self._kept or self._kept[0].start > position:
                return max(0, self.head - position)
        return lines

    async def _read(self, position: int, head: int, owner: ReadOwner) -> EncodedBatch:
        lines_max = self._limits.stored_lines_max
        # End at a multiple of lines_max: readers that started at different places meet there and share from then on.
        upto = min(head, position - position % lines_max + lines_max) if self.matcher.everything else head
        selection = await self._history.read(
            *(self.task_id, position, upto, self.matcher),
            lines_max=lines_max,
            bytes_max=self._limits.run_bytes_max,
            owner=owner,
        )
        if position < selection.start == upto < head:
            # Retention has taken all of this stretch: look how far that goes, so that it is announced as one gap.
            selection = await self._history.read(
                *(self.task_id, position, head, self.matcher),
                lines_max=lines_max,
                bytes_max=self._limits.run_bytes_max,
                owner=owner,
            )
        started = time.monotonic()
        run = self._encode(selection)
        self._scheduler.spend(time.monotonic() - started)
        if run.start == position:
            self._cache.put(self._number, run)
        return run

    def _encode(self, selection: Selection) -> EncodedBatch:
        if not selection.lines:
            return EncodedBatch(selection.start, selection.end, 0, None, 0, is_damaged=selection.is_damaged)
        self.encodes += 1
        return self.encoding.encode(self._history.epoch, selection)

    def _parts(self, blocks: Sequence[Block]) -> Iterator[Selection]:
        """Cut blocks into selections of at most about ``run_bytes_max`` bytes, joining small neighbours."""
        bytes_max = self._limits.run_bytes_max
        waiting: list[Selection] = []
        size = 0
        for block in blocks:
            if waiting and size + block.size > bytes_max:
                yield _join(waiting)
                waiting, size = [], 0
            if block.size <= bytes_max:
                waiting.append(self.matcher.select_block(block))
                size += block.size
                continue
            step = max(1, len(block.lines) * bytes_max // block.size)
            for first in range(0, len(block.lines), step):
                yield self.matcher.select_block(block.part(first, first + step))
        if waiting:
            yield _join(waiting)

    def _forget_kept(self) -> None:
        for run in self._kept:
            self._cache.drop(self._number, run.start)
        self._kept.clear()
        self._kept_lines = 0


def _join(selections: Sequence[Selection]) -> Selection:
    """Consecutive selections as one."""
    if len(selections) == 1:
        return selections[0]
    lines = [line for selection in selections for line in selection.lines]
    first, last = selections[0], selections[-1]
    sequences: Sequence[int]
    if isinstance(first.sequences, range):
        sequences = range(first.start + 1, last.end + 1)
    else:
        sequences = [sequence for selection in selections for sequence in selection.sequences]
    return Selection(first.start, last.end, sequences, lines, first.received_at)
