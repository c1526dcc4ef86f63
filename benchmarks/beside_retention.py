"""What live subscribers notice while retention removes a million lines and their rows.

``python -m benchmarks.beside_retention``: one database with 40 old tasks; 100 readers of a new one at 1,000 lines a
second, in turn without a limit and with one that makes every old task go. Prints the latencies of each, and how much
was removed meanwhile, and how fast. ``--rate 20000 --lines 12000000 --readers 5 --old-lines 60000000 --rounds 1`` are
ten minutes of 20,000 lines a second, beside 60 million that have to go.
"""

import argparse
import asyncio
import tempfile
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
    for name, default in (("rate", 1_000), ("lines", 10_000), ("readers", 100), ("old-lines", 1_000_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


async def main() -> None:
    """Take the rounds."""
    options = _options()
    load = {"lines": options.lines, "rate": options.rate, "readers": options.readers}
    native_programs.build()
    found: dict[str, list[float]] = {"0": [], "1": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as directory:
            await fill(Path(directory), options.old_lines)
            for tasks_max in ("0", "1"):
                async with running_gateway(Path(directory), RETENTION_TASKS=tasks_max) as gateway:
                    watched = asyncio.create_task(fastest_removal(gateway))
                    result = await live(gateway, "a" if tasks_max == "0" else "b", **load)
                    watched.cancel()
                    fastest = await watched
                    metrics = await gateway.metrics()
                    removed, rows = metrics["otto_lines_removed_total"], metrics["otto_polling_rows_deleted_total"]
                found[tasks_max].append(result["p99_ms"])
                print(
                    f"{'beside retention' if tasks_max == '1' else 'alone'}: p50 {result['p50_ms']:.1f} ms, "
                    f"p99 {result['p99_ms']:.1f} ms; {removed:,.0f} lines and {rows:,.0f} rows removed, "
                    f"in the fastest second {fastest:,.0f} lines",
                    flush=True,
                )
    alone, beside = median(found["0"]), median(found["1"])
    print(
        f"p99 {alone:.1f} ms alone, {beside:.1f} ms beside retention: {beside / alone:.2f} times "
        f"(medians of {options.rounds})"
    )


async def fastest_removal(gateway: GatewayProcess) -> float:
    """The most lines that were removed in a second, until it is cancelled."""
    most = before = 0.0
    try:
        while True:
            removed = (await gateway.metrics()).get("otto_lines_removed_total", 0.0)
            most, before = max(most, removed - before), removed
            await asyncio.sleep(_SAMPLE_SECONDS)
    except asyncio.CancelledError:
        return most / _SAMPLE_SECONDS


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
