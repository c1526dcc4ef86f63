"""What lanes do for commits: journals of several gateways on one PostgreSQL, each in a process of its own.

Run as ``python -m benchmarks.lanes``; a minute. Each process appends chunks of 8 KiB to its tasks, and to each task the
next one when the last is acknowledged. Prints commits and chunks a second, the time to an acknowledgement, and the CPU
time that a chunk cost the server and the journals, for each number of lanes; then the same of one task that all write.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg

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
    journal = await PostgresJournal.open(url, gather_seconds=0.012)  # as a gateway does
    text = random.Random(0).randbytes(CHUNK_LINES * LINE_BYTES // 2).hex()
    lines = [text[start : start + LINE_BYTES] for start in range(0, len(text), LINE_BYTES)]
    took: list[float] = []
    until, spent = time.monotonic() + seconds, time.process_time()

    async def appends(task: str) -> None:
        while (started := time.monotonic()) < until:
            await journal.append(batch(*lines, task=task))
            took.append(time.monotonic() - started)

    await asyncio.gather(*map(appends, tasks))
    found = {"commits": journal.statistics.commits, "took": took, "cpu": time.process_time() - spent}
    await journal.close()
    return found


async def delay_commits(url: str, seconds: float) -> None:
    """Let each commit wait with its lanes locked."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER distant AFTER UPDATE ON journal_gateways DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION wait_at_commit()"
    )
    await connection.close()


def cpu_of(server: PostgresServer) -> float:
    """Seconds of CPU that all processes of a server have spent."""
    pid, spent = int((server.directory / "data" / "postmaster.pid").read_text().split()[0]), 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            stat = path.read_text().rpartition(")")[2].split()
            if int(stat[1]) == pid:
                spent += int(stat[11]) + int(stat[12])
            elif path.parent.name == str(pid):
                spent += sum(map(int, stat[11:15]))  # with those that have ended
    return spent / os.sysconf("SC_CLK_TCK")


async def measure(server: PostgresServer, url: str, label: str, tasks: Sequence[Sequence[str]]) -> None:
    """Let a process for each list of tasks write, and print what they did together."""
    before = cpu_of(server)
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
        f"acknowledged after p50 {quantiles[49] * 1e3:.1f} ms, p99 {quantiles[98] * 1e3:.1f} ms; CPU of a chunk: "
        f"server {(cpu_of(server) - before) / len(took) * 1e3:.2f} ms, "
        f"journals {sum(each['cpu'] for each in found) / len(took) * 1e3:.2f} ms",
        flush=True,
    )


async def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lanes", description=__doc__)
    parser.add_argument("--standby", action="store_true", help="each commit waits for a synchronous standby")
    parser.add_argument("--volatile", action="store_true", help="commits do not wait for the disk")
    parser.add_argument("--commit-ms", type=float, default=0, help="how much longer a commit takes: a distant standby")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="how many gateways write")
    parser.add_argument("--write", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        print(json.dumps(await write(options.write[0], options.write[1:], SECONDS)))
        return
    async with AsyncExitStack() as stack:
        server = PostgresServer(is_durable=not options.volatile)
        stack.callback(server.close)
        server.start()
        server.wait_ready()
        if options.standby:
            standby = PostgresServer(is_durable=not options.volatile, primary=server)
            stack.callback(standby.close)
            standby.start()
            await server.wait_for_standby()
        tasks = [[f"task-{process}-{number}" for number in range(TASKS)] for process in range(options.processes)]
        for lanes in LANES:
            url = await server.add_schema()
            await (await PostgresJournal.open(url, lanes=lanes)).close()
            if options.commit_ms:
                await delay_commits(url, options.commit_ms / 1e3)
            await measure(server, url, f"{options.processes} gateways, {lanes} lanes", tasks)
        await measure(server, url, f"one task through {options.processes} gateways", [["hot"]] * options.processes)


if __name__ == "__main__":
    asyncio.run(main())
