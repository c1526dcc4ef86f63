"""The producers' processes: started, killed, stopped for a while, and asked to finish."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.tally import Tally

__all__ = ["Worker"]

ROOT = Path(__file__).parents[2]
FINISH_SECONDS_MAX = 150.0


@dataclass
class Worker:
    """One worker, over all the lives of its process.

    Attributes:
        in_doubt: numbers that a kill may have taken with it: the client had been given them and had not returned, so
            that they may be in its spool or not. At most one for each kill.
    """

    wire: str
    worker_id: str
    task_id: str
    address: str
    directory: Path
    lines_a_second: float
    environment: Mapping[str, str]
    in_doubt: list[range] = field(default_factory=list)
    kills: int = 0
    _process: asyncio.subprocess.Process | None = None

    def __str__(self) -> str:
        return f"{self.worker_id} ({self.wire})"

    @property
    def tally(self) -> Tally:
        """What it has sent, and what was acknowledged."""
        tally = Tally(self.directory / f"{self.worker_id}.tally")
        tally.close()
        return tally

    @property
    def resent(self) -> list[range]:
        """What it sent again because it had no answer."""
        return [range(first, last + 1) for first, last in self._resent()]

    @property
    def retried(self) -> set[int]:
        """Which lines were answered with RETRY."""
        return {first for first, last in self._resent() if first > last}

    def _resent(self) -> list[tuple[int, int]]:
        path = self.directory / f"{self.worker_id}.resent"
        rows = path.read_text().splitlines() if path.exists() else []
        return [(int(first), int(last)) for first, last in map(str.split, rows)]

    async def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.producer", self.wire, self.address, self.task_id]
        log = (self.directory / f"{self.worker_id}.log").open("ab")
        # A SIGTERM that comes before its handler is there waits for it: on a busy machine its imports take seconds.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                *(self.worker_id, str(self.directory), str(self.lines_a_second)),
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            log.close()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process is None:
            return
        self.signal(signal.SIGKILL)
        await self._process.wait()
        self.kills += 1
        tally = self.tally
        if self.wire == "native" and tally.sent > tally.accepted:
            self.in_doubt.append(range(tally.accepted + 1, tally.sent + 1))

    async def finish(self) -> None:
        """SIGTERM, and wait until everything is acknowledged.

        Raises:
            RuntimeError: it did not come to that.
        """
        assert self._process is not None
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(FINISH_SECONDS_MAX):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        if code:
            log = (self.directory / f"{self.worker_id}.log").read_text(errors="replace")
            raise RuntimeError(f"{self} ended with {code}: {log[-2_000:]}")
