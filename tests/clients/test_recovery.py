"""Whatever is cut, and wherever: what the gateway has stored equals what was sent, once and in order."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from otto_logs import LogProducer, ProducerLimits

from filters.entry import decode_lines
from filters.matching import Matcher
from filters.model import LogFilter
from gateway.ingest.server import GrpcServer
from storage.journal.sqlite import SqliteJournal
from tests.support.cutting_proxy import CuttingProxy
from tests.support.ingest_peer import IngestPeer, Script
from tests.support.tokens import WordAuthenticator
from tests.support.waiting import WAIT_SECONDS_MAX

LINES = 150


def lines_of(rng: random.Random) -> list[str]:
    return [f"{index} {'x' * rng.randint(0, 200)}" for index in range(LINES)]


async def stream(address: str, lines: list[str], rng: random.Random, limits: ProducerLimits) -> None:
    """Send the lines with flushes and statuses in between."""
    limits = replace(limits, batch_lines_max=rng.randint(1, 15), linger_seconds=0.001)
    async with LogProducer(address, limits=limits) as producer, producer.worker("t", "w") as worker:
        for line in lines:
            await worker.log(line)
            if rng.random() < 0.02:
                await producer.flush(WAIT_SECONDS_MAX)


@pytest.mark.parametrize("seed", range(12))
async def test_cut_streams_lose_and_double_nothing(peer: IngestPeer, quick: ProducerLimits, seed: int) -> None:
    """Streams end before and after storing, with and without answers, and credit comes and goes."""
    rng = random.Random(seed)
    lines = lines_of(rng)
    peer.credit_lines = rng.choice([1, 5, 50, 20_000])
    for _ in range(rng.randint(1, 8)):
        place = rng.randint(1, 12)
        peer.scripts.append(Script(store_then_cut=place) if rng.random() < 0.5 else Script(cut_before=place))

    await stream(peer.address, lines, rng, quick)

    assert peer.lines("t") == lines


@pytest.mark.parametrize("seed", range(12))
async def test_cut_connections_lose_and_double_nothing(tmp_path: Path, quick: ProducerLimits, seed: int) -> None:
    """The real gateway's own wire and journal, after a network that breaks at any byte in both directions."""
    rng = random.Random(seed)
    lines = lines_of(rng)
    journal = await SqliteJournal.open(tmp_path / "journal.db", durability="process")
    server = GrpcServer(journal, WordAuthenticator(), port=0)
    port = await server.start()
    budgets = [
        (rng.randint(0, 8_000), 1_000_000) if rng.random() < 0.6 else (1_000_000, rng.randint(0, 300))
        for _ in range(rng.randint(1, 8))
    ]
    async with CuttingProxy(port, budgets) as proxy:
        await stream(proxy.address, lines, rng, quick)
    await server.stop(0.5)

    matcher = Matcher(LogFilter())
    selection = await journal.read("t", 0, 10**9, matcher, lines_max=10**6, bytes_max=10**9)
    state = await journal.task_state("t")
    await journal.close()
    assert [entry.message for entry in decode_lines(selection.lines)] == lines
    assert state.ended is not None
    assert state.ended.status == "COMPLETED"
