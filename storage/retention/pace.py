"""How fast retention works: what is due, and what commits leave of the database's time."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Pace"]

_SHARE_MIN: Final = 0.1
"""Of the time that commits leave, at the beginning of a pass: most passes have little to do and are done with it."""
_SHARE_MAX: Final = 0.8
_DOUBLED_AFTER_SECONDS: Final = 2.0
"""A pass that still has something to remove after this takes twice the share."""
_FREE_MIN: Final = 0.2
"""What counts as free at least: a database that commits use all the time has to lose lines, too, or it only grows."""
_CROWDED: Final = 0.25
"""The share of what may wait for a commit from which on commits are behind, and retention is slow again."""
_LOOK_SECONDS: Final = 0.5


class Pace:
    """The pause after each step of a pass, so that steps take a share of the time and no more.

    The share grows as long as a pass lasts, because then much is due; it is a share of what commits have left lately.

    Args:
        commit_seconds: what commits have taken since the start, together.
        fullness: how much of what may wait for a commit waits, from 0 to 1.
        pause_seconds_max: the longest pause; 0: none at all.
        share_max: of the free time, what a long pass takes.
        clock: seconds.
    """

    def __init__(
        self,
        commit_seconds: Callable[[], float],
        fullness: Callable[[], float],
        *,
        pause_seconds_max: float,
        share_max: float = _SHARE_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit_seconds = commit_seconds
        self._fullness = fullness
        self._pause_seconds_max = pause_seconds_max
        self._share_max = share_max
        self._clock = clock
        self._busy = 0.0
        self.begin()

    def __repr__(self) -> str:
        return f"<Pace share={self.share:.2f} busy={self._busy:.2f}>"

    def begin(self) -> None:
        """A pass begins."""
        self._began_at = self._looked_at = self._clock()
        self._seen_seconds = self._commit_seconds()

    @property
    def share(self) -> float:
        """How much of the free time the pass takes now."""
        if self._fullness() > _CROWDED:
            return _SHARE_MIN
        doublings = min((self._clock() - self._began_at) / _DOUBLED_AFTER_SECONDS, 16.0)
        return min(_SHARE_MIN * math.pow(2.0, doublings), self._share_max)

    def pause(self, step_seconds: float) -> float:
        """Seconds to pause after a step that took ``step_seconds``."""
        self._look()
        free = max(1.0 - self._busy, _FREE_MIN)
        return min(step_seconds * (1.0 / (self.share * free) - 1.0), self._pause_seconds_max)

    async def rest(self, step_seconds: float) -> None:
        """Pause after a step that took ``step_seconds``."""
        await asyncio.sleep(self.pause(step_seconds))

    def _look(self) -> None:
        """Take the share of commits anew, from time to time."""
        now, seconds = self._clock(), self._commit_seconds()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._busy = min((seconds - self._seen_seconds) / (now - self._looked_at), 1.0)
            self._looked_at, self._seen_seconds = now, seconds
