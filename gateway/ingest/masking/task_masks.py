"""Masks secrets of tasks before lines reach the journal. A line is held if a secret may continue in the next one.

A batch is stored as a whole or not at all, so it waits as a whole for its last line. Later requests of the same
producer wait after it, because its numbers are stored in their order. A pending request is not acknowledged.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import structlog

from filters.entry import LogEntry
from filters.needles import Needles
from filters.secret_shapes import OpenKeys, ShapeRules
from filters.stream_mask import MaskedLine
from gateway.ingest.masking.known_secrets import HeldItem, HeldLine, KnownSecrets, Lane, MaskedTask, Refused
from storage.errors import StorageError, StorageUnavailableError
from storage.journal.interface import (
    Append,
    Committed,
    Journal,
    LineBatch,
    Receipt,
    Settled,
    TaskEnding,
    WorkerRegistered,
    WorkerReport,
)

__all__ = ["KNOWN", "TaskMasks"]

_log = structlog.get_logger(__name__)

HOLD_SECONDS: Final = 0.05
KNOWN: Final = "known"
"""The rule that counts secrets which producers have named."""
_COUNTED_TASKS_MAX: Final = 10_000
_SLICE_CHARACTERS: Final = 16 << 10
_LINE_CHARACTERS: Final = 32
"""What a line counts for beside its message."""


class TaskMasks:
    """Stands before the journal.

    Attributes:
        submit: as ``Journal.submit``, and that itself as long as there is nothing to mask.
        known: the secrets that producers have named; ``mask`` adds to them.
        share: has values masked at the other gateways; None: there are none.

    Args:
        journal: takes what is masked.
        shapes: secrets of any task that are known by their shape; None: none are.
        hold_seconds: how long a line waits for the next one if a secret may begin at its end.
    """

    def __init__(
        self, journal: Journal, shapes: ShapeRules | None = None, *, hold_seconds: float = HOLD_SECONDS
    ) -> None:
        self._journal = journal
        self._shapes = shapes
        self._open_keys = OpenKeys()
        self._hold_seconds = hold_seconds
        self.submit: Callable[[Append, Settled], None] = journal.submit
        self._is_masking = False
        if shapes is not None:
            self._begin()
        self.known = KnownSecrets()
        self.share: Callable[[str, Sequence[str]], Awaitable[None]] | None = None
        self._lanes: dict[str, Lane] = {}
        self._holding: dict[tuple[str, str], None] = {}
        self._later: deque[Callable[[], None]] = deque()
        self._going: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._counts: Counter[str] = Counter()
        self._counts_of: dict[str, Counter[str]] = {}

    def __repr__(self) -> str:
        return f"<TaskMasks {self.known!r}, {len(self._lanes)} producers wait>"

    @property
    def is_holding(self) -> bool:
        """Whether lines wait for others to come."""
        return bool(self._lanes)

    @property
    def counts(self) -> Mapping[str, int]:
        """How much was masked since the start, by rule."""
        return self._counts

    def counts_of(self, task_id: str) -> Mapping[str, int]:
        """How much was masked in a task's lines since the start, by rule."""
        return self._counts_of.get(task_id, {})

    @property
    def journal(self) -> Journal:
        """The journal, for those who append to it without knowing of masks."""
        return cast(Journal, _MaskedJournal(self._journal, self))

    def _begin(self) -> None:
        """There is something to mask from now on."""
        self.submit, self._is_masking = self._submit, True

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """As ``Journal.append``."""
        if not self._is_masking:
            return self._journal.append(item)
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def settled(outcome: Receipt | StorageError) -> None:
            if future.done():
                return
            if isinstance(outcome, StorageError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self._submit(item, settled)
        return future

    async def mask(self, task_id: str, values: list[str]) -> list[tuple[int, str]]:
        """Have values masked in a task's lines from now on, at all gateways; which of them cannot be, and why.

        Raises:
            ApiError: RESOURCE_EXHAUSTED; UNAVAILABLE where another gateway does not say that it masks them.
        """
        refused = await self.learn(task_id, values)
        if self.share is not None:
            without = {each.index for each in refused}
            await self.share(task_id, [value for index, value in enumerate(values) if index not in without])
        return [(each.index, each.reason) for each in refused]

    async def learn(self, task_id: str, values: Sequence[str]) -> list[Refused]:
        """``mask``, at this gateway alone.

        Raises:
            ApiError: RESOURCE_EXHAUSTED.
        """
        refused = await self.known.add(task_id, values)
        self._begin()
        return refused

    def committed(self, committed: Committed) -> None:
        """A commit was made: the secrets of tasks that have ended are forgotten some time later."""
        tasks = self.known.tasks
        if tasks:
            self.known.sweep()
            for ended in committed.ended:
                if ended.task_id in tasks:
                    tasks[ended.task_id].end()

    def release(self) -> None:
        """Hold nothing any longer."""
        while self._later:
            self._later.popleft()()
        for task_id, worker_id in list(self._holding):
            self._release(task_id, worker_id)

    def _submit(self, item: Append, settled: Settled) -> None:
        task_id = _task_of(item)
        task = self.known.tasks.get(task_id)
        producer = item.producer
        lane = producer.producer_id if producer is not None else f"{task_id}\n{getattr(item, 'worker_id', '')}"
        held = HeldItem(item, settled, lane)
        queue = self._lanes.get(lane)
        if task is None and queue is None:
            self._hand_over(held)
            return
        if queue is None:
            queue = self._lanes[lane] = deque()
        queue.append(held)
        if task is not None:
            task.touch()
            held.waits = 1  # until it was read
            take = partial(self._attempt, held, partial(self._take, task, held))
            if self._later:
                self._later.append(take)
            else:
                take()

    def _attempt(self, held: HeldItem, step: Callable[[], None]) -> None:
        """Process an item. After an error it is not stored unmasked, and other items continue."""
        try:
            step()
        except Exception:  # noqa: BLE001 - what no one foresaw costs this item alone, and is logged
            _log.exception("masking failed")
            queue = self._lanes.get(held.lane)
            if queue is not None and held in queue:
                queue.remove(held)
                error = StorageUnavailableError("secrets could not be masked in what was sent")
                asyncio.get_running_loop().call_soon(held.settled, error)
            self._drain(held.lane)

    def _take(self, task: MaskedTask, held: HeldItem) -> None:
        """Read an item, a large one in slices with turns of the loop in between."""
        item = held.item
        if not isinstance(item, LineBatch):
            for worker_id in [worker_id for name, worker_id in self._holding if name == _task_of(item)]:
                self._release(_task_of(item), worker_id)
            held.item = _masked_report(item, task.needles)
            self._has_been_read(held)
            return
        stream = task.stream(item.worker_id)
        if item.producer is not None:
            number = item.producer.number
            numbered = task.numbers_of(item.producer.producer_id)
            if number in numbered:  # sent again: read from the same position
                self._release(item.task_id, item.worker_id)
                stream.go_on_at(numbered[number])
            else:
                numbered[number] = stream.progress
            held.settled = partial(_settled, numbered, number, held.settled)
        first, *others = _slices(item.entries)
        steps = [partial(self._attempt, held, partial(self._read, task, held, item, entries)) for entries in others]
        self._read(task, held, item, first)
        if not steps:
            self._has_been_read(held)
            return
        self._later.extendleft(reversed([*steps, partial(self._has_been_read, held)]))
        if self._going is None:
            self._going = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """One step of what is to be read, in each turn of the loop."""
        if self._later:
            self._later.popleft()()
        self._going = asyncio.get_running_loop().call_soon(self._go_on) if self._later else None

    def _has_been_read(self, held: HeldItem) -> None:
        held.waits -= 1
        self._drain(held.lane)

    def _read(self, task: MaskedTask, held: HeldItem, batch: LineBatch, entries: Sequence[LogEntry]) -> None:
        _mask_fields(entries, task.needles)
        held.came_at = asyncio.get_running_loop().time()
        held.waits += len(entries)
        lines = [MaskedLine((held, entry), entry.source, entry.message) for entry in entries]
        self._given_out(batch.task_id, task.stream(batch.worker_id).feed(lines))
        self._note_holding(batch.task_id, batch.worker_id, task)

    def _given_out(self, task_id: str, lines: Iterable[MaskedLine[HeldLine]]) -> None:
        """Lines are masked and need not wait; nor need what waited for them."""
        lanes = set()
        for line in lines:
            held, entry = line.item
            if line.text is not entry.message:
                entry.message = line.text
                self.count(task_id, KNOWN, line.found)
            held.waits -= 1
            if not held.waits:
                lanes.add(held.lane)
        for lane in lanes:
            self._drain(lane)

    def count(self, task_id: str, rule: str, found: int) -> None:
        """Something was masked."""
        self._counts[rule] += found
        counts = self._counts_of.pop(task_id, None) or Counter()
        if len(self._counts_of) >= _COUNTED_TASKS_MAX:
            del self._counts_of[next(iter(self._counts_of))]
        counts[rule] += found
        self._counts_of[task_id] = counts

    def _hand_over(self, held: HeldItem) -> None:
        """Nothing waits any more, and a line is looked at for shapes without the secrets that are known."""
        if self._shapes is not None and isinstance(held.item, LineBatch):
            self._mask_shapes(held.item, self._shapes)
        self._journal.submit(held.item, held.settled)

    def _mask_shapes(self, batch: LineBatch, shapes: ShapeRules) -> None:
        entries, task_id, worker_id = batch.entries, batch.task_id, batch.worker_id
        masked = shapes.mask(
            [entry.message for entry in entries],
            self._open_keys,
            lambda index: (task_id, worker_id, entries[index].source),
        )
        for index, line in masked.items():
            entries[index].message = line.text
            for rule, found in line.found.items():
                self.count(task_id, rule, found)

    def _drain(self, lane: str) -> None:
        """Hand over the items whose time is over, in their order."""
        queue = self._lanes.get(lane)
        while queue and not queue[0].waits:
            self._hand_over(queue.popleft())
        if not queue:
            self._lanes.pop(lane, None)

    def _release(self, task_id: str, worker_id: str) -> None:
        self._holding.pop((task_id, worker_id), None)
        task = self.known.tasks[task_id]
        self._given_out(task_id, task.stream(worker_id).release())

    def _note_holding(self, task_id: str, worker_id: str, task: MaskedTask) -> None:
        if task.stream(worker_id).oldest_held is None:
            self._holding.pop((task_id, worker_id), None)
            return
        self._holding[task_id, worker_id] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._hold_seconds, self._release_due)

    def _release_due(self) -> None:
        """Let go of what has waited for long enough; the timer runs as long as something waits."""
        self._timer = None
        loop = asyncio.get_running_loop()
        before = loop.time() - self._hold_seconds
        soonest = None
        for task_id, worker_id in list(self._holding):
            oldest = self.known.tasks[task_id].stream(worker_id).oldest_held
            came_at = before if oldest is None else oldest.item[0].came_at
            if came_at <= before:
                self._release(task_id, worker_id)
            else:
                soonest = min(came_at, soonest or came_at)
        if soonest is not None and self._timer is None:
            self._timer = loop.call_at(soonest + self._hold_seconds, self._release_due)


class _MaskedJournal:
    """A journal, with masks before it."""

    def __init__(self, journal: Journal, masks: TaskMasks) -> None:
        self._journal = journal
        self._masks = masks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._masks if name in ("submit", "append") else self._journal, name)


def _settled(numbered: dict[int, Any], number: int, settled: Settled, outcome: Receipt | StorageError) -> None:
    """A numbered batch is stored: those before it are not sent again."""
    if isinstance(outcome, Receipt):
        for stored in [each for each in numbered if each < number]:
            del numbered[stored]
    settled(outcome)


def _slices(entries: Sequence[LogEntry]) -> list[Sequence[LogEntry]]:
    """Entries in order, about so many together as are read in some milliseconds; one slice at least."""
    slices, start, size = list[Sequence[LogEntry]](), 0, 0
    for index, entry in enumerate(entries):
        size += len(entry.message) + _LINE_CHARACTERS
        for fields in (entry.metadata, entry.pod_metadata):
            if fields:
                size += sum(map(len, fields)) + sum(map(len, fields.values()))
        if size >= _SLICE_CHARACTERS:
            slices.append(entries[start : index + 1])
            start, size = index + 1, 0
    if start < len(entries) or not slices:
        slices.append(entries[start:])
    return slices


def _mask_fields(entries: Iterable[LogEntry], needles: Needles) -> None:
    """Metadata stands for itself."""
    for entry in entries:
        if entry.metadata:
            entry.metadata = _masked_values(entry.metadata, needles)
        if entry.pod_metadata:
            entry.pod_metadata = _masked_values(entry.pod_metadata, needles)


def _task_of(item: Append) -> str:
    """The task of an item that has one."""
    return str(getattr(item, "task_id", ""))


def _masked_report(item: Append, needles: Needles) -> Append:
    if isinstance(item, WorkerReport):
        metadata = _masked_values(item.metadata, needles)
        return replace(item, reason=needles.masked(item.reason)[0], metadata=metadata)
    if isinstance(item, TaskEnding):
        return replace(item, reason=needles.masked(item.reason)[0])
    if isinstance(item, WorkerRegistered):
        return replace(item, metadata=_masked_values(item.metadata, needles) or {})
    return item


def _masked_values(fields: dict[str, Any] | None, needles: Needles) -> dict[str, Any] | None:
    if not fields:
        return fields
    return {
        key: needles.masked(value)[0] if isinstance(value, str) else _masked_values(value, needles)
        for key, value in fields.items()
    }
