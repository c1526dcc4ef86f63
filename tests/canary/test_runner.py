"""The canary against gateways that lie, and against the real one."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from canary.delivery_check import Route, RouteCounts, Tolerance
from canary.exporter import Exporter
from canary.readers import Address, PollingReader
from canary.runner import Canary, Pace
from tests.support.forked_process import OTTO_GATEWAY, forked
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.lying_gateway import Lies, LyingGateway, LyingWriter
from tests.support.waiting import attempts, until

LINES = 12
GRACE_SECONDS = 3600.0


class Clock:
    """The monotonic clock of the canary, moved on when a test says so."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


async def watch(
    lies: dict[Route, Lies], monkeypatch: pytest.MonkeyPatch, *, coming: tuple[int, int, int] = (LINES, LINES, LINES)
) -> tuple[bool, dict[Route, RouteCounts]]:
    """Whether all is well, and what was found on each route once so many lines had come on it and time had passed."""
    clock = Clock()
    monkeypatch.setattr("canary.runner.time", clock)
    monkeypatch.setattr(PollingReader, "interval_seconds", 0.02)
    gateway = LyingGateway(lies)
    async with gateway.serving() as url:
        canary = Canary(
            [LyingWriter(gateway, late=frozenset({4, 11}))],
            Address(url, lambda: None),
            pace=Pace(rate=LINES, interval_seconds=1),
            tolerance=Tolerance(late_seconds=50, grace_seconds=GRACE_SECONDS),
        )
        running = asyncio.create_task(canary.run(asyncio.Event(), 0.5))
        counts = canary.state.counts
        await until(
            lambda: tuple(each.seen + each.doubled + each.unexpected for each in counts.values()) == coming,
            "all that comes has come",
            shown=lambda: counts,
        )
        clock.ahead = GRACE_SECONDS + 1
        verdict = await running
    assert canary.state.written == canary.state.acknowledged == LINES
    return verdict.is_well, canary.state.counts


async def test_each_lie_is_counted_on_its_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost, doubled, exchanged, invented and delayed lines, exactly as many as there were."""
    is_well, counts = await watch(
        {
            Route.SSE: Lies(drop=frozenset({5, 9}), double=frozenset({7})),
            Route.SOCKETIO: Lies(exchange=frozenset({3, 7}), double=frozenset({1, 2, 10}), invent=frozenset({5})),
            Route.POLLING: Lies(drop=frozenset({11}), exchange=frozenset({1})),
        },
        monkeypatch,
        coming=(11, 16, 11),
    )
    assert not is_well
    found = {
        route: (each.seen, each.missing, each.doubled, each.out_of_order, each.unexpected, each.late)
        for route, each in counts.items()
    }
    assert found == {
        Route.SSE: (10, 2, 1, 0, 0, 2),
        Route.SOCKETIO: (12, 0, 3, 2, 1, 2),
        Route.POLLING: (11, 1, 0, 1, 0, 1),
    }


async def test_a_delay_alone_is_late_and_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line came, once and in order."""
    honest = Lies()
    is_well, counts = await watch(dict.fromkeys(Route, honest), monkeypatch)
    assert is_well
    assert [each.late for each in counts.values()] == [2, 2, 2]


async def start_canary(gateway: GatewayProcess, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *forked(OTTO_GATEWAY, "canary", "--url", gateway.url, "--grpc", gateway.grpc_address, "--json", *arguments),
        env={name: value for name, value in os.environ.items() if not name.startswith("OTTO")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def test_a_gateway_killed_again_and_again_is_well(tmp_path: Path) -> None:
    """On both wires and all routes: the canary comes back, resumes, and finds every line once; SIGTERM ends it."""
    async with running_gateway(tmp_path) as gateway:
        canary = await start_canary(
            *(gateway, "--rate", "100", "--interval", "0.05", "--task-lines", "80", "--wire", "native"),
            *("--wire", "otto", "--metrics-port", "0", "--grace", "100"),
        )
        assert canary.stderr is not None
        metrics_url = (await canary.stderr.readline()).decode().split()[-1]
        for _ in range(2):
            await seen_at_least(metrics_url, 100)
            await gateway.restart()
        await seen_at_least(metrics_url, 400)
        canary.send_signal(signal.SIGTERM)
        output, _ = await canary.communicate()
    found = json.loads(output)
    assert (canary.returncode, found["ok"]) == (0, True), output.decode()
    assert found["tasks"] > 4
    assert {name: route["seen"] >= found["acknowledged"] for name, route in found["routes"].items()} == {
        route.value: True for route in Route
    }


async def seen_at_least(metrics_url: str, lines: int) -> None:
    """Return once every route has seen so many."""
    async with httpx2.AsyncClient() as client:
        async for _ in attempts(f"every route has seen {lines} lines"):
            text = (await client.get(metrics_url)).text
            seen = [line.split()[1] for line in text.splitlines() if line.startswith("otto_canary_lines_seen_total{")]
            if len(seen) == 3 and min(map(float, seen)) >= lines:
                return


async def test_what_cannot_be_found_out_is_another_exit_code(tmp_path: Path) -> None:
    """Without a good token nothing is known; one sentence says what refused."""
    async with running_gateway(tmp_path, JWT_SECRET="s" * 32) as gateway:
        canary = await start_canary(gateway, "--duration", "100", "--no-metrics", OTTO_TOKEN="nonsense")
        output, _ = await canary.communicate()
    assert canary.returncode == 2
    assert "refuse" in json.loads(output)["reason"]


async def test_a_taken_metrics_port_is_said(tmp_path: Path) -> None:
    """Before anything is written."""
    canary = Canary([], Address("http://127.0.0.1:9", lambda: None))
    exporter = Exporter(canary.state, "127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        Exporter(canary.state, "127.0.0.1", exporter.port)
    await asyncio.to_thread(exporter.close)
