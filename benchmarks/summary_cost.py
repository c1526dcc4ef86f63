"""What summaries cost the path of new lines: the same load with the sweep beside it and without, in turn.

``python -m benchmarks.summary_cost``: batches of 100 lines go to 8 tasks of one journal, ``--rate`` lines a second for
``--seconds`` at a time. Prints the CPU time of this process for each line and how long a batch waits for its commit,
and medians as ratios. The sweep works as in a gateway, but begins its next pass after some seconds instead of a minute,
so that its cost for each line is what it is in the long run or more.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from filters.entry import LogEntry
from storage.journal.interface import LineBatch
from storage.journal.sqlite import SqliteJournal
from storage.summaries import SummarySweep

_AT = "2026-01-01T00:00:00.000000000Z"
_WORDS = "request worker cache build module connected closed retry queue flushed index page".split()  # noqa: SIM905
_BATCH_LINES = 100
_TASKS = 8
_TEXTS = 500
_PASS_SECONDS = 5.0


def _texts(chance: random.Random) -> list[str]:
    return [f"{' '.join(chance.choices(_WORDS, k=6))} {chance.getrandbits(48):012x}" for _ in range(_BATCH_LINES)]


def _batch(task: str, texts: list[str]) -> LineBatch:
    entries = [LogEntry(task, "w1", 0, _AT, "INFO", "stdout", text) for text in texts]
    return LineBatch(task, "w1", entries, sum(map(len, texts)), 0.0)


async def cost(folder: Path, seconds: float, rate: float, *, has_summaries: bool) -> tuple[float, float, int]:
    """Microseconds of this process's CPU time for a line, the median wait of a batch in ms, summaries made."""
    journal = await SqliteJournal.open(folder / "otto.db", durability="process")
    sweep = SummarySweep(journal, pass_seconds=_PASS_SECONDS)
    if has_summaries:
        sweep.start()
    chance, number, waits = random.Random(1), 0, list[float]()
    texts = [_texts(chance) for _ in range(_TEXTS)]  # made before: they cost more than to store them
    started, cpu = time.monotonic(), time.process_time()
    while (now := time.monotonic()) - started < seconds:
        number += 1
        await journal.append(_batch(f"build-{number % _TASKS}", texts[number % _TEXTS]))
        waits.append(time.monotonic() - now)
        await asyncio.sleep(started + number * _BATCH_LINES / rate - time.monotonic())
    used = time.process_time() - cpu
    await sweep.close()
    await journal.close()
    return 1e6 * used / (number * _BATCH_LINES), 1000 * median(waits), sweep.summaries


async def main() -> None:
    """Take the rounds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (("seconds", 20), ("rate", 20_000), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    ratios: list[tuple[float, float]] = []
    for number in range(options.rounds):
        found: dict[bool, tuple[float, float, int]] = {}
        for has_summaries in (number % 2 == 0, number % 2 == 1):
            with tempfile.TemporaryDirectory() as folder:
                found[has_summaries] = await cost(
                    Path(folder), options.seconds, options.rate, has_summaries=has_summaries
                )
        with_it, without = found[True], found[False]
        ratios.append((with_it[0] / without[0], with_it[1] / without[1]))
        print(
            f"with {with_it[2]:,} summaries {with_it[0]:.2f} us CPU a line, {with_it[1]:.2f} ms to the commit; "
            f"without {without[0]:.2f}, {without[1]:.2f}",
            flush=True,
        )
    cpu_ratio, wait_ratio = (median(ratio[place] for ratio in ratios) for place in (0, 1))
    print(f"with summaries: {cpu_ratio:.3f} times the CPU time, {wait_ratio:.3f} times the wait (medians)")


if __name__ == "__main__":
    asyncio.run(main())
