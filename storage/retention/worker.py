"""Retention in the background: passes over what is stored, in small steps with pauses."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from storage.errors import DiskFullError, StorageUnavailableError
from storage.journal.interface import Journal
from storage.outage import OutageLog
from storage.polling import PollingTable
from storage.retention.pace import Pace
from storage.retention.pins import Pins
from storage.retention.plan import Cut, Plan
from storage.retention.policy import RetentionPolicy
from storage.retention.polling_rows import PollingRows
from storage.retention.table_sweep import RetentionSweep
from storage.sqlite.disk_reserve import DiskReserve
from storage.tailing import TailingLoop

__all__ = [
    "CANDIDATES",
    "COPY_SECONDS_MAX",
    "PRODUCER_SECONDS",
    "Retention",
    "RetentionStatistics",
    "Sweep",
    "sweeps_of",
]

_T = TypeVar("_T")

PRODUCER_SECONDS: Final = 90 * 86400.0
"""How long the numbers of a producer that sends nothing are kept."""

_PASS_SECONDS: Final = 600.0
_PAUSE_SECONDS_MAX: Final = 1.0
_ROWS_SECONDS: Final = 0.002
"""About what forgetting some hundred producers or tasks takes."""
_RETRY_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 5.0
"""Between two looks whether the disk is full, which a pass may change."""
COPY_SECONDS_MAX: Final = 10.0
_COPY_LOOK_SECONDS: Final = 0.02
CANDIDATES: Final = 10_000
_CANDIDATES_MAX: Final = 100_000
"""Tasks that a plan remembers, some 40 MB; the second plan of a pass and those after it remember so many."""
_TOGETHER_TASKS: Final = 64
_TOGETHER_BYTES: Final = 512 << 10
"""What is removed together: a step's worth."""
_ATTEMPTS: Final = 5
"""To delete a task to which lines are added meanwhile."""
_HELD_UP_SECONDS: Final = 30.0
"""To the next pass where the sink has not copied what should go, as right after the start."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetentionStatistics:
    """Counts since the start, and what is wrong now.

    ``tasks`` counts those that lost all their lines, ``rows`` those of ``job_logs`` and ``task_logs``.
    """

    passes: int = 0
    tasks: int = 0
    lines: int = 0
    bytes: int = 0
    rows: int = 0
    producers: int = 0
    last_pass_seconds: float = 0.0
    error: str = ""
    """Why the last pass broke off; empty if it did not."""


class Sweep(Protocol):
    """See ``RetentionSweep``."""

    deleted: int

    def step(self, now: float, pinned: frozenset[str] = ...) -> bool:
        """See ``RetentionSweep.step``."""
        ...

    def last_rows(self, job_ids: Sequence[str]) -> Mapping[str, int]:
        """See ``RetentionSweep.last_rows``."""
        ...

    def remove_jobs(self, upto: Mapping[str, int]) -> bool:
        """See ``RetentionSweep.remove_jobs``."""
        ...

    def rows_to_go(self, now: float, whole: Sequence[str]) -> int:
        """See ``RetentionSweep.rows_to_go``."""
        ...

    def close(self) -> None:
        """See ``RetentionSweep.close``."""
        ...


def _timed(step: Callable[[], _T]) -> tuple[_T, float]:
    """What a step returns, and the seconds that it took."""
    started = time.monotonic()
    return step(), time.monotonic() - started


async def _together(cuts: AsyncIterator[Cut]) -> AsyncIterator[Sequence[Cut]]:
    """Small cuts come together, a large one ends its group."""
    group, size = list[Cut](), 0
    async for cut in cuts:
        group.append(cut)
        size += cut.bytes
        if len(group) == _TOGETHER_TASKS or size >= _TOGETHER_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def sweeps_of(
    path: Path, table: PollingTable, policy: RetentionPolicy, others: Sequence[PollingRows] = ()
) -> Sequence[RetentionSweep]:
    """Sweeps of ``job_logs``, and of other tables in the journal's database at ``path``."""
    return RetentionSweep(table, policy), *(RetentionSweep(PollingTable(path), policy, rows) for rows in others)


class Retention:
    """Removes what the policy does not keep, from the journal and from the polling tables. Belongs to the event loop.

    What is removed was copied by the sink before, so that every line has had its row. Of a task that goes whole for a
    limit's sake the rows go as well, before its lines: killed in between, the next pass finds the task again.

    Args:
        journal: what to remove from.
        sweeps: the polling tables' rows.
        policy: what is kept. Also if it keeps everything, the age of what is stored is noted, so that a limit set
            later finds it, and old producers are forgotten.
        copied: the record that the sink has reached.
        pass_seconds: from the end of a pass to the next one; also how exactly the age of a line is known.
        pause_seconds_max: between two steps, see ``Pace``; 0: no pauses.
        clock: Unix seconds.
        is_leader: whether this gateway removes by itself; another one does where it is not.
        pins: tasks that are kept whatever the policy says.
        reserve: given up when the disk is full, so that old lines can be removed; made anew when there is room.

    Attributes:
        is_held_up: the last pass left lines that the sink has not copied.
    """

    def __init__(
        self,
        journal: Journal,
        sweeps: Sequence[Sweep],
        policy: RetentionPolicy,
        *,
        copied: Callable[[], int],
        pass_seconds: float = _PASS_SECONDS,
        pause_seconds_max: float = _PAUSE_SECONDS_MAX,
        clock: Callable[[], float] = time.time,
        reserve: DiskReserve | None = None,
        is_leader: Callable[[], bool] = lambda: True,
        pins: Pins | None = None,
    ) -> None:
        self._is_leader = is_leader
        self._pins = pins
        self.is_held_up = False
        self._journal = journal
        self._sweeps = sweeps
        self._policy = policy
        self._copied = copied
        self._pass_seconds = pass_seconds
        self._pace = Pace(
            lambda: journal.statistics.commit_seconds, lambda: journal.fullness, pause_seconds_max=pause_seconds_max
        )
        self._clock = clock
        self._reserve = reserve
        self._next_pass_at = -math.inf
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="polling-retention")
        self._loop = TailingLoop(
            "retention",
            self._step,
            OutageLog("retention delayed", "retention continues", said_after_seconds=0.0),
            retry_seconds=(min(_RETRY_SECONDS, pass_seconds), pass_seconds),
        )
        self._statistics = RetentionStatistics()
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Retention {self._policy} {self._statistics.passes} passes>"

    @property
    def statistics(self) -> RetentionStatistics:
        """An immutable snapshot of the counters."""
        return replace(self._statistics, error=self._loop.error)

    def start(self) -> None:
        """Begin with a first pass."""
        self._loop.start()

    async def close(self) -> None:
        """Stop; a step under way is finished. Idempotent, and to be called before the journal is closed."""
        await self._loop.close()
        if not self._is_closed:
            self._is_closed = True
            for sweep in self._sweeps:
                await self._in_thread(sweep.close)
            self._thread.shutdown(wait=False)

    async def run_once(self) -> None:
        """One pass, which continues until nothing is left to remove.

        Raises:
            StorageError: a database cannot be used now; the next pass finds what is left.
        """
        started, before = time.monotonic(), self._statistics
        self._pace.begin()
        try:
            await self._pass()
        finally:
            after = self._count(passes=1, last_pass_seconds=time.monotonic() - started)
            if (after.lines, after.rows, after.producers) != (before.lines, before.rows, before.producers):
                _log.info(
                    "old lines removed",
                    tasks=after.tasks - before.tasks,
                    lines=after.lines - before.lines,
                    bytes=after.bytes - before.bytes,
                    rows=after.rows - before.rows,
                    producers=after.producers - before.producers,
                    seconds=round(after.last_pass_seconds, 3),
                )

    @property
    def next_pass_seconds(self) -> float:
        """The pause after a pass that did not fail."""
        return min(_HELD_UP_SECONDS, self._pass_seconds) if self.is_held_up else self._pass_seconds

    async def _step(self) -> float:
        """A pass if it is time for one, or if the disk is full; the pause until it is asked again."""
        loop = asyncio.get_running_loop()
        if not self._is_leader():
            return _LOOK_SECONDS
        if loop.time() >= self._next_pass_at or self._journal.statistics.is_disk_full:
            await self.run_with_reserve()
            self._next_pass_at = loop.time() + self.next_pass_seconds
        return min(self.next_pass_seconds, _LOOK_SECONDS)

    async def run_with_reserve(self) -> None:
        """``run_once``; if the disk is full, again without the reserve.

        Raises:
            StorageError: as ``run_once``.
        """
        try:
            await self.run_once()
        except DiskFullError:
            if self._reserve is None or not await self._in_thread(self._reserve.give_up):
                raise
            _log.warning("the disk is full: its reserve is given up for retention")
            await self.run_once()
        if self._reserve is not None:
            await self._in_thread(self._reserve.keep)

    async def _pass(self) -> None:
        now = self._clock()
        await self._journal.mark(now)
        is_short, candidates = self._policy.is_set, CANDIDATES
        while is_short:
            before = self._statistics.lines
            policy = replace(self._policy, pinned=await self._pinned())
            plan = Plan(self._journal, policy, now=now, copied=self._copied(), candidates_max=candidates)
            async for cuts in _together(plan.cuts()):
                # Some may have been pinned since the plan was made.
                pinned = frozenset() if self._pins is None else await self._pins.among([cut.task_id for cut in cuts])
                await self._remove([cut for cut in cuts if cut.task_id not in pinned])
            self.is_held_up = plan.is_held_up
            is_short = plan.is_short and self._statistics.lines > before
            candidates = _CANDIDATES_MAX  # as much is due as one plan remembers: each is a look at all tasks
            while await self._journal.forget_tasks(now, copied=self._copied()):
                await self._pause(_ROWS_SECONDS)
        for sweep in self._sweeps if self._policy.has_ages else ():
            while await self._sweep_step(sweep, partial(sweep.step, now, await self._pinned())):
                pass
        while count := await self._journal.forget_producers(now - PRODUCER_SECONDS):
            self._count(producers=count)
            await self._pause(_ROWS_SECONDS)

    async def remove_task(self, task_id: str) -> int:
        """Remove all that a task has, its rows too, whatever the policy keeps; how many lines that were.

        The steps and pauses are those of a pass. Where it breaks off, calling it again continues.

        Raises:
            StorageError: a database cannot be used now, lines have no row yet, or lines are added all the time.
        """
        for _ in range(_ATTEMPTS):
            state = await self._journal.task_state(task_id)
            await self._wait_copied()
            lines = max(state.last + 1 - state.first, 0)
            cut = Cut(task_id, state.last, lines, 0, is_whole=True, is_by_age=False)
            if await self._remove([cut]):
                return lines
        raise StorageUnavailableError("lines are added to the task while it is deleted; end it first, or try again")

    async def _wait_copied(self) -> None:
        """Return once every line that is stored now has its row."""
        loop, wanted = asyncio.get_running_loop(), self._journal.statistics.last_record
        deadline = loop.time() + COPY_SECONDS_MAX
        while self._copied() < wanted:
            if loop.time() >= deadline:
                raise StorageUnavailableError("the polling table does not have all lines yet; try again")
            await asyncio.sleep(_COPY_LOOK_SECONDS)

    async def _pinned(self) -> frozenset[str]:
        return frozenset() if self._pins is None else await self._pins.all()

    async def _remove(self, cuts: Sequence[Cut]) -> bool:
        """False if a task that goes for another reason than its age has new lines, and stays."""
        due = {cut.task_id: cut for cut in await self._remove_rows(cuts)}
        is_all = len(due) == len(cuts)
        while whole := {cut.task_id: cut.through for cut in due.values() if cut.is_whole}:
            removed = await self._journal.remove_whole(whole, copied=self._copied())
            if not removed.task_ids:
                break
            self._count(tasks=len(removed.task_ids), lines=removed.lines, bytes=removed.bytes)
            due = {task_id: cut for task_id, cut in due.items() if task_id not in removed.task_ids}
            await self._pause(removed.seconds)
        for cut in due.values():
            await self._remove_lines(cut)
        return is_all

    async def _remove_lines(self, cut: Cut) -> None:
        lines = 0
        while True:
            removed = await self._journal.remove_through(cut.task_id, cut.through, copied=self._copied())
            lines += removed.lines
            self._count(lines=removed.lines, bytes=removed.bytes)
            if removed.is_done:
                break
            await self._pause(removed.seconds)
        self._count(tasks=int(cut.is_whole and lines == cut.lines))

    async def _remove_rows(self, cuts: Sequence[Cut]) -> Sequence[Cut]:
        """Delete the rows of tasks that go whole for a limit's sake; without those that have new lines, and stay."""
        names = [cut.task_id for cut in cuts if cut.is_whole and not cut.is_by_age]
        if not names:
            return cuts
        # In this order: rows up to these are of lines that the journal had when it is asked, or of other programs.
        found = [await self._in_thread(partial(sweep.last_rows, names)) for sweep in self._sweeps]
        last = await self._journal.last_sequences(names)
        stays = {cut.task_id for cut in cuts if cut.task_id in names and last.get(cut.task_id, 0) > cut.through}
        for sweep, last_rows in zip(self._sweeps, found, strict=True):
            upto = {task_id: row for task_id, row in last_rows.items() if task_id not in stays}
            while upto and await self._sweep_step(sweep, partial(sweep.remove_jobs, upto)):
                pass
        return [cut for cut in cuts if cut.task_id not in stays]

    async def _sweep_step(self, sweep: Sweep, step: Callable[[], bool]) -> bool:
        before = sweep.deleted
        is_more, seconds = await self._in_thread(partial(_timed, step))
        self._count(rows=sweep.deleted - before)
        await self._pause(seconds)
        return is_more

    def _count(self, *, last_pass_seconds: float | None = None, **counts: int) -> RetentionStatistics:
        changes = {name: getattr(self._statistics, name) + count for name, count in counts.items()}
        self._statistics = replace(self._statistics, **changes)
        if last_pass_seconds is not None:
            self._statistics = replace(self._statistics, last_pass_seconds=last_pass_seconds)
        return self._statistics

    async def _pause(self, step_seconds: float) -> None:
        await self._pace.rest(step_seconds)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
