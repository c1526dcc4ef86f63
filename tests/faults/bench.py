"""One run of the fault bench."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.faults.deeds import do_deeds
from tests.faults.plan import Plan
from tests.faults.referee import Verdict, judge
from tests.faults.scene import Scene
from tests.faults.weather import bad_weather

__all__ = ["Run", "run"]


@dataclass(frozen=True)
class Run:
    """A run that is over."""

    seed: int
    seconds: float
    faults: Counter[str]
    skipped: Mapping[str, str]
    failed_starts: int
    verdict: Verdict


async def run(plan: Plan, seed: int, directory: Path) -> Run:
    """Let everybody work while everything is broken, and judge.

    Args:
        plan: which faults.
        seed: draws their order, their moments and their strength; how they meet the processes is the machine's doing.
        directory: an empty one; the logs of all processes stay in it.
    """
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        scene = await Scene.enter(stack, plan, seed, directory)
        await scene.revive()
        following = scene.follow()
        polling = asyncio.create_task(scene.poller.run())
        deeds_done = asyncio.Event()
        try:
            await asyncio.gather(*(worker.start() for worker in scene.workers))
            async with asyncio.TaskGroup() as breaking:
                breaking.create_task(bad_weather(scene, deeds_done))
                doing = breaking.create_task(do_deeds(scene))
                doing.add_done_callback(lambda _: deeds_done.set())
            for proxy in scene.proxies.values():
                proxy.flow()
            await scene.settle(following, polling)
        finally:
            for task in (following, polling):
                task.cancel()
            await asyncio.gather(following, polling, return_exceptions=True)
        verdict = await asyncio.to_thread(judge, scene)
    return Run(seed, time.monotonic() - started, scene.done, scene.skipped, scene.failed_starts, verdict)
