"""A command as a child process: its output as it comes, its end, and the signals meant for it."""

import contextlib
import errno
import fcntl
import os
import selectors
import shutil
import signal
import struct
import subprocess
import termios
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
_COLUMNS, _ROWS = 120, 40
"""Of a command's terminal where we have none."""
_OUTPUT_MODES: Final = 1
"""Their place in what ``tcgetattr`` gives."""
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)


class Child:
    """Runs a command with pipes for its output; as a context manager it also forwards signals.

    A signal that comes after the command has ended is meant for this program, and raises ``KeyboardInterrupt``.

    Args:
        arguments: the command.
        environment: its variables.
        has_terminal: its output goes to two pseudo-terminals in the place of pipes, so that it writes as to a screen.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], *, has_terminal: bool = False) -> None:
        ends = {source: pseudo_terminal() if has_terminal else os.pipe() for source in Source}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running what the caller names is the purpose
                arguments, stdout=ends[Source.STDOUT][1], stderr=ends[Source.STDERR][1], env=environment
            )
        except BaseException:
            for read, _ in ends.values():
                os.close(read)
            raise
        finally:
            for _, write in ends.values():
                os.close(write)
        self._pipes = {source: open(read, "rb", buffering=0) for source, (read, _) in ends.items()}  # noqa: PTH123, SIM115
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
        for pipe in self._pipes.values():
            pipe.close()

    def output(self) -> Iterator[tuple[Source, bytes]]:
        """What the command writes, in the order of arrival, until both pipes are closed.

        Programs that it left in the background may hold the pipes open: once the command itself has ended, half a
        second of silence, or five seconds in all, end it too.
        """
        with selectors.DefaultSelector() as selector:
            for source, pipe in self._pipes.items():
                selector.register(pipe, selectors.EVENT_READ, source)
            selector.register(self._wake_read, selectors.EVENT_READ, None)
            open_pipes = len(self._pipes)
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
                    data = _read(key.fd)
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
        # Not closed here, because the selector still knows its descriptor: what takes its place reads as its end.
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, self._pipes[source].fileno())
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


def pseudo_terminal() -> tuple[int, int]:
    """A new terminal of the size of ours that changes nothing of what is written to it: our end, and the command's."""
    read, write = os.openpty()
    modes = termios.tcgetattr(write)
    modes[_OUTPUT_MODES] &= ~termios.OPOST  # else each line would end with a carriage return as well
    termios.tcsetattr(write, termios.TCSANOW, modes)
    size = shutil.get_terminal_size((_COLUMNS, _ROWS))
    fcntl.ioctl(write, termios.TIOCSWINSZ, struct.pack("HHHH", size.lines, size.columns, 0, 0))
    return read, write


def _read(descriptor: int) -> bytes:
    """What there is; nothing at the end. That of a pseudo-terminal is an error on Linux."""
    try:
        return os.read(descriptor, _READ_BYTES)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


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
