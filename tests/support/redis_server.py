"""A Redis of the tests' own, on a port that stays the same over restarts."""

import signal
import subprocess
from pathlib import Path

from tests.support.ports import free_port
from tests.support.programs import program
from tests.support.waiting import WAIT_SECONDS_MAX

__all__ = ["RedisServer"]


class RedisServer:
    """Started by ``start``; nothing of it is on the disk."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<RedisServer port={self.port}>"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; it takes connections soon after."""
        self._process = subprocess.Popen(
            [
                program("redis-server"),
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--loglevel",
                "warning",
            ],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """End it at once; idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(WAIT_SECONDS_MAX)
