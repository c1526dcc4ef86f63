"""Slow and hostile subscribers cost only themselves; ``make readers`` is the long form, with latencies."""

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.readers.hostile import BIG_LINES, DEEDS
from tests.readers.memory import MemoryBound, peak_bytes, resident_bytes
from tests.readers.stream import TRANSPORTS, Stream
from tests.support.forked_process import forked
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.worker import publish

LINES = 1_500
LINE_BYTES = 1_000
EACH = 3
SMALL = {
    "WINDOW_BYTES_PER_TASK": str(256 << 10),
    "WINDOW_BYTES_TOTAL": str(1 << 20),
    "RUN_BYTES_TOTAL": str(1 << 20),
    "PENDING_BYTES_MAX": str(1 << 20),
    "DURABILITY": "process",
    "MAX_CONNECTIONS_PER_ADDRESS": "0",
}


def marked(first: int, last: int, size: int = LINE_BYTES) -> list[str]:
    return [f"{'x' * size} #{number}@" for number in range(first, last + 1)]


@asynccontextmanager
async def slow_process(gateway: GatewayProcess, bytes_a_second: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The stalled and trickling ones, subscribed, as a process of their own."""
    numbers = (gateway.http_port, "build", LINES, EACH, EACH, bytes_a_second)
    process = await asyncio.create_subprocess_exec(
        *forked("-m", "tests.readers.slow", *map(str, numbers)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"READY\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_slow_readers_cost_only_themselves(tmp_path: Path) -> None:
    """Normal and trickling ones get every line; stalled ones are given up and resume; memory is bounded."""
    async with running_gateway(tmp_path, SESSION_TIMEOUT_MINUTES="0.05", **SMALL) as gateway:
        before = resident_bytes(gateway.pid)
        normal = [Stream(transport, gateway.http_port, "build") for transport in TRANSPORTS for _ in range(EACH)]
        for stream in normal:
            await stream.open()
        async with slow_process(gateway, 1 << 20) as slow:
            reading = asyncio.gather(*(stream.take_until(LINES) for stream in normal))
            for first in range(1, LINES, 100):
                await publish(gateway.grpc_address, "build", marked(first, first + 99))
            await reading
            while (await gateway.metrics())['otto_sessions_closed_total{reason="SESSION_TIMEOUT"}'] < 2 * EACH:
                await asyncio.sleep(0.1)
            output, _ = await slow.communicate(b"\n")
        growth = peak_bytes(gateway.pid) - before
        for stream in normal:
            stream.close()
        assert "Traceback" not in gateway.log()
    found: dict[str, Any] = json.loads(output)
    assert [(stream.last, stream.lines.is_orderly) for stream in normal] == [(LINES, True)] * (2 * EACH)
    assert found["trickling"] == {"streams": 2 * EACH, "complete": 2 * EACH, "disorders": 0}
    assert found["stalled"] == {"streams": 2 * EACH, "complete": 2 * EACH, "disorders": 0, "closed": 2 * EACH}
    assert found["reasons"] == ["SESSION_TIMEOUT"]
    readers = 3 * EACH
    assert (
        growth
        <= MemoryBound(
            sse=readers,
            socket_io=readers,
            window_bytes_per_task=256 << 10,
            run_bytes_total=1 << 20,
            pending_bytes_max=1 << 20,
        ).bytes
    )


TIMES = {
    "open_and_close": 60,
    "send_garbage": 30,
    "never_read": 30,
    "half_open": 300,
    "subscribe_and_unsubscribe": 100,
    "change_filters": 200,
    "start_over": 12,
}


async def test_hostile_readers_cost_only_themselves(tmp_path: Path) -> None:
    """Whatever they do, a normal reader gets every line in order, and nothing of them is left behind."""
    # Threat: each deed aims at something that is kept per connection, subscription, filter or request.
    async with running_gateway(tmp_path, **SMALL) as gateway:
        await publish(gateway.grpc_address, "build-big", marked(1, BIG_LINES, 20), batch_lines=1_000)
        normal = Stream("sse", gateway.http_port, "build")
        await normal.open()
        stop = asyncio.Event()
        publishing = asyncio.create_task(publish_until(gateway, stop))
        reading = asyncio.create_task(normal.take_until(sys.maxsize))
        await asyncio.gather(*(DEEDS[name](gateway.http_port, "build", times) for name, times in TIMES.items()))
        stop.set()
        last = await publishing
        async with asyncio.timeout(60):
            while normal.last < last:
                await asyncio.sleep(0.01)
            while (await gateway.metrics())['otto_active_connections{transport="sse"}'] > 1:
                await asyncio.sleep(0.05)
        left = await gateway.metrics()
        reading.cancel()
        await asyncio.wait([reading])
        normal.close()
        assert "Traceback" not in gateway.log()
        assert await gateway.stop() == 0
    assert normal.lines.is_orderly
    assert left['otto_active_connections{transport="socketio"}'] == 0
    assert left["otto_socketio_bytes_in_flight"] == 0
    assert left["otto_channels"] == 1
    assert left['otto_sessions_closed_total{reason="INTERNAL"}'] == 0


async def publish_until(gateway: GatewayProcess, stop: asyncio.Event) -> int:
    """Publish lines until it is enough; the last one's sequence."""
    for first in itertools.count(1, 20):
        await publish(gateway.grpc_address, "build", marked(first, first + 19, 100))
        if stop.is_set():
            return first + 19
        await asyncio.sleep(0.02)
    raise AssertionError


@pytest.mark.readers
@pytest.mark.parametrize("name", sorted(DEEDS))
async def test_each_deed_by_itself_for_longer(name: str, tmp_path: Path) -> None:
    """Memory does not grow with the number of deeds: the second half of them adds nothing."""
    times = {"half_open": 900, "never_read": 200, "start_over": 100}.get(name, 500)
    async with running_gateway(tmp_path, **SMALL) as gateway:
        await publish(gateway.grpc_address, "build-big", marked(1, BIG_LINES, 20), batch_lines=1_000)
        await publish(gateway.grpc_address, "build", marked(1, 100))
        peaks = []
        for _ in range(3):
            await DEEDS[name](gateway.http_port, "build", times)
            peaks.append(peak_bytes(gateway.pid))
        print(f"{name}: {times} times a round, memory {[peak >> 20 for peak in peaks]} MB")
        assert peaks[2] - peaks[0] < 16 << 20
        assert "Traceback" not in gateway.log()
