"""The runs: lines in, lines out as fast as possible, and latency at a steady rate."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.native_programs import Subscribers, Writer
from benchmarks.processes import cpu_seconds, machine_busy_seconds, memory_peak_bytes
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.ports import free_port

__all__ = ["Delivery", "Intake", "deliver", "deliver_raw", "take_in"]

SECONDS_MAX = 60.0
STREAM_PATH = "/api/v1/log-streaming/logs/bench-%d/stream"


@dataclass(frozen=True, slots=True)
class Intake:
    """What a producer reached with nobody watching."""

    wire: str
    durability: str
    lines: int
    batch: int
    seconds: float
    server_cpu_seconds: float
    foreign_cpu_seconds: float

    @property
    def lines_per_second(self) -> float:
        """From the first message to the last acknowledgement."""
        return self.lines / self.seconds

    @property
    def lines_per_cpu_second(self) -> float:
        """Lines for each second of the server's CPU time."""
        return self.lines / self.server_cpu_seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """What subscribers were given; ``rate`` is lines a second that went in, 0 for as fast as possible."""

    subject: str
    subscribers: int
    lines: int
    rate: int
    received: int
    disorders: int
    seconds: float
    server_cpu_seconds: float
    foreign_cpu_seconds: float
    p50_ms: float
    p99_ms: float
    memory_peak_bytes: int

    @property
    def lost(self) -> int:
        """Lines that some subscriber did not get within the time, or got out of order."""
        return self.subscribers * self.lines - self.received + self.disorders

    @property
    def lines_per_second(self) -> float:
        """Deliveries a second, over all subscribers."""
        return self.received / self.seconds

    @property
    def lines_per_cpu_second(self) -> float:
        """Deliveries for each second of the server's CPU time."""
        return self.received / self.server_cpu_seconds


async def take_in(wire: str, *, lines: int, batch: int, durability: str = "full") -> Intake:
    """Let one producer send ``lines`` as fast as the gateway takes them."""
    async with _gateway(DURABILITY=durability) as gateway:
        busy, cpu = machine_busy_seconds(), cpu_seconds(gateway.pid)
        sent = await _produce(gateway, "--wire", wire, "--lines", lines, "--batch", batch)
        await _wait_for_rows(gateway, lines)
        cpu = cpu_seconds(gateway.pid) - cpu
        foreign = machine_busy_seconds() - busy - cpu - sent["cpu_seconds"]
    return Intake(wire, durability, lines, batch, sent["seconds"], cpu, foreign)


async def deliver(*, subscribers: int, lines: int, rate: int = 0) -> Delivery:
    """One task, one producer, ``subscribers`` streams; the gateway receives, stores and delivers."""
    async with _gateway(MAX_CONNECTIONS=str(max(1000, subscribers))) as gateway:
        streams = await _connect(gateway.http_port, subscribers, lines, rate)
        busy, cpu = machine_busy_seconds(), cpu_seconds(gateway.pid)
        sent, result = await asyncio.gather(
            _produce(gateway, "--lines", lines, "--rate", rate, "--batch", 1000), streams.result()
        )
        await _wait_for_rows(gateway, lines)
        cpu = cpu_seconds(gateway.pid) - cpu
        foreign = machine_busy_seconds() - busy - cpu - sent["cpu_seconds"] - result["cpu_seconds"]
        return _delivery("gateway", subscribers, lines, rate, result, cpu, foreign, memory_peak_bytes(gateway.pid))


async def deliver_raw(*, subscribers: int, lines: int, lines_per_write: int, rate: int = 0) -> Delivery:
    """The same streams, served by the raw writer."""
    port = free_port()
    writer = await Writer.start(
        port, connections=subscribers, lines=lines, lines_per_write=lines_per_write, lines_per_second=rate
    )
    try:
        streams = await _connect(port, subscribers, lines, rate)
        busy, cpu = machine_busy_seconds(), cpu_seconds(writer.process.pid)
        await writer.go()
        result = await streams.result()
        cpu = cpu_seconds(writer.process.pid) - cpu
        foreign = machine_busy_seconds() - busy - cpu - result["cpu_seconds"]
        peak = memory_peak_bytes(writer.process.pid)
    finally:
        await writer.stop()
    subject = f"C, {lines_per_write} line{'s' if lines_per_write > 1 else ''} a write"
    return _delivery(subject, subscribers, lines, rate, result, cpu, foreign, peak)


@contextlib.asynccontextmanager
async def _gateway(**settings: str) -> AsyncIterator[GatewayProcess]:
    with tempfile.TemporaryDirectory(prefix="otto-bench-") as directory:
        async with running_gateway(Path(directory), LOG_LEVEL="WARNING", **settings) as gateway:
            yield gateway


async def _connect(port: int, subscribers: int, lines: int, rate: int) -> Subscribers:
    return await Subscribers.connect(
        port,
        STREAM_PATH,
        connections=subscribers,
        tasks=1,
        lines=lines,
        sample_every=1 if rate else 20,
        seconds_max=SECONDS_MAX,
    )


async def _produce(gateway: GatewayProcess, *options: object) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.producer", gateway.grpc_address, *map(str, options), stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the producer failed")
    result: dict[str, Any] = json.loads(output)
    return result


async def _wait_for_rows(gateway: GatewayProcess, lines: int) -> None:
    """Return once every line is in ``job_logs``: the work of copying it is part of what a line costs the server."""
    with contextlib.closing(sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True, timeout=30)) as database:
        async with asyncio.timeout(SECONDS_MAX):
            while database.execute("SELECT coalesce(max(id), 0) FROM job_logs").fetchone()[0] < lines:
                await asyncio.sleep(0.05)


def _delivery(
    subject: str,
    subscribers: int,
    lines: int,
    rate: int,
    result: dict[str, Any],
    cpu: float,
    foreign: float,
    memory_peak: int,
) -> Delivery:
    return Delivery(
        subject,
        subscribers,
        lines,
        rate,
        received=result["received"],
        disorders=result["disorders"],
        seconds=max((result["last_ns"] - result["first_ns"]) / 1e9, 1e-9),
        server_cpu_seconds=cpu,
        foreign_cpu_seconds=foreign,
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
        memory_peak_bytes=memory_peak,
    )
