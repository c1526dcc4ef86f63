"""The loop of everything that follows a journal or a table: one step after the other, with waiting and back-off."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from storage.errors import StorageClosedError, StorageError
from storage.outage import OutageLog

__all__ = ["UNTIL_WOKEN", "TailingLoop"]

UNTIL_WOKEN: Final = float("inf")
"""What a step returns that waits for ``wake`` alone."""

_RETRY_SECONDS: Final = (0.1, 2.0)
_RETRY_CLOSING_SECONDS: Final = 0.05


class TailingLoop:
    """Repeats a step until it is closed. Belongs to the event loop's thread.

    A step that raises is tried again, whatever it raised. ``StorageClosedError`` alone ends the loop: there will be
    nothing more to follow.

    Args:
        name: of the loop's task.
        step: does one bounded piece of work. It returns for how many seconds there will be nothing more to do unless
            ``wake`` is called: 0.0 if there may be more at once, ``UNTIL_WOKEN`` for no limit.
        outage_log: logs why the step fails.
        linger_seconds: pause after a wake-up, so that several of them share a step.
        retry_seconds: pause after a first failure, and the longest one after several; they double.

    Attributes:
        failures: how often the step has raised.
        last_error: what it raised last, also when that is over.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[float]],
        outage_log: OutageLog,
        *,
        linger_seconds: float = 0.0,
        retry_seconds: tuple[float, float] = _RETRY_SECONDS,
    ) -> None:
        self.failures = 0
        self.last_error = ""
        self._name = name
        self._step = step
        self._outage_log = outage_log
        self._linger_seconds = linger_seconds
        self._retry_seconds = retry_seconds
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "closing" if self.is_closing else "running" if self.is_running else "idle"
        return f"<TailingLoop {self._name} {state} {self.error or 'well'}>"

    @property
    def is_running(self) -> bool:
        """Whether there are further steps."""
        return self._task is not None and not self._task.done()

    @property
    def is_closing(self) -> bool:
        """Whether the loop ends as soon as a step that begins now finds nothing more."""
        return self._closing.is_set()

    @property
    def error(self) -> str:
        """Why the step cannot be done, once that has been logged; empty when it can."""
        return self._outage_log.said

    def start(self) -> None:
        """Begin, in a task of its own; idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self.run(), name=self._name)

    def wake(self) -> None:
        """Report that there may be something to do; cheap, and several calls between two steps count once."""
        self._woken.set()

    async def close(self, drain_seconds: float = 0.0) -> bool:
        """End the loop; idempotent.

        Args:
            drain_seconds: for how long it may continue until a step finds nothing more; 0: the present step is
                cancelled.

        Returns:
            False if it was cut off after ``drain_seconds``.
        """
        self._closing.set()
        self._woken.set()
        task, self._task = self._task, None
        if task is None:
            return True
        is_drained = True
        if drain_seconds > 0:
            _, late = await asyncio.wait((task,), timeout=drain_seconds)
            is_drained = not late
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return is_drained

    async def run(self) -> None:
        """Repeat the step until it finds nothing more after ``close``, or is cancelled; ``start`` does it in a task."""
        pause, pause_max = self._retry_seconds
        while True:
            self._woken.clear()  # before the step: what comes from here on wakes again
            is_last = self.is_closing  # before it, too: what was there before ``close`` is still found
            try:
                idle_seconds = await self._step()
            except StorageClosedError as error:
                self._fail(str(error) or "the journal is closed", at_once=True)
                return
            except StorageError as error:
                self._fail(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, what comes next must still be followed
                self._fail(f"{type(error).__name__}: {error}", unexpected=True)
            else:
                self._outage_log.clear()
                pause = self._retry_seconds[0]
                if idle_seconds > 0:
                    if is_last:
                        return
                    await self._wait(idle_seconds)
                continue
            await self._pause(pause)
            pause = min(2 * pause, pause_max)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == UNTIL_WOKEN else seconds):
                await self._woken.wait()
                await self._pause(self._linger_seconds)

    async def _pause(self, seconds: float) -> None:
        """Wait; hardly at all once the loop is closing."""
        if self.is_closing:
            await asyncio.sleep(min(seconds, _RETRY_CLOSING_SECONDS))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _fail(self, text: str, *, at_once: bool = False, unexpected: bool = False) -> None:
        self.failures += 1
        self.last_error = text
        self._outage_log.note(text, at_once=at_once, unexpected=unexpected)
