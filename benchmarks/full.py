"""``make bench-full``: the gateway beside nchan, Node, Redis, NATS and C, several rounds, medians, tables and plots.

Takes about half an hour on an idle machine. Every run is kept in ``docs/performance/results.jsonl``; ``--report`` makes
the tables and plots of ``docs/performance`` anew from it without measuring.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks import go_programs, native_programs
from benchmarks.comparison import DOCUMENTS, Row, write_report
from benchmarks.native_programs import Subscribers
from benchmarks.processes import cpu_seconds, memory_now_bytes
from benchmarks.scenarios import Delivery, deliver, machine_is_quiet, subscribe, take_in
from benchmarks.servers import (
    GO_GRPC,
    NATS,
    NCHAN,
    NODE_GRPC,
    NODE_SOCKET_IO,
    NODE_SSE,
    REDIS,
    STREAM_PATH,
    Load,
    Running,
    Server,
    bare_grpc,
    gateway,
    raw,
    run_module,
)
from benchmarks.workers import WORKERS, work
from tests.support.build_output import build_output

ATTEMPTS: Final = 3
"""A run that other work has disturbed is done again, so often in all."""

FASTEST: Final = {
    "A": Load(readers=100, lines=20_000),
    "B": Load(readers=1_000, lines=2_000),
    "C": Load(tasks=200, readers=5, lines=200, sample_every=4),
}
STEADY: Final = Load(readers=100, lines=10_000, rate=1_000, sample_every=1)
LONE: Final = Load(readers=1, lines=100, rate=10, sample_every=1)
IDLE: Final = Load(tasks=1_000, readers=10, lines=1)
RESUMED_LINES: Final = 1_000_000

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: what it belongs to, what is measured, and how."""

    scenario: str
    subject: str
    measure: Callable[[], Awaitable[Figures]]


def runs(text: Path) -> Iterator[Run]:
    """All measurements of one round; ``text`` holds lines of a real build."""
    peers = [gateway(), NCHAN, NODE_SSE, REDIS, NATS]
    for scenario, load in FASTEST.items():
        yield from (
            _delivery(scenario, server, load)
            for server in (*peers, raw(100))
            if load.tasks == 1 or server.program != "gcc"
        )
    yield from (_delivery("D", server, STEADY) for server in (*peers, raw(1)))
    yield _delivery("E", gateway(), LONE)
    from_file = ("--text", str(text), "--end")
    for name, header in (("plain", ""), ("zstd", "Accept-Encoding: zstd"), ("gzip", "Accept-Encoding: gzip")):
        server = gateway(f"gateway, {name}", header=header)
        for scenario, base in (("FA", FASTEST["A"]), ("FD", STEADY)):
            load = Load(readers=base.readers, lines=base.lines, rate=base.rate, publish_options=from_file)
            yield _delivery(scenario, server, load, lines_read=0)
    for filters, readers in ((1, 1), (10, 1), (100, 1), (100, 5), (100, 10)):
        yield Run("G", f"{filters} filters × {readers}", lambda f=filters, r=readers: _filters(f, r))  # type: ignore[misc]
    for batch in (100, 1_000):
        yield Run("H", f"batches of {batch:,}", lambda b=batch: _intake(b))  # type: ignore[misc]
    for streams in (1, 50):
        for server in (gateway(), bare_grpc()):
            name = f"{server.name}, {streams} stream{'s' if streams > 1 else ''}"
            yield Run("I", name, lambda s=server, n=streams: _otto_wire(s, n))  # type: ignore[misc]
    for server in (gateway(), NCHAN):
        yield Run("J", server.name, lambda s=server: _idle(s))  # type: ignore[misc]
    yield Run("K", "gateway", _resume)
    if not go_programs.why_missing():  # the load client is in Go, too
        for scenario, workers in WORKERS.items():
            for server in (gateway(), GO_GRPC, NODE_GRPC):
                yield Run(scenario, server.name, lambda s=server, w=workers: work(s, w))  # type: ignore[misc]
    yield _delivery("L", gateway("gateway, single events", protocol="socketio"), STEADY)
    yield _delivery("L", gateway("gateway, batches", protocol="socketio-batch"), STEADY)
    yield _delivery("L", NODE_SOCKET_IO, STEADY)


def _delivery(scenario: str, server: Server, load: Load, *, lines_read: int | None = None) -> Run:
    async def measure() -> Figures:
        return delivery_figures(await deliver(server, load, lines_read=lines_read))

    return Run(scenario, server.name, measure)


def delivery_figures(delivery: Delivery) -> Figures:
    """What the tables show of a delivery."""
    return {
        "cpu_s_per_million": delivery.cpu_seconds_per_million,
        "lines_per_s": delivery.lines_per_second,
        "p50_ms": delivery.p50_ms,
        "p99_ms": delivery.p99_ms,
        "memory_mib": delivery.memory_peak_bytes / 2**20,
        "bytes_per_line": delivery.bytes / max(1, delivery.received),
        "lost": delivery.lost,
        "disturbed": delivery.is_disturbed,
    }


async def _filters(filters: int, readers: int) -> Figures:
    """Different filters, each of which lets a tenth of the lines through."""
    load = Load(tasks=filters, readers=readers, lines=10_000)
    server = gateway(path="/api/v1/log-streaming/logs/bench-0/stream?keywords=t%02d")
    published = Load(lines=load.lines, publish_options=("--tags",))
    async with server.start(load) as running:
        streams = await subscribe(running, load, lines=load.lines // 10)
        cpu = cpu_seconds(running.pid)
        arrived = await publish_and_read(running, published, streams)
        cpu = cpu_seconds(running.pid) - cpu
    return {
        "cpu_us_per_line": cpu / load.lines * 1e6,
        "lost": load.connections * load.lines // 10 - arrived["received"],
        "disturbed": False,
    }


async def _intake(batch: int) -> Figures:
    """Eight producers as fast as they are taken, then at half of that."""
    fastest = await take_in("native", lines=800_000, batch=batch, producers=8)
    half = fastest.lines_per_second / 2
    paced = await take_in("native", lines=int(half * 5), batch=batch, producers=8, rate=int(half))
    return {
        "cpu_s_per_million": fastest.cpu_seconds_per_million,
        "lines_per_s": fastest.lines_per_second,
        "ack_p50_ms": paced.ack_p50_ms,
        "ack_max_ms": paced.ack_max_ms,
        "lost": 0,
        "disturbed": fastest.is_disturbed,
    }


async def _otto_wire(server: Server, streams: int) -> Figures:
    """One line a message, an answer for each."""
    lines = 20_000 // streams * streams
    async with server.start(Load(lines=lines, readers=0)) as running:
        cpu = cpu_seconds(running.pid)
        options = ("--wire", "otto", "--lines", lines // streams, "--streams", streams)
        sent = await run_module("benchmarks.producer", running.grpc_address, *options)
        cpu = cpu_seconds(running.pid) - cpu
    return {
        "cpu_s_per_million": cpu / lines * 1e6,
        "lines_per_s": lines / sent["seconds"],
        "lost": 0,
        "disturbed": False,
    }


async def _idle(server: Server) -> Figures:
    """What open streams cost that nothing is sent to."""
    async with server.start(IDLE) as running:
        await asyncio.sleep(0.5)
        before = memory_now_bytes(running.pid)
        streams = await subscribe(running, IDLE)
        await asyncio.sleep(1)
        used = memory_now_bytes(running.pid) - before
        await streams.stop()
    return {"kib_per_reader": used / 1024 / IDLE.connections, "lost": 0, "disturbed": False}


async def _resume() -> Figures:
    """A long task read from its start and from near its end; then again, beside live readers of another task."""
    load = Load(readers=1, lines=RESUMED_LINES, batch=1_000)
    async with gateway().start(Load(readers=200, lines=1)) as running:
        await running.publish(load)
        await running.settle()
        first_ms, _ = await _first_line(running.port, STREAM_PATH % 0)
        tail_first_ms, tail_all_ms = await _first_line(running.port, STREAM_PATH % 0 + "?tail=1000", lines=1_000)
        resumed = await (await subscribe(running, load)).result()
        figures: Figures = {
            "first_line_ms": first_ms,
            "lines_per_s": resumed["received"] / ((resumed["last_ns"] - resumed["first_ns"]) / 1e9),
            "tail_first_ms": tail_first_ms,
            "tail_all_ms": tail_all_ms,
            "lost": RESUMED_LINES - resumed["received"] + resumed["disorders"],
            "disturbed": False,
        }
        figures["live_p99_ms"] = await _live_p99_ms(running, "live-")
        resumes = asyncio.create_task(_resume_again_and_again(running, load))
        figures["live_p99_beside_resume_ms"] = await _live_p99_ms(running, "beside-")
        resumes.cancel()
        await asyncio.wait([resumes])
    return figures


async def _live_p99_ms(running: Running, prefix: str) -> float:
    load = Load(readers=100, lines=5_000, rate=1_000, sample_every=1, publish_options=("--prefix", prefix))
    streams = await subscribe(replace(running, path=STREAM_PATH.replace("bench-", prefix)), load)
    arrived = await publish_and_read(running, load, streams)
    return float(arrived["p99_ms"])


async def publish_and_read(running: Running, load: Load, streams: Subscribers) -> dict[str, Any]:
    """Publish, and return what the load client says at its end."""
    publishing = asyncio.ensure_future(running.publish(load))
    arrived = await streams.result()
    await publishing
    return arrived


async def _resume_again_and_again(running: Running, load: Load) -> None:
    while True:
        streams = await subscribe(running, load)
        try:
            await streams.result()
        finally:
            await streams.stop()


async def _first_line(port: int, path: str, *, lines: int = 1) -> tuple[float, float]:
    """Milliseconds from the connection's start to the first line, and to the last of ``lines``."""
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    found, first = 0, 0.0
    left = b""
    while found < lines:
        data = left + await reader.read(1 << 20)
        found += data.count(b"\ndata: ")
        left = data[-6:]
        first = first or (time.perf_counter() if found else 0.0)
    writer.close()
    return (first - started) * 1e3, (time.perf_counter() - started) * 1e3


async def measure(rounds: int, only: str, into: Path) -> None:
    """Run everything; rounds are outermost, so that whatever drifts hits every server alike."""
    with tempfile.TemporaryDirectory(prefix="otto-bench-text-") as folder:
        text = Path(folder) / "build.txt"
        text.write_text("\n".join(line.message for line in build_output(20_000, Path(folder))))
        for number in range(rounds):
            for run in runs(text):
                if _is_wanted(run.scenario, only):
                    await _keep(run, number, into)


def _is_wanted(scenario: str, only: str) -> bool:
    return not only or any(scenario.startswith(letter) for letter in only.split(","))


def _forget(results: Path, only: str) -> None:
    """Drop the runs of what is measured anew: medians are of one version, and of one way to measure."""
    if results.exists():
        rows = results.read_text().splitlines(keepends=True)
        results.write_text("".join(row for row in rows if not _is_wanted(json.loads(row)["scenario"], only)))


async def _keep(run: Run, number: int, into: Path) -> None:
    for attempt in range(ATTEMPTS):
        await machine_is_quiet()
        figures = await run.measure()
        if not figures["disturbed"] or attempt == ATTEMPTS - 1:
            break
    row = Row(run.scenario, run.subject, number, figures)
    with into.open("a") as results:
        results.write(json.dumps(row.document()) + "\n")
    shown = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items() if name != "disturbed")
    print(f"{time.strftime('%H:%M:%S')} {run.scenario:2} {run.subject:26} {shown}", flush=True)


def main() -> None:
    """Compile, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="scenarios, e.g. A,D,G")
    parser.add_argument("--report", action="store_true", help="do not measure, only write tables and plots")
    options = parser.parse_args()
    results = DOCUMENTS / "results.jsonl"
    if not options.report:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
        native_programs.build()
        if absent := go_programs.why_missing():
            print(f"without Go's load client and server, for {', '.join(WORKERS)}: not installed: {absent}")
        else:
            go_programs.build()
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
            cwd=Path(__file__).with_name("peers"),
            check=True,
        )
        are_peers_wanted = any(_is_wanted(scenario, options.only) for scenario in (*FASTEST, "D", "J"))
        peers = (NCHAN, NODE_SSE, REDIS, NATS) if are_peers_wanted else ()
        missing = [server.name for server in peers if not server.is_installed]
        if missing:
            raise SystemExit(f"not installed: {', '.join(missing)}; see benchmarks/README.md")
        DOCUMENTS.mkdir(exist_ok=True)
        _forget(results, options.only)
        asyncio.run(measure(options.rounds, options.only, results))
    write_report(results)


if __name__ == "__main__":
    main()
