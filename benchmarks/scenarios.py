"""The runs: lines in, lines out, and what they cost the server."""

import asyncio
import contextlib
import os
from dataclasses import dataclass

from benchmarks.native_programs import Subscribers
from benchmarks.processes import cpu_seconds, machine_busy_seconds, memory_peak_bytes
from benchmarks.servers import SECONDS_MAX, Load, Running, Server, gateway, run_module, wait_for_rows

__all__ = ["Delivery", "Intake", "deliver", "machine_is_quiet", "take_in"]

FOREIGN_SHARE_MAX = 0.15
"""A run is called disturbed where others used more than this share of the CPU time that the run took."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What producers reached with nobody watching."""

    wire: str
    durability: str
    producers: int
    lines: int
    batch: int
    seconds: float
    server_cpu_seconds: float
    foreign_cpu_seconds: float
    ack_p50_ms: float = 0.0
    ack_max_ms: float = 0.0

    @property
    def lines_per_second(self) -> float:
        """From the first message to the last acknowledgement."""
        return self.lines / self.seconds

    @property
    def lines_per_cpu_second(self) -> float:
        """Lines for each second of the server's CPU time."""
        return self.lines / self.server_cpu_seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        """CPU seconds of the server for a million lines."""
        return self.server_cpu_seconds / self.lines * 1e6

    @property
    def is_disturbed(self) -> bool:
        """Whether others used the machine meanwhile."""
        return self.foreign_cpu_seconds > FOREIGN_SHARE_MAX * (self.seconds + 1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What subscribers of one server were given under one load."""

    server: str
    load: Load
    expected: int
    received: int
    disorders: int
    bytes: int
    seconds: float
    server_cpu_seconds: float
    foreign_cpu_seconds: float
    p50_ms: float
    p99_ms: float
    memory_idle_bytes: int
    memory_peak_bytes: int

    @property
    def lost(self) -> int:
        """Lines that some subscriber did not get within the time, or got out of order."""
        return self.expected - self.received + self.disorders

    @property
    def lines_per_second(self) -> float:
        """Deliveries a second, over all subscribers."""
        return self.received / self.seconds

    @property
    def lines_per_cpu_second(self) -> float:
        """Deliveries for each second of the server's CPU time."""
        return self.received / self.server_cpu_seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        """CPU seconds of the server for a million deliveries."""
        return self.server_cpu_seconds / max(1, self.received) * 1e6

    @property
    def is_disturbed(self) -> bool:
        """Whether others used the machine meanwhile."""
        return self.foreign_cpu_seconds > FOREIGN_SHARE_MAX * (self.seconds + 1)


async def take_in(
    wire: str, *, lines: int, batch: int, durability: str = "full", producers: int = 1, rate: int = 0
) -> Intake:
    """Let producers send ``lines`` in all, as fast as the gateway takes them or at ``rate`` lines a second in all."""
    load = Load(lines=lines, readers=0)
    async with gateway(DURABILITY=durability).start(load) as running:
        assert running.gateway is not None
        address = running.gateway.grpc_address
        options = ("--wire", wire, "--lines", lines // producers, "--batch", batch, "--rate", rate / producers)
        busy, cpu = machine_busy_seconds(), cpu_seconds(running.pid)
        sent = await asyncio.gather(
            *(
                run_module("benchmarks.producer", address, *options, "--prefix", f"bench-{number}-")
                for number in range(producers)
            )
        )
        await wait_for_rows(running.gateway.database, lines // producers * producers)
        cpu = cpu_seconds(running.pid) - cpu
        foreign = machine_busy_seconds() - busy - cpu - sum(result["cpu_seconds"] for result in sent)
    return Intake(
        wire,
        durability,
        producers,
        lines // producers * producers,
        batch,
        max(result["seconds"] for result in sent),
        cpu,
        foreign,
        sorted(result["ack_p50_ms"] for result in sent)[producers // 2],
        max(result["ack_max_ms"] for result in sent),
    )


async def deliver(server: Server, load: Load, *, lines_read: int | None = None) -> Delivery:
    """Subscribe, publish, and wait until every line has arrived and the server has done all its work.

    ``lines_read``: what each subscriber gets, where a filter leaves less than all; 0 if the load client cannot look
    into the stream and waits for its end.
    """
    async with server.start(load) as running:
        await asyncio.sleep(0.3)
        idle = memory_peak_bytes(running.pid)
        streams = await subscribe(running, load, lines=lines_read)
        busy, cpu = machine_busy_seconds(), cpu_seconds(running.pid)
        sent, result = await asyncio.gather(running.publish(load), streams.result())
        await running.settle()
        cpu = cpu_seconds(running.pid) - cpu
        foreign = machine_busy_seconds() - busy - cpu - sent["cpu_seconds"] - result["cpu_seconds"]
        expected = load.connections * (lines_read or load.lines)
        received, disorders = result["received"], result["disorders"]
        if lines_read == 0:
            received = expected if result["closed"] == load.connections else 0
        elif lines_read is not None:
            disorders = 0  # the numbers have holes where the filter left lines out
        return Delivery(
            server.name,
            load,
            expected=expected,
            received=received,
            disorders=disorders,
            bytes=result["bytes"],
            seconds=max((result["last_ns"] - result["first_ns"]) / 1e9, 1e-9),
            server_cpu_seconds=cpu,
            foreign_cpu_seconds=foreign,
            p50_ms=result["p50_ms"],
            p99_ms=result["p99_ms"],
            memory_idle_bytes=idle,
            memory_peak_bytes=memory_peak_bytes(running.pid),
        )


async def subscribe(running: Running, load: Load, *, lines: int | None = None) -> Subscribers:
    """Open the streams of a load; ``lines`` each where a filter leaves fewer than all, 0: until they are closed."""
    return await Subscribers.connect(
        running.port,
        protocol=running.protocol,
        path=running.path,
        header=running.header,
        connections=load.connections,
        tasks=load.tasks,
        lines=load.lines if lines is None else lines,
        sample_every=load.sample_every,
        seconds_max=SECONDS_MAX,
    )


async def machine_is_quiet(seconds_max: float = 60.0) -> bool:
    """Wait until others use less than a tenth of a core; False if they still do after ``seconds_max``."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds_max):
            while True:
                busy = machine_busy_seconds()
                await asyncio.sleep(0.7)
                if machine_busy_seconds() - busy < 0.05 * (os.cpu_count() or 1):
                    return True
    return False
