"""When the next commit begins: how long it gathers lines, by what a commit costs and how fast lines come."""

import math
from typing import Final

__all__ = ["Gathering"]

_SMOOTHING: Final = 1 / 8
_COSTS: Final = 4
"""While lines come faster than commits are done, a commit begins this many times its cost after the one before: a
quarter of the time goes to commits, and a line waits for two of them on average."""


class Gathering:
    """Decides alone; knows no clock and no loop.

    A commit that costs less than the time between two lines waits for nothing. Otherwise the next one begins some
    times the cost of a commit after the beginning of the last one, but at most ``seconds_max`` after it.

    Args:
        seconds_max: the longest pause between the beginnings of two commits; 0: none.
    """

    __slots__ = ("_appended_at", "_cost", "_interval", "_launched_at", "_seconds_max")

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._interval = seconds_max
        self._cost = 0.0
        self._appended_at = self._launched_at = -math.inf

    def __repr__(self) -> str:
        return f"<Gathering a line every {self._interval * 1e3:.1f} ms, {self._cost * 1e3:.1f} ms a commit>"

    @property
    def seconds_max(self) -> float:
        """The longest pause."""
        return self._seconds_max

    def appended(self, lines: int, now: float) -> None:
        """Lines have arrived together."""
        # At most twice the limit, so that a burst after a silence is noticed within some lines.
        passed = min(now - self._appended_at, 2 * self._seconds_max)
        self._appended_at = now
        self._interval += (passed / lines - self._interval) * (1 - (1 - _SMOOTHING) ** min(lines, 8))

    def launched(self, now: float) -> None:
        """A commit begins."""
        self._launched_at = now

    def committed(self, now: float) -> None:
        """It is done, and its lines are published: what that took, on the loop's side too, is its cost."""
        cost = min(now - self._launched_at, self._seconds_max)
        self._cost += (cost - self._cost) * _SMOOTHING

    def pause(self, now: float) -> float:
        """Seconds until the next commit should begin; 0 or less: now."""
        if self._cost <= self._interval:
            return 0.0
        return self._launched_at + min(self._seconds_max, _COSTS * self._cost) - now

    def stop(self) -> None:
        """Gather nothing more."""
        self._seconds_max = self._cost = 0.0
