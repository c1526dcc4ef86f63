"""A producer with a spool on disk dies at any moment: what ``log`` accepted is stored once, in order."""

import asyncio
import random
import sys
from pathlib import Path

import pytest

from tests.support.ingest_peer import IngestPeer

LIVES = 5
LIFE = 300_000


async def start(peer: IngestPeer, directory: Path, first: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.spooling_program",
        *(peer.address, str(directory), "t", str(first), str(count)),
        stdout=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("seed", range(3))
async def test_killed_producers_lose_and_double_nothing(peer: IngestPeer, tmp_path: Path, seed: int) -> None:
    """Each life begins with what the one before it left, whether or not the gateway was there."""
    rng = random.Random(seed)
    accepted: set[int] = set()
    for life in range(LIVES):
        if rng.random() < 0.3:
            peer.release.clear()  # nothing is acknowledged in this life
        process = await start(peer, tmp_path, life * LIFE, LIFE)
        assert process.stdout is not None
        said = b"".join([await process.stdout.readline() for _ in range(rng.randint(0, 3_000))])
        process.kill()
        rest, _ = await process.communicate()
        accepted.update(map(int, (said + rest).split(b"\n")[:-1]))
        peer.release.set()
    process = await start(peer, tmp_path, LIVES * LIFE, 1)
    said, _ = await process.communicate()

    stored = [int(line) for line in peer.lines("t")]
    for worker in range(3):
        own = [number for number in stored if number % 3 == worker]
        assert own == sorted(set(own)), "doubled or out of order"
    assert accepted <= set(stored)
    assert len(stored) <= len(accepted) + LIVES + 1, "more than what was being accepted"
    assert said.endswith(b"delivered\n")
    assert not any(tmp_path.iterdir())
