"""What lanes do for commits: journals of several gateways on one PostgreSQL, each in a process of its own.

Run as ``python -m benchmarks.lanes``; a minute. Each process appends chunks of 8 KiB to its tasks, and to each task the
next one when the last is acknowledged. Prints commits and chunks a second and the time to an acknowledgement, for each
number of lanes; then the same of one task that all processes write.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from storage.journal.postgres import PostgresJournal
from tests.support.journal_items import batch
from tests.support.postgres_server import PostgresServer

LANES = (1, 2, 4, 8)
PROCESSES = 4
TASKS = 16
SECONDS = 4.0
SECONDS_MAX = 60.0
CHUNK_LINES, LINE_BYTES = 64, 128


async def write(url: str, tasks: Sequence[str], seconds: float) -> dict[str, Any]:
    """Append to all tasks at once for a while."""
    journal = await PostgresJournal.open(url)
    text = random.Random(0).randbytes(CHUNK_LINES * LINE_BYTES // 2).hex()
    lines = [text[start : start + LINE_BYTES] for start in range(0, len(text), LINE_BYTES)]
    took: list[float] = []
    until = time.monotonic() + seconds

    async def appends(task: str) -> None:
        while (started := time.monotonic()) < until:
            await journal.append(batch(*lines, task=task))
            took.append(time.monotonic() - started)

    await asyncio.gather(*map(appends, tasks))
    commits = journal.statistics.commits
    await journal.close()
    return {"commits": commits, "took": took}


async def measure(url: str, label: str, tasks: Sequence[Sequence[str]]) -> None:
    """Let a process for each list of tasks write, and print what they did together."""
    command = [sys.executable, "-m", "benchmarks.lanes", "--write", url]
    processes = [
        await asyncio.create_subprocess_exec(*command, *names, stdout=asyncio.subprocess.PIPE) for names in tasks
    ]
    async with asyncio.timeout(SECONDS_MAX):
        found = [json.loads((await process.communicate())[0]) for process in processes]
    commits, took = sum(each["commits"] for each in found), [each for one in found for each in one["took"]]
    quantiles = statistics.quantiles(took, n=100)
    print(
        f"{label}: {commits / SECONDS:,.0f} commits/s, {len(took) / SECONDS:,.0f} chunks/s, "
        f"acknowledged after p50 {quantiles[49] * 1e3:.1f} ms, p99 {quantiles[98] * 1e3:.1f} ms",
        flush=True,
    )


async def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lanes", description=__doc__)
    parser.add_argument("--standby", action="store_true", help="each commit waits for a synchronous standby")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="how many gateways write")
    parser.add_argument("--write", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        print(json.dumps(await write(options.write[0], options.write[1:], SECONDS)))
        return
    async with AsyncExitStack() as stack:
        server = PostgresServer(is_durable=True)
        stack.callback(server.close)
        server.start()
        server.wait_ready()
        if options.standby:
            standby = PostgresServer(is_durable=True, primary=server)
            stack.callback(standby.close)
            standby.start()
            await server.wait_for_standby()
        tasks = [[f"task-{process}-{number}" for number in range(TASKS)] for process in range(options.processes)]
        for lanes in LANES:
            url = await server.add_schema()
            await (await PostgresJournal.open(url, lanes=lanes)).close()
            await measure(url, f"{options.processes} gateways, {lanes} lanes", tasks)
        await measure(url, f"one task through {options.processes} gateways", [["hot"]] * options.processes)


if __name__ == "__main__":
    asyncio.run(main())
