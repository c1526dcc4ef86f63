"""One run: everybody works while everything is broken, and the referee compares."""

import asyncio
import itertools
import time
import zlib
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec
import zstandard

from tests.cluster_faults.cast import TASK, Arrivals, Cast
from tests.cluster_faults.deeds import do_deeds
from tests.cluster_faults.plan import Plan
from tests.faults.invariants import Verdict, judge_poller, judge_rows, judge_subscriber, judge_worker
from tests.faults.report import middle
from tests.faults.stored import Line, Stored
from tests.support.grep import GrepFiles

__all__ = ["Run", "run", "summary"]


@dataclass(frozen=True)
class Run:
    """A run that is over; ``silences`` are the longest ones of an unfiltered reader after each deed, in seconds."""

    seed: int
    seconds: float
    deeds: Counter[str]
    silences: dict[str, list[float]]
    verdict: Verdict


async def run(plan: Plan, seed: int, directory: Path) -> Run:
    """Let everybody work, and judge.

    Args:
        plan: which faults.
        seed: draws their order, their moments and whom they hit.
        directory: an empty one; the logs of all processes stay in it.
    """
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        cast = await Cast.enter(stack, plan, seed, directory)
        following, polling = cast.follow(), asyncio.create_task(cast.poller.run())
        try:
            await asyncio.gather(*(worker.start() for worker in cast.workers))
            await do_deeds(cast)
            ended = time.monotonic()
            await cast.settle(following)
        finally:
            following.cancel()
            polling.cancel()
            await asyncio.gather(following, polling, return_exceptions=True)
        stored = await _stored(cast)
        verdict = await asyncio.to_thread(_judge, cast, stored)
    return Run(seed, time.monotonic() - started, cast.done, _silences(cast, ended), verdict)


async def _stored(cast: Cast) -> Stored:
    """What the database holds, read with statements of our own."""
    connection = await asyncpg.connect(cast.primary.url())
    try:
        epoch = await connection.fetchval(
            "SELECT coalesce(shown, l.epoch) FROM journal_lanes l JOIN journal_lives USING (epoch)"
        )
        chunks = await connection.fetch(
            "SELECT codec, checksum, payload FROM journal_records JOIN journal_tasks USING (task_key) "
            "WHERE task_id = $1 AND kind = 0 ORDER BY journal_records.first_sequence",
            TASK,
        )
        rows = await connection.fetch("SELECT id, log_message FROM job_logs WHERE job_id = $1 ORDER BY id", TASK)
    finally:
        await connection.close()
    decode = msgspec.json.Decoder(Line).decode
    lines: list[Line] = []
    for codec, checksum, payload in chunks:
        assert zlib.crc32(payload) == checksum
        text = zstandard.ZstdDecompressor().decompress(payload) if codec else payload
        lines.extend(map(decode, text.split(b"\n")))
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1)), "the sequences have holes"
    return Stored(epoch, lines, [tuple(row) for row in rows])


def _judge(cast: Cast, stored: Stored) -> Verdict:
    verdict = Verdict(stored=len(stored.lines))
    for finding in cast.findings:
        verdict.find("run", finding)
    for worker in cast.workers:
        judge_worker(verdict, worker, stored, [])
    files = GrepFiles(cast.directory / "stored", [line.output for line in stored.lines])
    for subscriber in cast.crowd.subscribers:
        judge_subscriber(verdict, subscriber, [(stored, files)])
    judge_rows(verdict, stored)
    judge_poller(verdict, cast.poller, stored, [])
    return verdict


def _silences(cast: Cast, ended: float) -> dict[str, list[float]]:
    """The longest silence that each deed made for any of the observers."""
    found: dict[str, list[float]] = defaultdict(list)
    moments = [*cast.moments, ("", ended)]
    for (name, start), (_, end) in itertools.pairwise(moments):
        longest = 0.0
        for observer in cast.observers:
            assert isinstance(observer.lines, Arrivals)
            at = observer.lines.at
            longest = max([longest, *(b - a for a, b in itertools.pairwise(at) if b > start and a < end)])
        found[name].append(longest)
    return found


def summary(result: Run) -> str:
    """A run in a few lines."""
    verdict = result.verdict
    lines = [f"seed {result.seed}, {result.seconds:.0f} s: " + ", ".join(f"{n} {c}" for n, c in result.deeds.items())]
    lines.append(
        f"sent {verdict.sent:,}, acknowledged {verdict.acknowledged:,}, stored {verdict.stored:,}, repeated on Otto's "
        f"wire {verdict.repeated:,}, there behind a later one after RETRY {verdict.retried:,}"
    )
    lines.append(
        f"{len(verdict.delivered)} readers over {verdict.connections:,} connections, polled {verdict.polled:,}"
    )
    lines.append(f"lost {verdict.lost:,}, doubled {verdict.doubled:,}, out of order {verdict.disordered:,}")
    for name, seconds in result.silences.items():
        lines.append(f"longest silence with {name}: p50 {middle(seconds):.1f} s, max {max(seconds):.1f} s")
    return "\n".join([*lines, *verdict.findings])
