"""Producer and gateway die at any moment: what ``log`` accepted is stored once, in order."""

import asyncio
import random
from pathlib import Path

import pytest
from otto_logs import LogProducer, ProducerLimits, ProducerState

from canary.sequence_check import SequenceCheck
from storage.journal.sqlite import SqliteJournal
from tests.support.forked_process import KILL, forked
from tests.support.gateway_process import running_gateway
from tests.support.ingest_peer import IngestPeer
from tests.support.journal_items import messages
from tests.support.waiting import WAIT_SECONDS_MAX, until

LIVES = 3
LIFE = 300_000


async def start(address: str, directory: Path, first: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *forked("-m", "tests.support.spooling_program", address, directory, "t", str(first), str(count)),
        stdout=asyncio.subprocess.PIPE,
    )


async def live(address: str, directory: Path, life: int, lines: int) -> set[int]:
    """Start a producer and kill it after so many lines; the numbers that it had accepted."""
    process = await start(address, directory, life * LIFE, LIFE)
    assert process.stdout is not None
    said = b"".join([await process.stdout.readline() for _ in range(lines)])
    process.send_signal(KILL)
    rest, _ = await process.communicate()
    return set(map(int, (said + rest).split(b"\n")[:-1]))


async def deliver_rest(address: str, directory: Path) -> None:
    process = await start(address, directory, LIVES * LIFE, 1)
    said, _ = await process.communicate()
    assert said.endswith(b"delivered\n")
    assert not any(directory.iterdir())


def check(stored: list[int], accepted: set[int]) -> None:
    for worker in range(3):
        own = SequenceCheck(number for number in stored if number % 3 == worker)
        assert own.is_orderly, own
    assert accepted <= set(stored)
    assert len(stored) <= len(accepted) + LIVES + 1, "more than what was being accepted"


@pytest.mark.parametrize("seed", range(1))
async def test_killed_producers_lose_and_double_nothing(peer: IngestPeer, tmp_path: Path, seed: int) -> None:
    """Each life begins with what the one before it left, whether or not anything was acknowledged."""
    rng = random.Random(seed)
    accepted: set[int] = set()
    for life in range(LIVES):
        if rng.random() < 0.3:
            peer.release.clear()
        accepted |= await live(peer.address, tmp_path, life, rng.randint(0, 2_000))
        peer.release.set()
    await deliver_rest(peer.address, tmp_path)

    check([int(line) for line in peer.lines("t")], accepted)


async def test_a_gateway_that_is_away_costs_nothing(tmp_path: Path) -> None:
    """Killed and back on the same ports seconds later: lines that waited in memory are stored once, in order."""
    limits = ProducerLimits(backoff_seconds=0.05, backoff_seconds_max=0.2)
    async with running_gateway(tmp_path) as gateway:
        async with LogProducer(gateway.grpc_address, limits=limits) as producer:
            for number in range(3_000):
                await producer.log("t", "w", str(number))
                if number == 1_000:
                    await asyncio.sleep(0.05)  # some are stored and not acknowledged, some on their way
                    gateway.kill()
                if number == 2_000:
                    await until(
                        lambda: producer.statistics.state is ProducerState.AWAY,
                        "the gateway is away",
                    )
                    await gateway.start()
            await producer.flush(WAIT_SECONDS_MAX)
        assert await gateway.stop() == 0

    journal = await SqliteJournal.open(gateway.database, durability="process")
    assert await messages(journal, "t") == [str(number) for number in range(3_000)]
    await journal.close()
    assert producer.statistics.lines_dropped == 0


async def test_killed_producers_and_gateways_lose_and_double_nothing(tmp_path: Path) -> None:
    """The real gateway is killed as well, while producers write, and comes back on its database."""
    rng = random.Random(1)
    spools = tmp_path / "spools"
    accepted: set[int] = set()
    async with running_gateway(tmp_path / "gateway") as gateway:
        for life in range(LIVES):
            living = asyncio.create_task(live(gateway.grpc_address, spools, life, rng.randint(500, 2_000)))
            if life % 2 == 0:
                await asyncio.sleep(rng.uniform(0.3, 1.0))  # the moment is what varies
                gateway.kill()
                accepted |= await living  # it continues without a gateway
                gateway.spawn()
            else:
                accepted |= await living
        await gateway.wait_healthy()
        await deliver_rest(gateway.grpc_address, spools)
        assert await gateway.stop() == 0

    journal = await SqliteJournal.open(gateway.database, durability="process")
    stored = [int(message) for message in await messages(journal, "t")]
    await journal.close()
    check(stored, accepted)
