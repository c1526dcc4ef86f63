"""Whose turn it is to catch up, so that those that are far behind cost nobody but themselves."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

from sessions.subscriber import Subscriber

__all__ = ["CatchUpScheduler"]

_SLICE_SECONDS: Final = 0.002
"""How long turns follow one another before the loop does something else. One turn may take longer: one run of lines."""


class CatchUpScheduler:
    """Sessions that are far behind are given a run each, one after the other, in slices between the flushes.

    While lines are flushed to live sessions, a slice is followed by a pause as long as the work that it made, so
    catching up has at most half of the loop's time and a flush waits for one slice at most. Nobody's being after
    makes the turns of the others longer; it makes them rarer.

    Args:
        is_live: whether lines are being flushed at the moment.
        clock: seconds, monotonic.
    """

    def __init__(self, is_live: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_live = is_live
        self._clock = clock
        self._waiting: dict[Subscriber, None] = {}  # in order, and quick to leave
        self._next: asyncio.Handle | None = None
        self._spent = 0.0
        self._free_at = -math.inf

    def __repr__(self) -> str:
        return f"<CatchUpScheduler {len(self._waiting)} waiting>"

    def schedule(self, subscriber: Subscriber) -> None:
        """Have ``subscriber.run_slice`` called once, when it is its turn."""
        self._waiting[subscriber] = None
        if self._next is None:
            self._plan_next_slice()

    def leave(self, subscriber: Subscriber) -> None:
        """It needs no turn any more."""
        self._waiting.pop(subscriber, None)

    def spend(self, seconds: float) -> None:
        """Count work that a turn led to later."""
        self._spent += seconds

    def close(self) -> None:
        """Nobody has a turn any more."""
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _plan_next_slice(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._free_at - self._clock() if self._is_live() else 0.0
        self._next = loop.call_later(pause, self._slice) if pause > 0 else loop.call_soon(self._slice)

    def _slice(self) -> None:
        started = now = self._clock()
        try:
            while self._waiting and now - started < _SLICE_SECONDS:
                subscriber = next(iter(self._waiting))
                del self._waiting[subscriber]
                subscriber.run_slice()
                now = self._clock()
        finally:  # whatever a turn raised, the others have theirs
            self._free_at = now + self._spent + (now - started)
            self._spent = 0.0
            self._next = None  # only now: those that ask for another turn meanwhile wait for the next slice, or this
            if self._waiting:
                self._plan_next_slice()
