"""The canary itself: keeps a task open per wire, a reader per task and route, and the ledgers between them."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from canary.delivery_check import DeliveryCheck, Route, RouteCounts, Tolerance
from canary.readers import Address, Reader, RefusedError, reader_of
from canary.writers import Writer, WriteRefusedError

__all__ = ["Canary", "CanaryState", "Pace", "Verdict"]

_JUDGE_SECONDS: Final = 0.25
_LINGER_SECONDS: Final = 2.0
"""How long a settled task is still read, for a line that comes a second time."""
_TASKS_MAX: Final = 8
"""Tasks of one wire that are not settled; beyond it no line is written until one is."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is written.

    Attributes:
        rate: lines a second, on each wire.
        interval_seconds: pause between two writes, which share the rate.
        task_lines_max, task_seconds_max: a task has so many lines, or lasts so long; then the next one is begun, and
            this one ended, so that retention can remove it.
    """

    rate: float = 10.0
    interval_seconds: float = 1.0
    task_lines_max: int = 10_000
    task_seconds_max: float = 3600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended. ``reason`` says why nothing could be judged; ``undecided`` lines were stored and not found yet."""

    is_well: bool
    undecided: int = 0
    reason: str = ""


@dataclass(slots=True)
class CanaryState:
    """What the exporter and the summary read."""

    counts: dict[Route, RouteCounts]
    written: int = 0
    acknowledged: int = 0
    held_back: int = 0
    """Writes that were left out because the gateway was behind."""
    tasks: int = 0
    open_lines: int = 0
    is_there: dict[Route, bool] = field(default_factory=dict)
    started_at: float = field(default_factory=time.monotonic)

    @property
    def is_well(self) -> bool:
        """Whether nothing was missing, doubled, out of order or unexpected so far."""
        return all(counts.is_well for counts in self.counts.values())


@dataclass(slots=True)
class _Watched:
    check: DeliveryCheck
    readers: list[Reader]
    tasks: list[asyncio.Task[None]]
    opened_at: float
    settled_at: float | None = None


class Canary:
    """Runs until it is asked to stop.

    Args:
        writers: the wires to write on; each has its own tasks.
        routes: the ways out to read from.
        task_prefix: of the tasks' ids; a part that no other run has, the wire and a number follow.
    """

    def __init__(
        self,
        writers: Sequence[Writer],
        address: Address,
        *,
        routes: Sequence[Route] = tuple(Route),
        pace: Pace | None = None,
        tolerance: Tolerance | None = None,
        task_prefix: str = "canary",
    ) -> None:
        self.state = CanaryState({route: RouteCounts() for route in routes})
        self.state.is_there = dict.fromkeys(routes, False)
        self._writers = writers
        self._address = address
        self._pace = pace or Pace()
        self._tolerance = tolerance or Tolerance()
        self._prefix = f"{task_prefix}-{secrets.token_hex(4)}"
        self._watched: dict[str, list[_Watched]] = {writer.name: [] for writer in writers}
        self._past_acknowledged = 0
        self._refusal = ""

    def __repr__(self) -> str:
        return f"<Canary {self._prefix} {self.state.written} written>"

    async def run(self, stop: asyncio.Event, duration_seconds: float | None = None) -> Verdict:
        """Write and read until ``stop`` is set, or for so long; then wait for what is on its way, and judge."""
        loops = [
            asyncio.create_task(self._write(stop, duration_seconds), name="canary-write"),
            asyncio.create_task(self._judge(), name="canary-judge"),
        ]
        try:
            await loops[0]
            await self._wait_settled()
        except (WriteRefusedError, RefusedError) as error:
            self._refusal = str(error)
        finally:
            loops += [task for watched in self._all() for task in watched.tasks]
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
        return self._verdict()

    def _verdict(self) -> Verdict:
        self._look()
        state = self.state
        if self._refusal:
            return Verdict(is_well=False, reason=self._refusal)
        if not state.is_well:
            return Verdict(is_well=False, undecided=state.open_lines)
        if not state.acknowledged:
            return Verdict(is_well=False, reason="the gateway has not acknowledged a single line")
        undecided = [route for route, is_there in state.is_there.items() if not is_there]
        if state.open_lines:
            where = ", ".join(undecided) or "every route"
            return Verdict(
                is_well=False,
                undecided=state.open_lines,
                reason=f"{state.open_lines} lines are not decided: at the end, {where} was not there for long enough",
            )
        return Verdict(is_well=True)

    async def _write(self, stop: asyncio.Event, duration_seconds: float | None) -> None:
        pace = self._pace
        started = next_at = time.monotonic()
        ends_at = started + duration_seconds if duration_seconds is not None else float("inf")
        due = 0.0
        while not stop.is_set() and next_at < ends_at:
            due += pace.rate * pace.interval_seconds
            count, due = int(due), due % 1.0
            for writer in self._writers:
                await self._write_some(writer, count)
            # A canary that was stopped for a while (a suspended machine) does not make up for it.
            next_at = max(next_at + pace.interval_seconds, time.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(min(next_at, ends_at) - time.monotonic()):
                    await stop.wait()
            if self._refusal:
                raise RefusedError(self._refusal)

    async def _write_some(self, writer: Writer, count: int) -> None:
        writer.check()
        watched = self._watched[writer.name]
        current = watched[-1] if watched else None
        if current is None or current.check.is_closed or self._is_over(current):
            if len(watched) >= _TASKS_MAX:
                self.state.held_back += count
                return
            if current is not None:
                await self._end(writer, current)
            current = self._open(writer)
        for _ in range(count):
            if writer.is_full:
                self.state.held_back += 1
                continue
            await writer.write(current.check)
            self.state.written += 1

    def _is_over(self, watched: _Watched) -> bool:
        return (
            watched.check.written >= self._pace.task_lines_max
            or time.monotonic() - watched.opened_at >= self._pace.task_seconds_max
        )

    async def _end(self, writer: Writer, watched: _Watched) -> None:
        if not watched.check.is_closed:
            watched.check.close()
            await writer.end(watched.check)

    def _open(self, writer: Writer) -> _Watched:
        self.state.tasks += 1
        task_id = f"{self._prefix}-{writer.name}-{self.state.tasks}"
        check = DeliveryCheck(task_id, self.state.counts, self._tolerance)
        readers = [self._reader(route, check) for route in self.state.counts]
        tasks = [asyncio.create_task(self._read(reader), name=f"canary-{reader.route}") for reader in readers]
        watched = _Watched(check, readers, tasks, time.monotonic())
        self._watched[writer.name].append(watched)
        return watched

    def _reader(self, route: Route, check: DeliveryCheck) -> Reader:
        return reader_of(
            route,
            self._address,
            check.task_id,
            come=lambda: check.come(route, time.monotonic()),
            go=lambda: check.go(route),
            see=lambda number: check.see(route, number, time.monotonic()),
        )

    async def _read(self, reader: Reader) -> None:
        try:
            await reader.run()
        except RefusedError as error:
            self._refusal = str(error)

    async def _judge(self) -> None:
        while True:
            await asyncio.sleep(_JUDGE_SECONDS)
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        for writer in self._writers:
            if not self._refusal:
                try:
                    writer.check()
                except WriteRefusedError as error:
                    self._refusal = str(error)
        for watched in self._all():
            watched.check.judge(now)
            if watched.settled_at is None and watched.check.is_settled:
                watched.settled_at = now
        for name, tasks in self._watched.items():
            self._watched[name] = [watched for watched in tasks if not self._is_done(watched, now)]
        state = self.state
        state.open_lines = sum(watched.check.open_lines for watched in self._all())
        state.acknowledged = self._past_acknowledged + sum(each.check.acknowledged for each in self._all())
        for route in state.is_there:
            state.is_there[route] = all(watched.check.is_there(route) for watched in self._all())

    def _is_done(self, watched: _Watched, now: float) -> bool:
        if watched.settled_at is None or now - watched.settled_at < _LINGER_SECONDS:
            return False
        for task in watched.tasks:
            task.cancel()
        self._past_acknowledged += watched.check.acknowledged
        return True

    async def _wait_settled(self) -> None:
        """End the tasks, and wait until each line is decided, for at most twice the grace."""
        grace = self._tolerance.grace_seconds
        for writer in self._writers:
            for watched in self._watched[writer.name]:
                await self._end(writer, watched)
            await writer.close(grace)
        deadline = time.monotonic() + grace + _LINGER_SECONDS
        while self._all() and not self._refusal:
            is_last = time.monotonic() >= deadline
            self._look()
            if is_last:
                return
            await asyncio.sleep(_JUDGE_SECONDS / 5)

    def _all(self) -> list[_Watched]:
        return [watched for tasks in self._watched.values() for watched in tasks]
