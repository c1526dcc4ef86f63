"""How long tests wait for what must come: long enough for a machine with ten times more to do than it can.

A limit here only ends a test that hangs. Nothing passes because of it, and nothing should fail because of it.
"""

import asyncio
import contextlib
import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Self, TypeVar

__all__ = ["WAIT_MILLISECONDS_MAX", "WAIT_SECONDS_MAX", "attempts", "time_limit", "until"]

WAIT_SECONDS_MAX = 120.0 * float(os.environ.get("TEST_WAIT_FACTOR", "1"))
"""``TEST_WAIT_FACTOR`` is a factor, for slower machines. Below the time limit of a whole test in pyproject.toml."""

WAIT_MILLISECONDS_MAX = WAIT_SECONDS_MAX * 1000
"""The same for Playwright."""

_PAUSE_SECONDS = 0.001
_PAUSE_SECONDS_MAX = 0.05

T = TypeVar("T")


class attempts:  # noqa: N801 - reads as a part of the loop
    """``async for _ in attempts("the task is listed"):`` asks again and again, for what no event tells of.

    The body asks, and leaves the loop where the answer is right.

    Args:
        why: what is waited for, for anyone who reads the failure.
        shown: what else the failure shows, e.g. what was there in its place.

    Raises:
        AssertionError: the loop was not left within ``WAIT_SECONDS_MAX``.
    """

    def __init__(self, why: str, *, shown: Callable[[], object] | None = None) -> None:
        self._why = why
        self._shown = shown
        self._give_up_at = time.monotonic() + WAIT_SECONDS_MAX
        self._pause = 0.0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        await asyncio.sleep(self._next_pause())

    def __iter__(self) -> Iterator[None]:
        """The same where there is no event loop."""
        while True:
            time.sleep(self._next_pause())
            yield

    def _next_pause(self) -> float:
        if time.monotonic() >= self._give_up_at:
            raise AssertionError(_failure(self._why, self._shown))
        pause = self._pause
        self._pause = min(max(pause * 1.5, _PAUSE_SECONDS), _PAUSE_SECONDS_MAX)
        return pause


async def until(condition: Callable[[], T | Awaitable[T]], why: str, *, shown: Callable[[], object] | None = None) -> T:
    """Ask until the answer is true, and return it; see ``attempts``. A coroutine function is awaited."""
    async for _ in attempts(why, shown=shown):
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
    raise AssertionError  # attempts do not end


@contextlib.asynccontextmanager
async def time_limit(why: str, *, shown: Callable[[], object] | None = None) -> AsyncIterator[None]:
    """A block that waits for an event; a failure says ``why``.

    Raises:
        AssertionError: the block was not left within ``WAIT_SECONDS_MAX``.
    """
    limit = asyncio.timeout(WAIT_SECONDS_MAX)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise AssertionError(_failure(why, shown)) from error


def _failure(why: str, shown: Callable[[], object] | None) -> str:
    return f"waited {WAIT_SECONDS_MAX:.0f} s in vain: {why}" + ("" if shown is None else f"\n{shown()}")
