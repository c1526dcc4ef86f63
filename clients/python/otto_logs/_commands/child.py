"""A command as a child process: its output as it comes, its end, and the signals meant for it."""

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Final, Self

from otto_logs._values import Source

__all__ = ["Child"]

_READ_BYTES: Final = 64 * 1024
_QUIET_SECONDS: Final = 0.5
_DRAIN_SECONDS: Final = 5.0
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)


class Child:
    """Runs a command with pipes for its output; as a context manager it also forwards signals.

    A signal that comes after the command has ended is meant for this program, and raises ``KeyboardInterrupt``.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - running what the caller names is the purpose
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, bufsize=0
        )
        self._previous: dict[signal.Signals, object] = {}
        self._wake_read, self._wake_write = os.pipe()
        self._waiter = threading.Thread(target=self._wait, name="otto-logs wait", daemon=True)
        self._waiter.start()

    def __repr__(self) -> str:
        return f"<Child {self._process.pid} returncode={self._process.returncode}>"

    def __enter__(self) -> Self:
        for number in _FORWARDED:
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it came from signal.signal
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def output(self) -> Iterator[tuple[Source, bytes]]:
        """What the command writes, in the order of arrival, until both pipes are closed.

        Programs that it left in the background may hold the pipes open: once the command itself has ended, half a
        second of silence, or five seconds in all, end it too.
        """
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None  # noqa: S101  (both are pipes)
        assert stderr is not None  # noqa: S101
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ, Source.STDOUT)
            selector.register(stderr, selectors.EVENT_READ, Source.STDERR)
            selector.register(self._wake_read, selectors.EVENT_READ, None)
            open_pipes = 2
            ended_at: float | None = None
            while open_pipes:
                ready = selector.select(None if ended_at is None else _QUIET_SECONDS)
                if ended_at is not None and (not ready or time.monotonic() - ended_at > _DRAIN_SECONDS):
                    return
                for key, _ in ready:
                    if key.data is None:
                        selector.unregister(self._wake_read)
                        ended_at = time.monotonic()
                        continue
                    if self._is_closed(key.fileobj):
                        selector.unregister(key.fileobj)
                        open_pipes -= 1
                        continue
                    data = os.read(key.fd, _READ_BYTES)
                    if data:
                        yield key.data, data
                        continue
                    selector.unregister(key.fileobj)
                    open_pipes -= 1

    @staticmethod
    def _is_closed(pipe: object) -> bool:
        return bool(getattr(pipe, "closed", False))

    def close_pipe(self, source: Source) -> None:
        """Nobody reads this output any more: let the command find out as it would without us."""
        pipe = self._process.stdout if source is Source.STDOUT else self._process.stderr
        if pipe is not None:
            # Not closed here, because the selector still knows its descriptor: what takes its place reads as its end.
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, pipe.fileno())
            os.close(null)

    def wait(self) -> int:
        """The command's exit code; 128 plus the number of the signal that killed it."""
        self._waiter.join()
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    @property
    def has_ended(self) -> bool:
        """Whether the command has ended."""
        return self._process.returncode is not None

    def _wait(self) -> None:
        self._process.wait()
        os.close(self._wake_write)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.has_ended:
            raise KeyboardInterrupt
        if number in _FROM_TERMINAL and _terminal_signals_all():
            return  # the terminal has sent it to the command as well
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def _terminal_signals_all() -> bool:
    """Whether this process group has the terminal, which then sends its signals to everyone in the group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
