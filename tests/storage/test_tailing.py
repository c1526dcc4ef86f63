"""One loop for everything that follows a journal or a table."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from storage.errors import StorageClosedError, StorageUnavailableError
from storage.outage import OutageLog
from storage.tailing import UNTIL_WOKEN, TailingLoop
from tests.support.waiting import until


class Steps:
    """A step that does what a test lists, and then nothing more; ``loop`` repeats it."""

    def __init__(self, *outcomes: float | Exception) -> None:
        self.outcomes = list(outcomes)
        self.done = 0
        self.during: Callable[[], None] = lambda: None
        outage_log = OutageLog("work delayed", "work continues", said_after_seconds=0.0)
        self.loop = TailingLoop("test", self.step, outage_log, retry_seconds=(0.001, 0.001))

    async def step(self) -> float:
        self.done += 1
        self.during()
        outcome = self.outcomes.pop(0) if self.outcomes else UNTIL_WOKEN
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def reached(self, count: int) -> None:
        await until(lambda: self.done == count and not self.outcomes, f"{count} steps are done")


async def test_a_tailing_loop_repeats_its_step_at_once_while_there_is_more() -> None:
    """Then it waits, and a wake-up is the next step."""
    steps = Steps(0.0, 0.0)
    steps.loop.start()
    await steps.reached(3)
    steps.loop.wake()
    await steps.reached(4)
    assert await steps.loop.close()


async def test_a_tailing_loop_misses_no_wake_up_during_a_step() -> None:
    """What comes after the step has begun may be too late for it, so there is another one."""
    steps = Steps()
    steps.during = lambda: steps.loop.wake() if steps.done == 1 else None
    steps.loop.start()
    await steps.reached(2)
    await steps.loop.close()


async def test_a_tailing_loop_looks_again_after_the_time_that_the_step_returned() -> None:
    """Without a wake-up: what other programs write wakes nobody."""
    steps = Steps(0.001)
    steps.loop.start()
    await steps.reached(2)
    await steps.loop.close()


@pytest.mark.parametrize("error", [StorageUnavailableError("locked"), KeyError("x")])
async def test_a_tailing_loop_survives_what_its_step_raises(error: Exception) -> None:
    """It is counted and logged, with its end; what nobody expected has a traceback."""
    with capture_logs() as said:
        steps = Steps(error, error)
        steps.loop.start()
        await steps.reached(3)
    assert [each["event"] for each in said] == ["work delayed", "work continues"]
    assert said[0]["exc_info"] is isinstance(error, KeyError)
    assert (steps.loop.failures, steps.loop.error, steps.loop.last_error) == (2, "", said[0]["reason"])
    await steps.loop.close()


async def test_a_tailing_loop_ends_with_the_journal() -> None:
    """There will be nothing more to follow."""
    steps = Steps(StorageClosedError("the journal has been closed"))
    await steps.loop.run()
    assert (steps.loop.error, steps.loop.is_running) == ("the journal has been closed", False)


async def test_a_tailing_loop_that_drains_ends_when_a_step_finds_nothing_more() -> None:
    """What was there before ``close`` is found by a step that begins after it."""
    steps = Steps()
    steps.loop.start()
    await steps.reached(1)
    steps.outcomes = [0.0, StorageUnavailableError("locked"), 0.0]
    assert await steps.loop.close(drain_seconds=60)
    assert (steps.done, steps.loop.is_running) == (5, False)


async def test_a_tailing_loop_that_does_not_drain_in_time_is_cut_off() -> None:
    """``close`` reports it, and the step is cancelled."""
    is_cancelled = asyncio.Event()

    async def hang() -> float:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            is_cancelled.set()

    loop = TailingLoop("test", hang, OutageLog("work delayed", "work continues"))
    loop.start()
    await asyncio.sleep(0)
    assert not await loop.close(drain_seconds=0.001)
    assert is_cancelled.is_set()
