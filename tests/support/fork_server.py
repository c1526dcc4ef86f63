"""The fork server: a process that has imported our programs and started nothing; see ``forked_process``.

Each connection has one request: a JSON object and the descriptors for stdin, stdout and stderr. The answers are the
process id and, at the end, the exit code. Whoever closes the connection before kills the process.
"""

import atexit
import contextlib
import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
from importlib import import_module
from typing import NoReturn

__all__ = ["NUMBER"]

NUMBER = struct.Struct("=i")
"""A process id or an exit code as it is sent."""

_REQUEST_BYTES_MAX = 1 << 20
_PACKAGES = ("gateway.commands", "canary", "otto_logs._commands")
_MODULES = (
    "components.automation.producer_destination",
    "storage.sqlite.upgrade",
    "grpc.experimental",
    "httpx2",
    "httpcore2",
)
_OPTIONAL = ("uvloop", "httptools", "uvicorn.protocols.http.httptools_impl")


def _import_programs() -> None:
    from gateway.commands.main import without_painters

    with without_painters():
        for name in _PACKAGES:
            package = import_module(name)
            for module in pkgutil.walk_packages(package.__path__, f"{name}."):
                import_module(module.name)
        for name in _MODULES:
            import_module(name)
        for name in _OPTIONAL:
            with contextlib.suppress(ImportError):
                import_module(name)


def _serve(listener: socket.socket) -> None:
    """Fork for each request, until stdin ends."""
    _import_programs()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C means the tests
    gc.freeze()
    running: dict[int, tuple[int, socket.socket]] = {}  # a pidfd, and whom it belongs to
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    pid = _fork(connection)
                    ended = os.pidfd_open(pid)
                    running[ended] = pid, connection
                    selector.register(ended, selectors.EVENT_READ)
                    selector.register(connection, selectors.EVENT_READ, pid)
                elif key.data:  # nobody waits for it any more
                    selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)
                elif key.fd in running:
                    pid, connection = running.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    with contextlib.suppress(KeyError):
                        selector.unregister(connection)
                    with connection, contextlib.suppress(OSError):
                        connection.send(NUMBER.pack(code))
                else:  # the tests are gone, and nobody else would end what they started
                    for pid, _ in running.values():
                        os.kill(pid, signal.SIGKILL)
                    return


def _fork(connection: socket.socket) -> int:
    request, descriptors, *_ = socket.recv_fds(connection, _REQUEST_BYTES_MAX, 3)
    pid = os.fork()
    if pid == 0:
        _become(descriptors, **json.loads(request))
    for descriptor in descriptors:
        os.close(descriptor)
    connection.send(NUMBER.pack(pid))
    return pid


def _become(descriptors: list[int], arguments: list[str], directory: str, environment: dict[str, str]) -> NoReturn:
    """Run ``python ARGUMENTS`` in place of the fork server, and end as Python does."""
    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 1 + max(map(int, os.listdir("/proc/self/fd"))))
    for name, number in (("stdout", 1), ("stderr", 2)):  # buffered as Python does it for what they are now
        old = getattr(sys, name)
        buffering = 1 if number == 2 or os.isatty(number) else -1
        setattr(sys, name, os.fdopen(number, "w", buffering, old.encoding, old.errors))
    code = 1
    try:
        _run(*arguments)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it is, Python would print it and end
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing ends its forks
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _run(first: str, *rest: str) -> None:
    if first == "-m":
        sys.argv = list(rest)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
