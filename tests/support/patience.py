"""How long tests wait for what must come: long enough for a machine with ten times more to do than it can.

A limit here only ends a test that hangs. Nothing passes because of it, and nothing should fail because of it.
"""

import asyncio
import contextlib
import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

__all__ = ["PATIENCE_MILLISECONDS", "PATIENCE_SECONDS", "until", "until_now", "within_patience"]

PATIENCE_SECONDS = 120.0 * float(os.environ.get("TEST_PATIENCE", "1"))
"""``TEST_PATIENCE`` is a factor, for slower machines still. Below the time limit of a whole test in pyproject.toml."""

PATIENCE_MILLISECONDS = PATIENCE_SECONDS * 1000
"""The same for Playwright."""

_PAUSE_SECONDS = 0.001
_PAUSE_SECONDS_MAX = 0.05

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T]], why: str, *, shown: Callable[[], object] | None = None) -> T:
    """Ask until the answer is true, and return it; for what no event tells of.

    Args:
        condition: is called again and again, and awaited where it is a coroutine function.
        why: what is waited for, for whoever reads the failure.
        shown: what else the failure shows, e.g. what was there in its place.

    Raises:
        AssertionError: it was not true within ``PATIENCE_SECONDS``.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    pause = _PAUSE_SECONDS
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() >= give_up_at:
            raise AssertionError(_failure(why, answer, shown))
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _PAUSE_SECONDS_MAX)


def until_now(condition: Callable[[], T], why: str, *, shown: Callable[[], object] | None = None) -> T:
    """``until`` where there is no event loop."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    pause = _PAUSE_SECONDS
    while not (answer := condition()):
        if time.monotonic() >= give_up_at:
            raise AssertionError(_failure(why, answer, shown))
        time.sleep(pause)
        pause = min(pause * 1.5, _PAUSE_SECONDS_MAX)
    return answer


@contextlib.asynccontextmanager
async def within_patience(why: str, *, shown: Callable[[], object] | None = None) -> AsyncIterator[None]:
    """A block that waits for an event; a failure says ``why``.

    Raises:
        AssertionError: the block was not left within ``PATIENCE_SECONDS``.
    """
    limit = asyncio.timeout(PATIENCE_SECONDS)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise AssertionError(_failure(why, None, shown)) from error


def _failure(why: str, answer: object, shown: Callable[[], object] | None) -> str:
    details = [] if answer in (None, False) else [f"the last answer was {answer!r}"]
    details += [] if shown is None else [str(shown())]
    return "\n".join([f"waited {PATIENCE_SECONDS:.0f} s in vain: {why}", *details])
