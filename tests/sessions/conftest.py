from collections.abc import AsyncIterator, Callable

import pytest

from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.hub import Hub
from sessions.limits import Limits
from tests.support.scripted_history import Block, Commit, ScriptedHistory, TextEncoding, settle


class Bench:
    """A hub on a scripted history; ``commit`` stores and publishes as the journal does."""

    def __init__(self, limits: Limits) -> None:
        self.history = ScriptedHistory()
        # Nobody waits for time to pass, and no slice ends.
        self.hub = Hub(self.history, limits, scheduler=CatchUpScheduler(lambda: False, clock=lambda: 0.0))
        self.encoding = TextEncoding()

    async def commit(self, *blocks: Block) -> None:
        self.history.store(*blocks)
        self.hub.publish(Commit(blocks))
        await self.flush()

    async def flush(self) -> None:
        self.hub.flush()
        await settle()


@pytest.fixture
async def make_bench() -> AsyncIterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(**limits: float) -> Bench:
        bench = Bench(Limits(**limits))  # type: ignore[arg-type]
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.history.gate.set()
        bench.history.error = None
        await bench.hub.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
