"""Shows what is being done and how far it is; what the tools print goes into a file and is shown where one fails."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

__all__ = ["Amount", "Progress", "StepError"]

FIRST_SIGN_SECONDS, BETWEEN_SIGNS_SECONDS_MAX = 5.0, 20.0
LAST_LINE_LENGTH = 60
LAST_LINES = 40
# What pip says of each package and each place that it was asked to look in and that has nothing.
NOISE = re.compile(r"^\s*WARNING: (Location|Skipping|Running pip as|You are using pip)|^\[notice\]|^\s*$")


class StepError(Exception):
    """A command ended with an error, which has been shown."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How far a command is: lines that match ``part`` are counted.

    ``whole`` is how many there will be, or finds that number in a line of the output. ``last_phase`` begins a part of
    the work of which the tool says nothing until it is over; ``made`` lists what it has made so far, the newest last.
    """

    part: re.Pattern[str]
    whole: int | re.Pattern[str] = 0
    last_phase: re.Pattern[str] | None = None
    made: Callable[[], Sequence[str]] = list


class Progress:
    """Steps with their number and their time, signs of life in between, and the log."""

    def __init__(self, log: Path, steps: int, *, out: IO[str] | None = None) -> None:
        self._log = log
        self.steps = steps
        self._done = 0
        self._title = ""
        self._out = out or sys.stdout
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One of the steps; says when it begins and how long it took."""
        self._done += 1
        self._title = f"[{self._done}/{self.steps}] {title}"
        self._say(f"{self._title} …")
        started = time.monotonic()
        yield
        self._say(f"{self._title}: done, {time.monotonic() - started:.0f} s")

    def run(
        self,
        command: Sequence[str],
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        amount: Amount | None = None,
    ) -> None:
        """Run a command to its end.

        Raises:
            StepError: it ended with another code than 0, or cannot be started.
        """
        counter = _Counter(amount)
        last: deque[str] = deque(maxlen=LAST_LINES)
        started = time.monotonic()
        is_over = threading.Event()

        def show() -> None:
            wait = FIRST_SIGN_SECONDS
            while not is_over.wait(wait):
                how_far, words = counter.state(last[-1].strip() if last else "")
                shown = f" ({words[:LAST_LINE_LENGTH]})" if words else ""
                self._say(f"{self._title}: {how_far}{time.monotonic() - started:.0f} s{shown}")
                wait = min(2 * wait, BETWEEN_SIGNS_SECONDS_MAX)

        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            signs = threading.Thread(target=show, daemon=True)
            signs.start()
            try:
                code = _lines_into(command, directory, environment, log, counter, last)
            except OSError as error:
                code = 127
                last.append(str(error))
            finally:
                is_over.set()
                signs.join()
        if code:
            self._say(f"{self._title}: failed\n  $ {' '.join(command)}\n" + "\n".join(f"  {line}" for line in last))
            raise StepError(f"`{command[0]}` ended with {code}; all that it printed is in {self._log}")

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class _Counter:
    def __init__(self, amount: Amount | None) -> None:
        self._amount = amount
        self._part = 0
        self._is_last_phase = False
        self._whole = amount.whole if amount is not None and isinstance(amount.whole, int) else 0

    def take(self, line: str) -> None:
        if self._amount is None:
            return
        if self._amount.last_phase is not None and self._amount.last_phase.search(line):
            self._is_last_phase = True
        if self._amount.part.search(line):
            self._part += 1
        if not isinstance(self._amount.whole, int) and (match := self._amount.whole.search(line)):
            self._whole = int(match[1])

    def state(self, last_line: str) -> tuple[str, str]:
        """How far it is, and what it does."""
        if self._amount is not None and self._is_last_phase:
            made = self._amount.made()
            return f"{len(made)} of {self._whole} in place, ", made[-1] if made else ""
        return (f"{self._part} of {self._whole}, " if self._whole else ""), last_line


def _lines_into(
    command: Sequence[str],
    directory: Path | None,
    environment: Mapping[str, str] | None,
    log: IO[str],
    counter: _Counter,
    last: "deque[str]",
) -> int:
    options: dict[str, Any] = {"cwd": directory, "env": {**os.environ, **(environment or {})}}
    with subprocess.Popen(  # noqa: S603 - our own commands
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            log.write(line)
            counter.take(line)
            if not NOISE.search(line):
                last.append(line.rstrip())
    return process.returncode
