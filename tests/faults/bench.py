"""One run of the fault bench."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.faults.environment import Environment
from tests.faults.gateway_faults import do_deeds
from tests.faults.invariants import Verdict, judge
from tests.faults.network_faults import bad_weather
from tests.faults.plan import Plan

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
        environment = await Environment.enter(stack, plan, seed, directory)
        await environment.revive()
        following = environment.follow()
        polling = asyncio.create_task(environment.poller.run())
        deeds_done = asyncio.Event()
        try:
            await asyncio.gather(*(worker.start() for worker in environment.workers))
            async with asyncio.TaskGroup() as breaking:
                breaking.create_task(bad_weather(environment, deeds_done))
                doing = breaking.create_task(do_deeds(environment))
                doing.add_done_callback(lambda _: deeds_done.set())
            for proxy in environment.proxies.values():
                proxy.flow()
            await environment.settle(following, polling)
        finally:
            for task in (following, polling):
                task.cancel()
            await asyncio.gather(following, polling, return_exceptions=True)
        verdict = await asyncio.to_thread(judge, environment)
    return Run(
        seed, time.monotonic() - started, environment.done, environment.skipped, environment.failed_starts, verdict
    )
