"""Why background work cannot be done at the moment, and when that is worth a line in the log."""

import time
from collections.abc import Callable
from typing import Final

import structlog

__all__ = ["OutageLog"]

_log = structlog.get_logger(__name__)

_SAID_AFTER_SECONDS: Final = 10.0
"""Old programs lock a database all day, each for less than the 5 s that they give one another; that is no news."""


class OutageLog:
    """One reason after the other why work has to wait; each is logged once, when the wait has lasted long enough.

    Args:
        waiting: the log event when it waits.
        resumed: the log event when it no longer does.
        said_after_seconds: how long it waits before that is logged; 0: at once.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        waiting: str,
        resumed: str,
        *,
        said_after_seconds: float = _SAID_AFTER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waiting = waiting
        self._resumed = resumed
        self._said_after_seconds = said_after_seconds
        self._clock = clock
        self._since: float | None = None
        self._said = ""

    def __repr__(self) -> str:
        return f"<OutageLog {self._said or 'nothing said'}>"

    @property
    def said(self) -> str:
        """The reason that was said last, while it lasts; "" for none."""
        return self._said

    def note(self, reason: str, *, at_once: bool = False, unexpected: bool = False) -> None:
        """It failed once more; what is ``unexpected`` is said at once, with the traceback that is being handled."""
        now = self._clock()
        if self._since is None:
            self._since = now
        if reason != self._said and (at_once or unexpected or now - self._since >= self._said_after_seconds):
            _log.warning(self._waiting, reason=reason, seconds=round(now - self._since, 1), exc_info=unexpected)
            self._said = reason

    def clear(self) -> None:
        """It succeeded."""
        self._since = None
        if self._said:
            _log.info(self._resumed, after=self._said)
            self._said = ""
