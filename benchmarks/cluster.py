"""Several gateways on one PostgreSQL: how old lines are at readers of another gateway, and how many lines they take.

Run as ``python -m benchmarks.cluster``; some two minutes. Prints the ages of lines at readers of the gateway that took
them and of another one, of the same lines in one run, without and with Redis; and lines a second of one, two and three
gateways.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess
from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import RedisServer

_DUE = re.compile(r"@(\d+)$")
SECONDS_MAX = 60.0


class AgeingStream(EventStream):
    """A reader that notes how old each line is when it comes, in milliseconds."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.ages: list[float] = []

    async def read_lines(self, count: int) -> None:
        """Read so many lines."""

        def seen(recording: Any) -> bool:
            now = time.monotonic_ns()
            for entry in recording.entries[len(self.ages) :]:
                due = _DUE.search(entry["message"])
                assert due is not None
                self.ages.append((now - int(due[1])) / 1e6)
            return len(self.ages) >= count

        await self.read(until=seen)


async def produce(address: str, *options: object) -> dict[str, Any]:
    """Let a producer's process send; what it prints."""
    command = [sys.executable, "-m", "benchmarks.producer", address, *map(str, options)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS_MAX):
        output, _ = await process.communicate()
    found: dict[str, Any] = json.loads(output)
    return found


async def latency(here: GatewayProcess, there: GatewayProcess, lines: int, rate: int, label: str) -> None:
    """The same lines at a reader of the gateway that takes them, and at one of another."""
    prefix = "redis" if label else "plain"
    readers = [AgeingStream(gateway.stream_url(f"{prefix}0")) for gateway in (here, there)]
    reading = [asyncio.create_task(reader.read_lines(lines)) for reader in readers]
    options = ("--lines", lines, "--rate", rate, "--prefix", prefix)
    async with asyncio.timeout(SECONDS_MAX):
        await asyncio.gather(produce(here.grpc_address, *options), *reading)
    for name, reader in zip((f"local{label}", f"remote{label}"), readers, strict=True):
        quantiles = statistics.quantiles(reader.ages, n=100)
        row = " ".join(f"{quantiles[percent - 1]:>8.1f}" for percent in (50, 90, 99))
        print(f"{name:<20} {row}", flush=True)


async def throughput(gateways: Sequence[GatewayProcess], lines: int, label: str) -> None:
    """A producer at each gateway, as fast as lines are taken."""
    before = [await gateway.metrics() for gateway in gateways]
    started = time.monotonic()
    await asyncio.gather(
        *(
            produce(gateway.grpc_address, "--lines", lines // 8, "--tasks", 8, "--prefix", f"{label}-{number}-")
            for number, gateway in enumerate(gateways)
        )
    )
    seconds = time.monotonic() - started
    after = [await gateway.metrics() for gateway in gateways]

    def spent(name: str) -> float:
        return sum(new[name] - old[name] for new, old in zip(after, before, strict=True))

    print(
        f"{len(gateways)} gateways, {label}: {len(gateways) * lines / seconds:,.0f} lines/s, "
        f"{spent('otto_commits_total') / seconds:,.0f} commits/s, "
        f"{spent('process_cpu_seconds_total') / seconds:.2f} CPUs of gateways",
        flush=True,
    )


@asynccontextmanager
async def running(folder: Path, environment: Mapping[str, str], count: int) -> AsyncIterator[Sequence[GatewayProcess]]:
    """So many gateways of their own, while the context lasts."""
    gateways = [GatewayProcess(folder / str(number), **environment) for number in range(count)]
    try:
        for gateway in gateways:
            await gateway.start()
        yield gateways
    finally:
        for gateway in gateways:
            gateway.kill()


async def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="of each producer")
    parser.add_argument("--rate", type=int, default=100, help="lines a second, for the ages")
    parser.add_argument("--standby", action="store_true", help="each commit waits for a synchronous standby")
    parser.add_argument("--redis", action="store_true", help="Redis carries lines between gateways for lines a second")
    parser.add_argument("--lanes", type=int, default=1, help="of the journal")
    parser.add_argument("--ages-only", action="store_true", help="leave out lines a second")
    options = parser.parse_args()
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
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="otto-cluster-")))
        redis = RedisServer(folder)
        stack.callback(redis.kill)
        redis.start()
        plain = {"DATABASE_URL": server.url(), "JOURNAL_LANES": str(options.lanes)}
        carried = {**plain, "REDIS_URL": redis.url}
        print(f"{'age of a line, ms':<20} {'p50':>8} {'p90':>8} {'p99':>8}")
        for label, environment in (("", plain), (" with Redis", carried)):
            async with running(folder / f"ages{label}", environment, 2) as (here, there):
                await latency(here, there, options.rate * 10, options.rate, label)
        if not options.ages_only:
            async with running(folder / "lines", carried if options.redis else plain, 3) as gateways:
                for count in (1, 2, 3):
                    await throughput(gateways[:count], options.lines, f"run{count}")


if __name__ == "__main__":
    asyncio.run(main())
