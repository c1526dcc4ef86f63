"""Asks for ``/healthz/live`` all the time, and a bare server beside it; remembers how long the worst answer took.

Run as ``python -m tests.attacks.probe``, a process of its own that the attack keeps as little waiting as it can. Each
line of its input, ``PORT PID``, prints what was seen since the last one and begins with that gateway.
"""

import asyncio
import contextlib
import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Probe", "Stall", "waited_ns"]

_PAUSE_SECONDS: Final = 0.01
_REQUEST: Final = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Stall:
    """The worst answers of a time, in milliseconds.

    Attributes:
        worst: of the gateway.
        waiting: how much of it the gateway was ready to run and the machine had no processor for it.
        machine: of the bare server.
        answers: of the gateway.
    """

    worst: float = 0.0
    waiting: float = 0.0
    machine: float = 0.0
    answers: int = 0

    @property
    def own(self) -> float:
        """What of the gateway's worst answer is its own."""
        return self.worst - self.waiting


class Probe:
    """The process, as its owner sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def turn_to(self, port: int, pid: int) -> Stall:
        """What was seen so far; from now on it is about this gateway."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"%d %d\n" % (port, pid))
        return Stall(**json.loads(await self._process.stdout.readline()))

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator["Probe"]:
        """Start it, and end it."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, stdin=pipe, stdout=pipe)
        try:
            yield cls(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


class _Asking(threading.Thread):
    """Asks one server until it is stopped."""

    def __init__(self, port: int, pid: int | None) -> None:
        super().__init__(daemon=True)
        self.worst = self.waiting = 0.0
        self.answers = 0
        self._address = ("127.0.0.1", port)
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            with socket.create_connection(self._address, timeout=60) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while not self._stopped.wait(_PAUSE_SECONDS):
                    self._ask(connection)
        except OSError:
            self.worst = math.inf  # it was cut off, or the gateway has ended

    def _ask(self, connection: socket.socket) -> None:
        waited, begun_at = waited_ns(self._pid), time.perf_counter()
        connection.sendall(_REQUEST)
        answer = b""
        while b'"alive"}' not in answer:
            more = connection.recv(4096)
            if not more:
                raise ConnectionError(f"no answer but {answer!r}")
            answer += more
        milliseconds = (time.perf_counter() - begun_at) * 1000
        self.answers += 1
        if milliseconds > self.worst:
            self.worst, self.waiting = milliseconds, min(milliseconds, (waited_ns(self._pid) - waited) / 1e6)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def waited_ns(pid: int | None) -> int:
    """Nanoseconds for which the main thread of a process was ready and had no processor; of None, 0."""
    return 0 if pid is None else int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])


def main() -> None:
    """Read commands until the input ends."""
    bare = subprocess.Popen([sys.executable, "-m", "tests.attacks.bare_server"], stdout=subprocess.PIPE, text=True)
    assert bare.stdout is not None
    machine_port = int(bare.stdout.readline())
    asking: list[_Asking] = []
    for line in sys.stdin:
        for thread in asking:
            thread.stop()
        seen = {}
        if asking:
            gateway, machine = asking
            seen = {"worst": gateway.worst, "waiting": gateway.waiting, "answers": gateway.answers}
            seen["machine"] = machine.worst
        print(json.dumps(seen), flush=True)
        port, pid = map(int, line.split())
        asking = [_Asking(port, pid), _Asking(machine_port, None)]
        for thread in asking:
            thread.start()
    bare.kill()
    bare.wait()


if __name__ == "__main__":
    main()
