"""``otto-gateway`` without the second that its imports take: forked from a process that has done them.

One such process, the fork server, belongs to each process of the tests. It has imported the gateway and started
nothing: no thread, no event loop, no gRPC. For each gateway it forks a watcher, and that one the gateway, which runs
the same command in its own session with its own environment, directory and log; the watcher reports its process id and
how it ended.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

__all__ = ["ForkedProcess"]

_NUMBER = struct.Struct("=i")
_REQUEST_BYTES_MAX = 1 << 20


class ForkedProcess:
    """As much of ``subprocess.Popen`` as a gateway needs.

    Args:
        arguments: of ``otto-gateway``.
        directory: its working directory.
        environment: all of it.
        log: where its output is appended.
    """

    def __init__(self, arguments: Sequence[str], *, directory: Path, environment: Mapping[str, str], log: Path) -> None:
        request = {
            "arguments": list(arguments),
            "directory": str(directory),
            "environment": dict(environment),
            "log": str(log),
        }
        self._reports, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_fork_server(), [json.dumps(request).encode()], [theirs.fileno()])
        (self.pid,) = _NUMBER.unpack(self._reports.recv(_NUMBER.size, socket.MSG_WAITALL))
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
            with contextlib.suppress(ProcessLookupError):  # it has ended, and the watcher has not said so yet
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
            report = self._reports.recv(_NUMBER.size, socket.MSG_WAITALL)
            self._reports.close()
            if not report:  # somebody has killed the watcher
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self.returncode = _NUMBER.unpack(report)[0] if report else -signal.SIGKILL
        return self.returncode


@functools.cache
def _fork_server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_process"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},  # as `otto-gateway` has it before it imports gRPC
            stdin=theirs,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve_forks() -> None:
    """The fork server: fork for each request, until whoever asks is gone."""
    from gateway.commands.main import _without_painters

    with _without_painters():
        for name in ("gateway.commands.serve", "storage.sqlite.upgrade"):
            import_module(name)
        for name in ("uvloop", "httptools", "uvicorn.protocols.http.httptools_impl"):
            with contextlib.suppress(ImportError):
                import_module(name)
    requests = socket.socket(fileno=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C means the tests
    gc.freeze()
    while True:
        request, descriptors, *_ = socket.recv_fds(requests, _REQUEST_BYTES_MAX, 1)
        if not request:
            return
        with contextlib.suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:  # watchers that have ended
                pass
        if os.fork() == 0:
            _watch(json.loads(request), *descriptors)
        os.close(*descriptors)


def _watch(request: dict[str, object], reports: int) -> NoReturn:
    os.setsid()  # what a terminal sends to the tests is not for watchers
    pid = os.fork()
    if pid == 0:
        os.close(reports)
        _become_gateway(**request)  # type: ignore[arg-type]
    os.write(reports, _NUMBER.pack(pid))
    _, status = os.waitpid(pid, 0)
    os.write(reports, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become_gateway(arguments: list[str], directory: str, environment: dict[str, str], log: str) -> NoReturn:
    from gateway.commands.main import main

    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # in place of the requests
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1)
    os.dup2(1, 2)
    sys.argv = ["otto-gateway", *arguments]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - whatever it is, Python would print it and end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve_forks()
