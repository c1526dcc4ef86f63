"""Whose turn it is to catch up."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.subscriber import Subscriber


class Clock:
    """Seconds that only the turns themselves use up."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Reader:
    """Asks for so many turns, each of which takes 1.5 ms."""

    def __init__(self, name: str, scheduler: CatchUpScheduler, clock: Clock, log: list[str], count: int) -> None:
        self.name, self.scheduler, self.clock, self.log, self.count = name, scheduler, clock, log, count
        self.done = asyncio.Event()
        self.scheduler.schedule(cast("Subscriber", self))

    def run_slice(self) -> None:
        self.log.append(self.name)
        self.clock.now += 0.0015
        self.count -= 1
        if self.count:
            self.scheduler.schedule(cast("Subscriber", self))
        else:
            self.done.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_turns_go_round(clock: Clock) -> None:
    """Who had one goes after those that wait."""
    scheduler, log = CatchUpScheduler(lambda: False, clock=clock), list[str]()
    readers = [Reader(name, scheduler, clock, log, 3) for name in "abc"]
    for reader in readers:
        await reader.done.wait()
    assert "".join(log) == "abcabcabc"


async def test_other_work_comes_between_the_slices(clock: Clock) -> None:
    """Turns of hardly more than 2 ms follow one another before the loop does something else."""
    scheduler, log = CatchUpScheduler(lambda: False, clock=clock), list[str]()
    reader = Reader("a", scheduler, clock, log, 10)
    while not reader.done.is_set():
        log.append("|")
        await asyncio.sleep(0)
    assert max(map(len, "".join(log).split("|"))) == 2


async def test_beside_live_lines_half_of_the_time_is_theirs(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice is followed by a pause as long as the work that it made, then and later."""
    pauses = list[float]()
    loop = asyncio.get_running_loop()
    call_soon = loop.call_soon

    def call_later(delay: float, callback: Callable[[], object]) -> asyncio.Handle:
        pauses.append(round(delay, 4))
        clock.now += delay
        return call_soon(callback)

    scheduler, log = CatchUpScheduler(lambda: True, clock=clock), list[str]()
    reader = Reader("a", scheduler, clock, log, 6)
    monkeypatch.setattr(loop, "call_later", call_later)
    for seconds in (0.002, 0.003):
        scheduler.spend(seconds)
    await reader.done.wait()
    assert pauses == [0.008, 0.003]


async def test_a_turn_that_raises_costs_nobody_elses(clock: Clock) -> None:
    """Those that wait have theirs in the next slice, and those that ask later as well."""
    scheduler, log = CatchUpScheduler(lambda: False, clock=clock), list[str]()
    raised = list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(str(context["exception"])))
    broken, sound = Reader("a", scheduler, clock, log, 0), Reader("b", scheduler, clock, log, 3)
    broken.run_slice = lambda: 1 / 0  # type: ignore[assignment,method-assign]
    await sound.done.wait()
    late = Reader("c", scheduler, clock, log, 1)
    await late.done.wait()
    assert ("".join(log), raised) == ("bbbc", ["division by zero"])


async def test_who_has_gone_has_no_turn(clock: Clock) -> None:
    """Nor has anybody once it is closed."""
    scheduler, log = CatchUpScheduler(lambda: False, clock=clock), list[str]()
    gone, reader = Reader("a", scheduler, clock, log, 1), Reader("b", scheduler, clock, log, 1)
    scheduler.leave(cast("Subscriber", gone))
    await reader.done.wait()
    late = Reader("c", scheduler, clock, log, 1)
    scheduler.close()
    await asyncio.sleep(0)
    assert (log, late.count) == (["b"], 1)
