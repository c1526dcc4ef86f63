import asyncio

from structlog.testing import capture_logs

from gateway.shutdown import Step, run_steps
from tests.support.moved_clock import pass_time


async def hang() -> None:
    pass_time(3600)
    await asyncio.Event().wait()


async def fail() -> None:
    raise OSError("no")


async def test_run_steps_takes_each_whatever_became_of_those_before() -> None:
    """In their order; one that fails or takes too long is given up."""
    taken: list[str] = []

    def noted(name: str) -> Step:
        async def note() -> None:
            taken.append(name)

        return Step(name, note, 1.0)

    assert await run_steps([noted("a"), noted("b")], seconds_max=9.0)
    assert not await run_steps([Step("fails", fail, 1.0), noted("c")], seconds_max=9.0)
    assert not await run_steps([Step("hangs", hang, 1.0), noted("d")], seconds_max=9.0)
    assert taken == ["a", "b", "c", "d"]


async def test_run_steps_leaves_half_a_second_when_all_took_too_long() -> None:
    """What hangs then is given up soon, and what takes no time is done."""
    done = asyncio.Event()

    async def quick() -> None:
        done.set()

    with capture_logs() as logs:
        assert not await run_steps([Step("hangs", hang, 1000.0), Step("quick", quick, 1000.0)], seconds_max=0.0)
    assert [(each["step"], each["seconds_max"]) for each in logs if "seconds_max" in each] == [("hangs", 0.5)]
    assert done.is_set()
