"""The gateway as a child of the demonstration."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import httpx2

__all__ = ["GatewayError", "GatewayProcess"]

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.1


class GatewayError(Exception):
    """The gateway did not start; the text is what it said itself."""


class GatewayProcess:
    """``otto-gateway serve`` with its journal and its log in one directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "gateway.log"
        self.http_port = _port("HTTP_PORT", 4000)
        self.grpc_port = _port("GRPC_PORT", 9090)
        places = {"DATABASE_URL": f"sqlite:///{directory / 'otto.db'}", "TASKS_DIR": str(directory / "tasks")}
        environment = {**places, **os.environ}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [str(Path(sys.executable).parent / "otto-gateway"), "serve"],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us: what still streams is stopped first
            )

    def __repr__(self) -> str:
        return f"<GatewayProcess {self._process.pid} {self.url}>"

    @property
    def url(self) -> str:
        """The page."""
        return f"http://127.0.0.1:{self.http_port}/"

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def wait_healthy(self, stop: Event) -> None:
        """Return once the health page says so, or ``stop`` is set.

        Raises:
            GatewayError: it ended, or took too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        with httpx2.Client(timeout=2, trust_env=False) as client:
            while not stop.is_set():
                if self.has_ended:
                    raise GatewayError(self.last_words())
                if self._is_healthy(client) and not self.has_ended:
                    return
                if time.monotonic() > deadline:
                    raise GatewayError(f"the gateway is not healthy after {_START_SECONDS:g} s; see {self.log}")
                stop.wait(_POLL_SECONDS)

    def _is_healthy(self, client: httpx2.Client) -> bool:
        try:
            return client.get(f"{self.url}api/v1/log-streaming/health").status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def last_words(self) -> str:
        """The last line that the gateway wrote."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].removeprefix("otto-gateway: ") if lines else "the gateway ended without a word"

    def stop(self) -> None:
        """End it in order, or by force when that takes too long."""
        if self.has_ended:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise GatewayError(f"{name} must be a port from 1 to 65535, not {text!r}")
    return int(text)
