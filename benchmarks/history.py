"""The history of one long task: how long pages, counts and searches of it take, and what they cost in memory.

``python -m benchmarks.history [LINES]`` stores a task of a million lines (levels mixed, chunks of 500) and asks for it.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from filters.entry import LogEntry
from filters.timestamps import from_nanos
from storage.journal.interface import LineBatch
from storage.journal.sqlite import SqliteJournal
from tests.support.history_server import BASE, history_of

CHUNK = 500
REPEATS = 5


async def fill(path: Path, count: int) -> float:
    journal = await SqliteJournal.open(path, durability="process")
    started = time.perf_counter()
    for start in range(0, count, CHUNK):
        entries = [
            LogEntry(
                "long",
                f"w{number % 4}",
                0,
                from_nanos((1_770_000_000 + number) * 1_000_000_000),
                "ERROR" if number % 10_000 < 5 else "WARN" if number % 100 == 0 else "INFO",
                "stdout",
                f"[{number}/{count}] compiling module_{number * 7919 % 10007}.c with -O2: done in {number % 97} ms",
            )
            for number in range(start, min(start + CHUNK, count))
        ]
        await journal.append(LineBatch("long", "w0", entries, 100 * len(entries), time.monotonic()))
    await journal.close()
    return time.perf_counter() - started


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(http: httpx2.AsyncClient, name: str, url: str, **headers: str) -> None:
    times = []
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            late = max(late, time.perf_counter() - before - 0.005)

    watching = asyncio.create_task(watch())
    size = 0
    repeats = 1 if "download" in url else REPEATS
    for _ in range(repeats):
        before = time.perf_counter()
        size = 0
        async with http.stream("GET", BASE + url, headers=headers) as answer:
            assert answer.status_code == 200, (await answer.aread(), url)
            async for piece in answer.aiter_raw():
                size += len(piece)
        times.append(time.perf_counter() - before)
    watching.cancel()
    print(
        f"| {name} | {times[0] * 1000:.0f} | {sorted(times)[len(times) // 2] * 1000:.0f} | {size / 1024:.0f} "
        f"| {late * 1000:.0f} | {peak_mib():.0f} |",
        flush=True,
    )


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "otto.db"
        seconds = await fill(path, count)
        size = sum(each.stat().st_size for each in Path(folder).iterdir())
        print(f"{count} lines stored in {seconds:.1f} s, {size / 2**20:.0f} MiB on the disk, peak {peak_mib():.0f} MiB")
        print("| request | first, ms | median, ms | KiB | loop late, ms | peak MiB |\n" + "| --- " * 6 + "|")
        async with history_of(path) as history:
            http: Any = history.http
            http.timeout = 120
            await measure(http, "first page", "/logs/long?limit=500")
            await measure(http, "last page", "/logs/long?tail=500")
            await measure(http, "page in the middle", f"/logs/long?after={count // 2}&limit=500")
            await measure(http, "page backwards from the middle", f"/logs/long?before={count // 2}&limit=500")
            await measure(http, "first page of ERROR", "/logs/long?limit=100&level=ERROR")
            await measure(http, "last page of ERROR", "/logs/long?tail=100&level=ERROR")
            await measure(http, "last page of a keyword in 1 of 10,000", "/logs/long?tail=20&keywords=module_4711.c")
            await measure(http, "first page of FATAL, which nothing has", "/logs/long?limit=100&level=FATAL")
            await measure(http, "last page of a keyword that nothing has", "/logs/long?tail=20&keywords=nowhere")
            await measure(http, "list of tasks", "/tasks")
            await measure(http, "counts in 200 buckets", "/logs/long/counts")
            await measure(http, "counts of a keyword", "/logs/long/counts?q=module_4711.c")
            await measure(http, "matches", "/logs/long/matches?q=module_4711.c")
            await measure(http, "search of all tasks", "/search?q=module_4711.c&limit=1000")
            await measure(http, "download, text", "/logs/long?download=1&format=text")
            await measure(http, "download, zstd", "/logs/long?download=1&format=ndjson", **{"Accept-Encoding": "zstd"})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
