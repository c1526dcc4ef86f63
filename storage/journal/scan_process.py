"""Scans in processes of their own: what reads megabytes and finds little shares no lock of Python with the live path.

A line takes that lock some ten times on its way, and each time waits for a scanning thread to give it up: a third of a
millisecond, however short the switch interval is. A process is started once scans have taken a while; until it is
ready, where it cannot be started, and where something goes wrong in it, scans are done in the thread that asks.
"""

import contextlib
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final

from storage.journal.chunks import ChunkDamagedError
from storage.journal.queries import Queries
from storage.journal.reader import Reader

__all__ = ["FROM_SECONDS", "PAUSE_SECONDS", "ScanProcesses", "serve"]

_log = logging.getLogger(__name__)

FROM_SECONDS: Final = 0.05
_APART_SECONDS: Final = 1.0
"""Scans in threads, less than a second apart, before the first process is started: a short one now and then needs
none."""

_START_SECONDS_MAX: Final = 2.0
"""How long a scan waits for a process that is starting; it takes a third of a second on a quiet machine."""

PAUSE_SECONDS: Final = 30.0
"""After a process has ended or could not be started, there is none for so long."""

_NICENESS: Final = 5
"""Where there are fewer processors than work, the live path goes first; also before what the process imports."""

_PROGRAM: Final = f"import os; os.nice({_NICENESS}); from {__name__} import serve; serve()"


class ScanProcesses:
    """Runs methods of a ``Reader`` elsewhere; may be used by several threads at once, each has a process then.

    Args:
        reader: does what is not done elsewhere, and takes note of damage.
        connect: opens the queries of a process; can be pickled. None: everything is done here.
    """

    def __init__(self, reader: Reader, connect: Callable[[], Queries] | None) -> None:
        self._reader = reader
        self._connect = connect
        self._guard = threading.Lock()
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._seconds = 0.0
        self._scanned_at = -math.inf
        self._not_before = -math.inf if connect is not None else math.inf
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<ScanProcesses {len(self._all)}>"

    @property
    def pids(self) -> Sequence[int]:
        """The processes that there are."""
        with self._guard:
            return [process.pid for process in self._all]

    def run(self, name: str, *arguments: object) -> Any:
        """The result of a method of the reader; raises what it raises. Blocks."""
        process = self._take()
        if process is not None:
            try:
                answer = process.ask(name, arguments)
            except (EOFError, OSError):
                self._drop(process)
            else:
                self._give_back(process)
                if answer is not None:
                    result, damaged = answer
                    for place in damaged:
                        self._reader.note(ChunkDamagedError(*place))
                    return result
        started = time.monotonic()
        if started - self._scanned_at > _APART_SECONDS:
            self._seconds = 0.0
        try:
            return getattr(self._reader, name)(*arguments)
        finally:
            self._scanned_at = time.monotonic()
            self._seconds += self._scanned_at - started

    def close(self) -> None:
        """End the processes; what is asked of them meanwhile is done here. Idempotent."""
        with self._guard:
            self._is_closed = True
            ending, self._all = self._all, set()
            self._idle.clear()
        for process in ending:
            process.end()

    def _take(self) -> "_Process | None":
        """A process that is ready; None if there is none yet."""
        if not self._all and (self._seconds < FROM_SECONDS or time.monotonic() < self._not_before):
            return None
        with self._guard:
            process = self._idle.pop() if self._idle else self._start()
        if process is None or process.is_ready or process.wait_ready(_START_SECONDS_MAX):
            return process
        self._give_back(process)
        return None

    def _start(self) -> "_Process | None":
        if self._is_closed or self._connect is None:
            return None
        try:
            process = _Process(self._connect)
        except OSError as error:
            _log.warning("no process for scans", extra={"reason": str(error)})
            self._not_before = time.monotonic() + PAUSE_SECONDS
            return None
        self._all.add(process)
        return process

    def _give_back(self, process: "_Process") -> None:
        with self._guard:
            if process in self._all:
                self._idle.append(process)

    def _drop(self, process: "_Process") -> None:
        with self._guard:
            is_known = process in self._all
            self._all.discard(process)
        if is_known:
            self._not_before = time.monotonic() + PAUSE_SECONDS
            _log.warning("a process for scans has ended", extra={"exitCode": process.end()})


class _Process:
    """One of them; belongs to one thread at a time."""

    def __init__(self, connect: Callable[[], Queries]) -> None:
        self._link, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this module
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # no signal of a terminal
            )
        self.pid = self._process.pid
        self._is_ready = False
        self._link.send(connect)

    @property
    def is_ready(self) -> bool:
        """Whether it answers; one that has ended does: with nothing."""
        if not self._is_ready and self._link.poll():
            with contextlib.suppress(EOFError, OSError):
                self._link.recv()
            self._is_ready = True
        return self._is_ready

    def wait_ready(self, seconds: float) -> bool:
        """Wait until it answers; False if it does not in time."""
        return self._link.poll(seconds) and self.is_ready

    def ask(self, name: str, arguments: Sequence[object]) -> tuple[Any, list[tuple[str, int, int, str]]] | None:
        """The result and the damage found; None if that has to be asked here.

        Raises:
            EOFError: the process has ended.
            OSError: likewise.
        """
        try:
            self._link.send((name, arguments))
        except (AttributeError, TypeError):
            return None  # a filter that cannot be pickled
        answer: tuple[Any, list[tuple[str, int, int, str]]] | None = self._link.recv()
        return answer

    def end(self) -> int:
        """Kill it; its exit code."""
        self._process.kill()
        code = self._process.wait()
        self._link.close()
        return code


class _NotingReader(Reader):
    """Leaves what it finds damaged to the process that asks."""

    def __init__(self, connect: Callable[[], Queries]) -> None:
        super().__init__(connect)
        self.noted: list[tuple[str, int, int, str]] = []

    def note(self, error: ChunkDamagedError) -> None:
        self.noted.append((error.task_id, error.first, error.last, error.reason))


def _serve(link: Connection) -> None:
    """Answer until the other side is gone."""
    reader = _NotingReader(link.recv())
    link.send("ready")
    while True:
        name, arguments = link.recv()
        try:
            answer = getattr(reader, name)(*arguments), reader.noted
        except Exception:  # noqa: BLE001 - the process that asks does it again, and finds out
            answer = None
        link.send(answer)
        reader.noted = []


def serve() -> None:
    """What the process does; it ends with the gateway."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError), Connection(int(sys.argv[1])) as connection:
        _serve(connection)
