"""What is measured: the gateway, and the servers that it is compared with, started the same way."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import go_programs
from benchmarks.native_programs import BUILD
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port

__all__ = [
    "GO_GRPC",
    "NATS",
    "NCHAN",
    "NODE_GRPC",
    "NODE_SOCKET_IO",
    "NODE_SSE",
    "REDIS",
    "Load",
    "Running",
    "Server",
    "bare_grpc",
    "gateway",
    "raw",
]

PEERS = Path(__file__).with_name("peers")
SECONDS_MAX = 60.0
STREAM_PATH = "/api/v1/log-streaming/logs/bench-%d/stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The same work for every server.

    Attributes:
        tasks: tasks that lines are published to in turn.
        readers: subscribers of each task.
        lines: lines of each task.
        rate: lines a second over all tasks; 0 for as fast as they are taken.
        batch: lines a message, where the wire has batches and there is no rate.
        sample_every: the age of one line in so many is kept.
        publish_options: more for ``benchmarks.producer``; for the gateway only.
    """

    tasks: int = 1
    readers: int = 100
    lines: int
    rate: int = 0
    batch: int = 100
    sample_every: int = 20
    publish_options: tuple[str, ...] = ()

    @property
    def connections(self) -> int:
        """Subscribers in all."""
        return self.tasks * self.readers


async def _nothing() -> None:
    pass


@dataclass(slots=True)
class Running:
    """A server that is up: where to subscribe, and how to publish to it."""

    pid: int
    port: int
    publish: Callable[[Load], Awaitable[dict[str, Any]]]
    protocol: str = "sse"
    path: str = ""
    header: str = ""
    settle: Callable[[], Awaitable[None]] = _nothing
    """Waits until the server has done all the work that the lines are for it."""
    gateway: GatewayProcess | None = None
    grpc_address: str = ""
    """Where it takes Otto's wire."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server by its name in the tables."""

    name: str
    start: Callable[[Load], contextlib.AbstractAsyncContextManager[Running]] = field(repr=False)
    program: str = ""
    """What has to be installed for it."""

    @property
    def is_installed(self) -> bool:
        """Whether it can be started here."""
        return not self.program or shutil.which(self.program) is not None


def gateway(
    name: str = "gateway",
    *,
    protocol: str = "sse",
    header: str = "",
    path: str = STREAM_PATH,
    command: Sequence[str] = (),
    has_sink: bool = True,
    **settings: str,
) -> Server:
    """``otto-gateway serve`` with its defaults, or another command, a new process and a new database for each run."""

    @contextlib.asynccontextmanager
    async def start(load: Load) -> AsyncIterator[Running]:
        limits = {"LOG_LEVEL": "WARNING", "MAX_CONNECTIONS": str(max(1000, 2 * load.connections))}
        with tempfile.TemporaryDirectory(prefix="otto-bench-") as directory:
            process = GatewayProcess(Path(directory), **limits, **settings)
            process.command = command or process.command
            try:
                await process.start()

                async def publish(load: Load) -> dict[str, Any]:
                    options = ("--lines", load.lines, "--tasks", load.tasks, "--rate", load.rate, "--batch", load.batch)
                    return await run_module(
                        "benchmarks.producer", process.grpc_address, *options, *load.publish_options
                    )

                async def settle() -> None:
                    if has_sink:
                        await wait_for_rows(process.database, load.lines * load.tasks)

                port = process.http_port if protocol == "sse" else process.websocket_port
                yield Running(process.pid, port, publish, protocol, path, header, settle, process, process.grpc_address)
            except BaseException:
                print(process.log()[-20_000:], file=sys.stderr)
                raise
            finally:
                process.kill()

    return Server(name, start)


def raw(lines_per_write: int) -> Server:
    """The machine's own limit: the same events, written by a C program that does nothing else."""

    @contextlib.asynccontextmanager
    async def start(load: Load) -> AsyncIterator[Running]:
        port = free_port()
        arguments = (port, load.connections, load.lines, lines_per_write, load.rate)
        process = await asyncio.create_subprocess_exec(
            BUILD / "writer", *map(str, arguments), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert process.stdin is not None
        stdin = process.stdin

        async def publish(_: Load) -> dict[str, Any]:
            stdin.write(b"go\n")
            await stdin.drain()
            return {"cpu_seconds": 0.0, "seconds": 0.0}

        try:
            await _wait_for_port(port, process)
            yield Running(process.pid, port, publish, path="/%d")
        finally:
            stdin.close()  # it stays until then, so that its CPU time can be read
            await process.wait()

    return Server(f"C, {lines_per_write} line{'s' if lines_per_write > 1 else ''} a write", start, "gcc")


def bare_grpc() -> Server:
    """What grpcio costs by itself: it answers each message of Otto's wire, and that is all."""

    @contextlib.asynccontextmanager
    async def start(_: Load) -> AsyncIterator[Running]:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.peers.bare_grpc", str(port), stdout=subprocess.DEVNULL
        )
        try:
            await _wait_for_port(port, process)
            address = f"127.0.0.1:{port}"
            publish = lambda _: run_module("benchmarks.producer", address)  # noqa: E731
            yield Running(process.pid, port, publish, grpc_address=address)
        finally:
            process.kill()
            await process.wait()

    return Server("bare grpcio", start)


def _peer(
    name: str,
    program: str,
    command: Callable[[int, Path], Sequence[str]],
    *,
    publisher: str,
    publisher_port: int = 0,
    protocol: str = "sse",
    path: str = "/bench-%d",
) -> Server:
    @contextlib.asynccontextmanager
    async def start(_: Load) -> AsyncIterator[Running]:
        port = free_port()
        with tempfile.TemporaryDirectory(prefix="otto-bench-peer-") as directory:
            folder = Path(directory)
            folder.chmod(0o755)
            with (folder / "log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *command(port, folder), stdout=log, stderr=log, cwd=PEERS
                )

            async def publish(load: Load) -> dict[str, Any]:
                options = ("--lines", load.lines, "--tasks", load.tasks, "--rate", load.rate)
                return await run_module("benchmarks.peers.publisher", publisher, port + publisher_port, *options)

            try:
                await _wait_for_port(port, process)
                yield Running(process.pid, port, publish, protocol, path, grpc_address=f"127.0.0.1:{port + 1}")
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()

    return Server(name, start, program)


def _nginx(port: int, folder: Path) -> Sequence[str]:
    text = (PEERS / "nginx.conf").read_text().replace("@PORT@", str(port)).replace("@DIRECTORY@", str(folder))
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def _redis(port: int, folder: Path) -> Sequence[str]:
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", "12000"]
    unlimited = ["--client-output-buffer-limit", "pubsub 0 0 0"]
    return ["redis-server", "--port", str(port), "--dir", str(folder), *options, *unlimited]


def _nats(port: int, folder: Path) -> Sequence[str]:
    (folder / "nats.conf").write_text(f'host: 127.0.0.1\nport: {port}\nmax_pending: 2GB\nwrite_deadline: "60s"\n')
    return ["nats-server", "-c", str(folder / "nats.conf")]


NCHAN = _peer("nchan (nginx, C)", "nginx", _nginx, publisher="http", path="/subscribe/bench-%d")
NODE_SSE = _peer(
    "Node, SSE", "node", lambda port, _: ["node", "sse.mjs", str(port)], publisher="json", publisher_port=1
)
NODE_SOCKET_IO = _peer(
    "Node, Socket.IO",
    "node",
    lambda port, _: ["node", "socket_io.mjs", str(port)],
    publisher="json",
    publisher_port=1,
    protocol="socketio",
)
REDIS = _peer("Redis, bare broker", "redis-server", _redis, publisher="redis", protocol="redis")
NODE_GRPC = _peer(
    "Node, grpc-js, in memory",
    "node",
    lambda port, _: ["node", "otto_wire.mjs", str(port + 1), str(port)],
    publisher="",
)
GO_GRPC = _peer(
    "Go, grpc-go, in memory",
    "go",
    lambda port, _: [str(go_programs.SERVER), "-grpc", f"127.0.0.1:{port + 1}", "-http", f"127.0.0.1:{port}"],
    publisher="",
)
NATS = _peer("NATS, bare broker", "nats-server", _nats, publisher="nats", protocol="nats")


async def run_module(module: str, *arguments: object) -> dict[str, Any]:
    """Run ``python -m module`` and return the JSON object that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *map(str, arguments), stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} failed")
    result: dict[str, Any] = json.loads(output)
    return result


async def wait_for_rows(database: Path, lines: int) -> None:
    """Return once every line is in ``job_logs``: the work of copying it is part of what a line costs the server."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        async with asyncio.timeout(SECONDS_MAX):
            while connection.execute("SELECT coalesce(max(id), 0) FROM job_logs").fetchone()[0] < lines:
                await asyncio.sleep(0.05)


async def _wait_for_port(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(10):
        while True:
            if process.returncode is not None:
                raise RuntimeError("the server did not start")
            try:
                _, probe = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            probe.close()
            return
