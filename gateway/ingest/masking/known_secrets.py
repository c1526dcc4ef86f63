"""The secrets that producers have named for their tasks: in memory alone, as long as a task is open."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from filters.entry import LogEntry
from filters.needles import Needles
from filters.secret_forms import why_no_secret
from filters.stream_mask import Progress, StreamMask
from gateway.errors import ApiError
from storage.journal.interface import Append, Settled

__all__ = ["TASKS_MAX", "HeldItem", "HeldLine", "KnownSecrets", "MaskedTask", "Refused"]

SECRETS_MAX: Final = 1_000
CHARACTERS_MAX: Final = 256 << 10
"""Of one task, all of its secrets together."""
TASKS_MAX: Final = 1_000
_WORKERS_MAX: Final = 10_000
_PRODUCERS_MAX: Final = 1_000
_SILENT_SECONDS_MAX: Final = 24 * 3600.0
_ENDED_SECONDS_MAX: Final = 600.0
"""Lines may arrive after the end of a task, because they use another connection than its workers' reports."""
_SWEEP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that is not masked: which one of those that were given, and why."""

    index: int
    reason: str


class HeldItem:
    """Something on its way to the journal.

    Attributes:
        came_at: when it came, by the loop's clock, if it has lines.
        waits: how many of its lines are held.
    """

    __slots__ = ("came_at", "item", "lane", "settled", "waits")

    def __init__(self, item: Append, settled: Settled, lane: str) -> None:
        self.came_at = 0.0
        self.item = item
        self.settled = settled
        self.lane = lane
        self.waits = 0


HeldLine: TypeAlias = tuple[HeldItem, LogEntry]
"""A line's batch, and its entry there."""


@dataclass(slots=True, repr=False)
class MaskedTask:
    """The secrets of one task, and how far its workers' streams were read.

    Attributes:
        numbered: the position of a worker's stream before each numbered request that may be repeated.
        until: when the task is forgotten, by ``time.monotonic()``.
    """

    secrets: dict[str, None]
    needles: Needles
    until: float
    streams: dict[str, StreamMask[HeldLine]] = field(default_factory=dict)
    numbered: dict[str, dict[int, Progress]] = field(default_factory=dict)

    def stream(self, worker_id: str) -> StreamMask[HeldLine]:
        """A worker's stream."""
        stream = self.streams.get(worker_id)
        if stream is None:
            if len(self.streams) >= _WORKERS_MAX:
                self.streams = {name: each for name, each in self.streams.items() if each.oldest_held}
            stream = self.streams[worker_id] = StreamMask(self.needles)
        return stream

    def numbers_of(self, producer_id: str) -> dict[int, Progress]:
        """Where streams were before the requests of a producer."""
        numbers = self.numbered.get(producer_id)
        if numbers is None:
            if len(self.numbered) >= _PRODUCERS_MAX:
                del self.numbered[next(iter(self.numbered))]
            numbers = self.numbered[producer_id] = {}
        return numbers

    def touch(self) -> None:
        """It is open."""
        self.until = time.monotonic() + _SILENT_SECONDS_MAX

    def end(self) -> None:
        """It has ended."""
        self.until = time.monotonic() + _ENDED_SECONDS_MAX


class KnownSecrets:
    """The tasks that have secrets."""

    def __init__(self) -> None:
        self.tasks: dict[str, MaskedTask] = {}
        self._adding: dict[str, asyncio.Lock] = {}
        self._swept_at = time.monotonic()

    def __repr__(self) -> str:
        return f"<KnownSecrets of {len(self.tasks)} tasks>"

    async def add(self, task_id: str, values: Sequence[str]) -> list[Refused]:
        """Have values masked in a task's lines from now on; those that cannot be.

        Raises:
            ApiError: RESOURCE_EXHAUSTED; the task has too many, or there are too many tasks.
        """
        refused = [Refused(index, reason) for index, value in enumerate(values) if (reason := why_no_secret(value))]
        without = {each.index for each in refused}
        wanted = dict.fromkeys(value for index, value in enumerate(values) if index not in without)
        lock = self._adding.setdefault(task_id, asyncio.Lock())
        async with lock:
            await self._add(task_id, wanted)
        if not lock.locked():
            self._adding.pop(task_id, None)
        return refused

    async def _add(self, task_id: str, wanted: dict[str, None]) -> None:
        self.sweep()
        task = self.tasks.get(task_id)
        if task is not None:
            task.touch()
        known = {} if task is None else task.secrets
        if wanted.keys() <= known.keys():
            return
        secrets = known | wanted
        if len(secrets) > SECRETS_MAX or sum(map(len, secrets)) > CHARACTERS_MAX:
            text = f"a task has at most {SECRETS_MAX:,} masks with {CHARACTERS_MAX:,} characters in all"
            raise ApiError("RESOURCE_EXHAUSTED", text)
        if task is None and len(self.tasks) >= TASKS_MAX:
            raise ApiError("RESOURCE_EXHAUSTED", f"{TASKS_MAX:,} tasks have masks already; try later")
        needles = await asyncio.to_thread(Needles, list(secrets))  # some 0.1 ms for each
        if task is None:
            task = self.tasks[task_id] = MaskedTask(secrets, needles, 0.0)
            task.touch()
            return
        task.secrets, task.needles = secrets, needles
        for stream in task.streams.values():
            stream.set_needles(needles)

    def sweep(self, now: float | None = None) -> None:
        """Forget tasks that have ended or are silent, once a minute.

        Args:
            now: of ``time.monotonic()``, which None asks.
        """
        now = time.monotonic() if now is None else now
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            for task_id in [name for name, task in self.tasks.items() if task.until < now]:
                if not any(stream.oldest_held for stream in self.tasks[task_id].streams.values()):
                    del self.tasks[task_id]


Lane = deque[HeldItem]
"""Items of one producer, of which the first waits for its lines."""
