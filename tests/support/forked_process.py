"""Our programs without the second that their imports take: forked from a process that has done them.

One such process, ``fork_server``, belongs to each process of the tests. What it forks has its own session.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.fork_server import NUMBER

__all__ = ["KILL", "OTTO_GATEWAY", "ForkedProcess", "forked"]

KILL = signal.SIGUSR1
"""What a process of ``forked`` passes on as SIGKILL, to all of its session that has no other group."""

OTTO_GATEWAY = Path(sys.executable).with_name("otto-gateway")
_LAUNCHER = Path(__file__).with_name("fork_launcher.py")


def forked(*arguments: str | Path) -> tuple[str, ...]:
    """A command that does what ``python ARGUMENTS`` does for a twentieth of the CPU; for everything that executes one.

    Its process passes on streams, signals and the exit code; to kill the program, send ``KILL``.
    """
    return (sys.executable, "-I", "-S", str(_LAUNCHER), _fork_server(), *map(str, arguments))


class ForkedProcess:
    """As much of ``subprocess.Popen`` as a gateway needs; ``pid`` is the program's own.

    Args:
        arguments: of ``otto-gateway``.
        directory: its working directory.
        environment: all of it.
        log: where its output is appended.
    """

    def __init__(self, arguments: Sequence[str], *, directory: Path, environment: Mapping[str, str], log: Path) -> None:
        request = {
            "arguments": [str(OTTO_GATEWAY), *arguments],
            "directory": str(directory),
            "environment": dict(environment),
        }
        self._reports = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reports.connect(f"\0{_fork_server()}")
        with log.open("ab") as output, Path(os.devnull).open("rb") as nothing:
            descriptors = [nothing.fileno(), output.fileno(), output.fileno()]
            socket.send_fds(self._reports, [json.dumps(request).encode()], descriptors)
        (self.pid,) = NUMBER.unpack(self._reports.recv(NUMBER.size))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None as long as it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code.

        Raises:
            subprocess.TimeoutExpired: it has not ended within ``timeout`` seconds.
        """
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("otto-gateway", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and the server has not said so yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _wait(self, seconds: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        reports = select.poll()
        reports.register(self._reports, select.POLLIN)
        if reports.poll(None if seconds is None else seconds * 1000):
            report = self._reports.recv(NUMBER.size)
            self._reports.close()
            self.returncode = NUMBER.unpack(report)[0] if report else -signal.SIGKILL  # the server is gone
        return self.returncode


@functools.cache
def _fork_server() -> str:
    """Start it; the name of its socket, in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("")  # the system gives it a name
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", str(listener.fileno())],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},  # as `otto-gateway` has it before it imports gRPC
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
        name: bytes = listener.getsockname()
    atexit.register(process.communicate)  # closes its stdin, which ends it
    return name[1:].decode()
