"""The long form: 100 normal subscribers of one task, alone, beside slow ones and beside hostile ones.

Run as ``python -m tests.readers`` (``make readers``); takes about six minutes. The kinds of rounds take turns, so that
what else the machine does is in all of them. It ends with 1 if a line is missing or the memory is above what the
settings say; latencies are printed and judged by anyone who reads them.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import native_programs
from tests.readers.hostile import BIG_LINES, MANY_AT_ONCE
from tests.readers.memory import MemoryBound, peak_bytes, resident_bytes
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.worker import publish

ROUNDS = 2
NORMAL = 50  # of each transport
SLOW = 50  # of each kind on each transport
LINES = 9_000
RATE = 450
TRICKLE_BYTES = 100 << 10
TIMEOUT_SECONDS = 12.0
COMPANIES = ("no", "slow", "hostile")
OTHERS = {"no": 0, "slow": 2 * SLOW, "hostile": sum(MANY_AT_ONCE.values())}
"""Connections on each transport beside the normal ones, at most."""
BIG = [f"{'x' * 20} #{number}@" for number in range(1, BIG_LINES + 1)]
PATH = "/api/v1/log-streaming/logs/bench-%d/stream"


@dataclass
class Round:
    """What one round found."""

    company: str
    p50: dict[str, float] = field(default_factory=dict)
    p99: dict[str, float] = field(default_factory=dict)
    growth: int = 0
    peaks: dict[str, float] = field(default_factory=dict)
    slow: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


async def main() -> int:
    """Take the rounds; the exit code."""
    native_programs.build()
    rounds = []
    for number in range(ROUNDS):
        for company in COMPANIES if number % 2 == 0 else reversed(COMPANIES):
            rounds.append(await play(company))
            show(rounds[-1])
    for transport in ("sse", "socketio"):
        p99 = {company: median(r.p99[transport] for r in rounds if r.company == company) for company in COMPANIES}
        beside = ", ".join(
            f"{p99[company]:.1f} ms beside {company} ones (ratio {p99[company] / p99['no']:.2f})"
            for company in COMPANIES[1:]
        )
        print(f"p99 of the normal ones over {transport}: {p99['no']:.1f} ms alone, {beside}")
    problems = [problem for each in rounds for problem in each.problems]
    print(
        "\n".join(problems) or "every line reached every reader once, in order, within the memory that the settings say"
    )
    return 1 if problems else 0


async def play(company: str) -> Round:
    """One round on a gateway of its own."""
    result = Round(company)
    settings = {
        "SESSION_TIMEOUT_MINUTES": str(TIMEOUT_SECONDS / 60),
        "DURABILITY": "process",
        "MAX_CONNECTIONS_PER_ADDRESS": "0",
    }
    with tempfile.TemporaryDirectory() as directory:
        async with running_gateway(Path(directory), **settings) as gateway:
            before = resident_bytes(gateway.pid)
            async with contextlib.AsyncExitStack() as stack:
                others = await stack.enter_async_context(slow_ones(gateway)) if company == "slow" else None
                if company == "hostile":
                    await publish(gateway.grpc_address, "bench-0-big", BIG, batch_lines=1_000)
                    await stack.enter_async_context(hostile_ones(gateway))
                normal = {kind: await normal_ones(gateway, kind) for kind in ("sse", "socketio")}
                watching = asyncio.create_task(watch(gateway, result))
                await produce(gateway)
                for kind, subscribers in normal.items():
                    found = await subscribers.result()
                    result.p50[kind], result.p99[kind] = found["p50_ms"], found["p99_ms"]
                    if found["received"] != found["expected"] or found["disorders"]:
                        result.problems.append(f"normal ones over {kind}: {found}")
                if others is not None:
                    await until_closed(gateway, SLOW)
                    result.slow = await come_back(others)
                    judge(result)
                watching.cancel()
                await asyncio.wait([watching])
            result.growth = peak_bytes(gateway.pid) - before
            bound = MemoryBound(sse=NORMAL + OTHERS[company], socket_io=NORMAL + OTHERS[company], tasks=2).bytes
            if result.growth > bound:
                result.problems.append(f"memory grew by {result.growth >> 20} MB, the settings say {bound >> 20} MB")
            result.peaks["bound of the growth"] = bound
            if "Traceback" in gateway.log():
                result.problems.append("there is a traceback in the gateway's log")
            if await gateway.stop():
                result.problems.append("the gateway did not stop cleanly")
    return result


async def normal_ones(gateway: GatewayProcess, kind: str) -> native_programs.Subscribers:
    """Subscribers that read as fast as lines come."""
    return await native_programs.Subscribers.connect(
        gateway.http_port,
        protocol=kind,
        path=PATH,
        connections=NORMAL,
        tasks=1,
        lines=LINES,
        sample_every=5,
        seconds_max=LINES / RATE + 60,
    )


@contextlib.asynccontextmanager
async def slow_ones(gateway: GatewayProcess) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process of those that stall or trickle, all of them subscribed."""
    numbers = (gateway.http_port, "bench-0", LINES, SLOW, SLOW, TRICKLE_BYTES)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.readers.slow", *map(str, numbers), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        if await process.stdout.readline() != b"READY\n":
            raise RuntimeError("the slow readers could not subscribe")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def hostile_ones(gateway: GatewayProcess) -> AsyncIterator[None]:
    """The process of those that mean harm, until the others have everything."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.readers.hostile", str(gateway.http_port), "bench-0"
    )
    try:
        yield
        if process.returncode is not None:
            raise RuntimeError("the hostile readers gave up")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def come_back(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Let the stalled ones come back; what became of all."""
    output, _ = await process.communicate(b"\n")
    return dict(json.loads(output))


async def produce(gateway: GatewayProcess) -> None:
    """Publish the task, a line at a time."""
    options = ("--lines", str(LINES), "--rate", str(RATE))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.producer", gateway.grpc_address, *options, stdout=subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError("the producer failed")


async def watch(gateway: GatewayProcess, result: Round) -> None:
    """Keep the largest values of what the gateway tracks itself."""
    while True:
        now = await gateway.metrics()
        for name in ("otto_window_bytes", "otto_run_bytes", "otto_socketio_bytes_in_flight", "otto_lagging_sessions"):
            result.peaks[name] = max(result.peaks.get(name, 0.0), now[name])
        await asyncio.sleep(0.5)


async def until_closed(gateway: GatewayProcess, sessions: int) -> None:
    """Wait until the stalled ones of both transports were given up, with the documented reason."""
    async with asyncio.timeout(TIMEOUT_SECONDS * 10):
        while (await gateway.metrics())['otto_sessions_closed_total{reason="SESSION_TIMEOUT"}'] < 2 * sessions:
            await asyncio.sleep(0.5)


def judge(result: Round) -> None:
    """Whether everybody has every line."""
    for kind in ("trickling", "stalled"):
        found = result.slow[kind]
        if found["complete"] != found["streams"] or found["disorders"]:
            result.problems.append(f"{kind}: {found}")
    if result.slow["stalled"]["closed"] != result.slow["stalled"]["streams"]:
        result.problems.append(f"not all stalled ones were given up: {result.slow['stalled']}")


def show(result: Round) -> None:
    """Print a round."""
    who = f"{2 * NORMAL} normal beside {result.company} others"
    figures = " ".join(f"{kind} p50 {result.p50[kind]:.1f} p99 {result.p99[kind]:.1f} ms" for kind in result.p99)
    peaks = ", ".join(f"{name} {value / (1 << 20):.1f} MB" for name, value in result.peaks.items() if "bytes" in name)
    bound = result.peaks["bound of the growth"] / (1 << 20)
    print(f"{who}: {figures}; memory grew by {result.growth / (1 << 20):.1f} of {bound:.0f} MB ({peaks})", flush=True)
    if result.slow:
        print(f"  {json.dumps(result.slow)}", flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
