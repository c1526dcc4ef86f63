"""What live subscribers notice while retention removes a million lines and their rows.

``python -m benchmarks.beside_retention``: one database with 40 old tasks; 100 readers of a new one at 1,000 lines a
second, in turn without a limit and with one that makes every old task go. Prints the latencies of each, and how much
was removed meanwhile.
"""

import asyncio
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import native_programs
from benchmarks.native_programs import Subscribers
from benchmarks.servers import STREAM_PATH, run_module
from tests.support.gateway_process import GatewayProcess, running_gateway

OLD_TASKS = 40
OLD_LINES = 25_000
READERS = 100
LINES = 10_000
RATE = 1_000
ROUNDS = 3


async def main() -> None:
    """Take the rounds."""
    native_programs.build()
    found: dict[str, list[float]] = {"0": [], "1": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as directory:
            await fill(Path(directory))
            for tasks_max in ("0", "1"):
                async with running_gateway(Path(directory), RETENTION_TASKS=tasks_max) as gateway:
                    result = await live(gateway, "a" if tasks_max == "0" else "b")
                    metrics = await gateway.metrics()
                    removed, rows = metrics["otto_lines_removed_total"], metrics["otto_polling_rows_deleted_total"]
                found[tasks_max].append(result["p99_ms"])
                print(
                    f"{'beside retention' if tasks_max == '1' else 'alone'}: p50 {result['p50_ms']:.1f} ms, "
                    f"p99 {result['p99_ms']:.1f} ms; {removed:,.0f} lines and {rows:,.0f} rows removed",
                    flush=True,
                )
    alone, beside = median(found["0"]), median(found["1"])
    print(
        f"p99 {alone:.1f} ms alone, {beside:.1f} ms beside retention: {beside / alone:.2f} times (medians of {ROUNDS})"
    )


async def fill(directory: Path) -> None:
    """Store the old tasks, rows and all."""
    async with running_gateway(directory, DURABILITY="process") as gateway:
        options = ("--lines", OLD_LINES, "--tasks", OLD_TASKS, "--prefix", "old-", "--batch", 1_000)
        await run_module("benchmarks.producer", gateway.grpc_address, *options)
        while (await gateway.metrics())["otto_polling_lag_records"]:
            await asyncio.sleep(0.5)


async def live(gateway: GatewayProcess, prefix: str, *, lines: int = LINES, rate: int = RATE) -> dict[str, float]:
    """100 readers and a producer; the latencies."""
    readers = await Subscribers.connect(
        gateway.http_port,
        path=STREAM_PATH.replace("bench-", prefix),
        connections=READERS,
        tasks=1,
        lines=lines,
        sample_every=1,
        seconds_max=60,
    )
    options = ("--lines", lines, "--rate", rate, "--prefix", prefix)
    _, result = await asyncio.gather(
        run_module("benchmarks.producer", gateway.grpc_address, *options), readers.result()
    )
    if result["received"] != READERS * lines or result["disorders"]:
        raise SystemExit(f"lines are missing: {result}")
    return result


if __name__ == "__main__":
    asyncio.run(main())
