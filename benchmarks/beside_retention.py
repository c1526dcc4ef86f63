"""What live subscribers notice while retention removes a million lines and their rows.

``python -m benchmarks.beside_retention``: one database with 40 old tasks; 100 readers of a new one at 1,000 lines a
second for 10 seconds, in turn without a limit and with one that makes every old task go. Prints for each what arrived
per second and the latencies, how much was removed meanwhile, and how fast in lines per second: from the first to the
last that went, and in the fastest second.

``make bench-retention`` is ten minutes of 20,000 lines a second, beside 20 million that have to go. Its database takes
some 5 GB in ``--directory`` (default: that of temporary files), and a quarter of an hour to fill.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks import native_programs
from benchmarks.native_programs import Subscribers
from benchmarks.servers import STREAM_PATH, run_module
from tests.support.gateway_process import GatewayProcess, running_gateway

OLD_TASKS = 40
_SAMPLE_SECONDS = 1.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (("rate", 1_000), ("seconds", 10), ("readers", 100), ("old-lines", 1_000_000), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--directory", type=Path)
    return parser.parse_args()


async def main() -> None:
    """Take the rounds."""
    options = _options()
    load = {"lines": options.seconds * options.rate, "rate": options.rate, "readers": options.readers}
    native_programs.build()
    found: dict[str, list[float]] = {"0": [], "1": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            await fill(Path(directory), options.old_lines)
            for tasks_max in ("0", "1"):
                async with running_gateway(Path(directory), RETENTION_TASKS=tasks_max) as gateway:
                    watched = asyncio.create_task(removals(gateway))
                    started = time.monotonic()
                    result = await live(gateway, "a" if tasks_max == "0" else "b", **load)
                    arrival = load["lines"] / (time.monotonic() - started)
                    watched.cancel()
                    samples = await watched
                    rows = (await gateway.metrics())["otto_polling_rows_deleted_total"]
                found[tasks_max].append(result["p99_ms"])
                print(
                    f"{'beside retention' if tasks_max == '1' else 'alone'}: {arrival:,.0f} lines/s arrived, "
                    f"p50 {result['p50_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms; {summary(samples, arrival)}, "
                    f"{rows:,.0f} rows",
                    flush=True,
                )
    alone, beside = median(found["0"]), median(found["1"])
    print(
        f"p99 {alone:.1f} ms alone, {beside:.1f} ms beside retention: {beside / alone:.2f} times "
        f"(medians of {options.rounds})"
    )


async def removals(gateway: GatewayProcess) -> list[tuple[float, float]]:
    """How many lines were removed by when, until it is cancelled."""
    found = list[tuple[float, float]]()
    try:
        while True:
            found.append((time.monotonic(), (await gateway.metrics()).get("otto_lines_removed_total", 0.0)))
            await asyncio.sleep(_SAMPLE_SECONDS)
    except asyncio.CancelledError:
        return found


def summary(samples: Sequence[tuple[float, float]], arrival: float) -> str:
    """How much was removed and how fast, for a line of the table."""
    steps = [(after[1] - before[1], before, after) for before, after in pairwise(samples) if after[1] > before[1]]
    if not steps:
        return "nothing removed"
    removed = steps[-1][2][1] - steps[0][1][1]
    pace = removed / (steps[-1][2][0] - steps[0][1][0])
    fastest = max(count / (after[0] - before[0]) for count, before, after in steps)
    return (
        f"{removed:,.0f} lines removed, {pace:,.0f} lines/s ({pace / arrival:.1f} times the arrival), "
        f"in the fastest second {fastest:,.0f}"
    )


async def fill(directory: Path, lines: int = 1_000_000) -> None:
    """Store the old tasks, rows and all."""
    async with running_gateway(directory, DURABILITY="process") as gateway:
        options = ("--lines", lines // OLD_TASKS, "--tasks", OLD_TASKS, "--prefix", "old-", "--batch", 1_000)
        await run_module("benchmarks.producer", gateway.grpc_address, *options)
        while (await gateway.metrics())["otto_polling_lag_records"]:
            await asyncio.sleep(0.5)


async def live(gateway: GatewayProcess, prefix: str, *, lines: int, rate: int, readers: int = 100) -> dict[str, float]:
    """The readers and a producer; the latencies."""
    subscribers = await Subscribers.connect(
        gateway.http_port,
        path=STREAM_PATH.replace("bench-", prefix),
        connections=readers,
        tasks=1,
        lines=lines,
        sample_every=1,
        seconds_max=60 + 2 * lines // rate,
    )
    options = ("--lines", lines, "--rate", rate, "--prefix", prefix)
    _, result = await asyncio.gather(
        run_module("benchmarks.producer", gateway.grpc_address, *options), subscribers.result()
    )
    if result["received"] != readers * lines or result["disorders"]:
        raise SystemExit(f"lines are missing: {result}")
    return result


if __name__ == "__main__":
    asyncio.run(main())
