"""The real ``otto-gateway serve`` as a process of its own, to be killed, restarted and asked."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.support.forked_process import ForkedProcess
from tests.support.ports import free_port
from tests.support.waiting import WAIT_SECONDS_MAX, time_limit

__all__ = ["GatewayProcess", "gateways_together", "running_gateway"]

POLL_SECONDS = 0.02
_READ_BEFORE_OUR_CODE = ("GLIBC_", "GRPC_", "LD_", "MALLOC_", "PYTHON", "TZ")
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "MONOTONIC_SHIFT", "MONOTONIC_STARTS_AT")


class GatewayProcess:
    """A gateway with its own directory, database and ports; the ports stay the same over restarts.

    Args:
        directory: for the database, the log and as working directory.
        is_forked: start it from a process that has imported it already; else the installed command is executed, for
            tests of the start itself. A setting that is read before any of our code, such as LD_PRELOAD, does the same.
        arguments: of ``serve``.
        environment: settings on top of the defaults, e.g. ``JWT_SECRET="…"``; None removes one.
    """

    def __init__(
        self, directory: Path, *, is_forked: bool = True, arguments: Sequence[str] = (), **environment: str | None
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.database = directory / "otto.db"
        self.log_path = directory / "gateway.log"
        self.host = "127.0.0.1"
        self.http_port = free_port()
        self.websocket_port = free_port()
        self.grpc_port = free_port()
        settings: dict[str, str | None] = {
            "HOST": self.host,
            "HTTP_PORT": str(self.http_port),
            "WEBSOCKET_PORT": str(self.websocket_port),
            "GRPC_PORT": str(self.grpc_port),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "DISK_RESERVE_BYTES": "0",
            **environment,
        }
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self.environment = inherited | {name: value for name, value in settings.items() if value is not None}
        self._arguments = ("serve", *arguments)
        self.command: Sequence[str | Path] | None = None
        """What is executed; None: it is forked."""
        if not is_forked or any(name.startswith(_READ_BEFORE_OUR_CODE) for name in environment):
            self.command = (Path(sys.executable).with_name("otto-gateway"), *self._arguments)
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    def __repr__(self) -> str:
        state = f"pid {self.pid}" if self.is_running else "stopped"
        return f"<GatewayProcess {self.url} {state}>"

    @property
    def url(self) -> str:
        """Where HTTP is, without a slash at the end."""
        return f"http://{self.host}:{self.http_port}"

    @property
    def websocket_url(self) -> str:
        """Where Socket.IO is, without a slash at the end."""
        return f"http://{self.host}:{self.websocket_port}"

    @property
    def grpc_address(self) -> str:
        """Where producers connect to."""
        return f"{self.host}:{self.grpc_port}"

    @property
    def pid(self) -> int:
        """The process id of the running gateway."""
        if self._process is None:
            raise RuntimeError("the gateway was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Everything the gateway has written to stdout and stderr, over all its lives."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stream_url(self, task_id: str, query: str = "") -> str:
        """The SSE endpoint of a task."""
        return f"{self.url}/api/v1/log-streaming/logs/{task_id}/stream{'?' if query else ''}{query}"

    async def start(self) -> None:
        """Start it and return once its health page says that it is healthy."""
        self.spawn()
        await self.wait_healthy()

    def spawn(self) -> None:
        """Start the process and do not wait for it."""
        if self.is_running:
            raise RuntimeError(f"{self} is running")
        if self.command is None:
            self._process = ForkedProcess(
                self._arguments, directory=self.directory, environment=self.environment, log=self.log_path
            )
            return
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def wait_healthy(self) -> dict[str, Any]:
        """Return the health page once it answers with 200."""
        async with time_limit(f"{self} is healthy", shown=self.log), httpx2.AsyncClient() as client:
            while True:
                if not self.is_running:
                    raise RuntimeError(f"the gateway ended at its start:\n{self.log()}")
                if self._is_listening():
                    with contextlib.suppress(httpx2.TransportError):
                        answer = await client.get(f"{self.url}/api/v1/log-streaming/health")
                        if answer.status_code == httpx2.codes.OK:
                            page: dict[str, Any] = answer.json()
                            return page
                await asyncio.sleep(POLL_SECONDS)

    def _is_listening(self) -> bool:
        """Whether something accepts connections on the HTTP port; far cheaper than a request that is refused."""
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.http_port)) == 0

    async def metrics(self) -> dict[str, float]:
        """Its metrics as Prometheus reads them, each under its name with its labels."""
        async with httpx2.AsyncClient() as client:
            text = (await client.get(f"{self.url}/metrics")).text
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal, if there is one."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def restart(self) -> None:
        """SIGKILL and start again on the same ports and database."""
        self.kill()
        await self.start()

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGTERM)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.ask_to_stop()
        return await self.ended()

    async def ended(self) -> int:
        """Wait for the end of the process; its exit code."""
        return 0 if self._process is None else await asyncio.to_thread(self._process.wait, WAIT_SECONDS_MAX)


@contextlib.asynccontextmanager
async def gateways_together(
    directory: Path, url: str, **environment: str | None
) -> AsyncIterator[list[GatewayProcess]]:
    """Two started gateways, ``a`` and ``b``, on one PostgreSQL."""
    both = [GatewayProcess(directory / name, DATABASE_URL=url, **environment) for name in ("a", "b")]
    try:
        await asyncio.gather(*(gateway.start() for gateway in both))
        yield both
    finally:
        for gateway in both:
            gateway.kill()


@contextlib.asynccontextmanager
async def running_gateway(
    directory: Path, *, is_forked: bool = True, **environment: str | None
) -> AsyncIterator[GatewayProcess]:
    """A started gateway that is gone afterwards, whatever happened; its log is printed for a test that fails."""
    gateway = GatewayProcess(directory, is_forked=is_forked, **environment)
    try:
        await gateway.start()
        yield gateway
    except BaseException:
        print(f"--- log of {gateway}\n{gateway.log()[-20_000:]}")
        raise
    finally:
        gateway.kill()
