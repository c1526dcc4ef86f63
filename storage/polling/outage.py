"""What keeps the work beside the polling tables from being done, and when that is worth a line in the log."""

import time
from collections.abc import Callable
from typing import Final

import structlog

__all__ = ["OutageLog"]

_log = structlog.get_logger(__name__)

_SAID_AFTER_SECONDS: Final = 10.0
"""Old programs lock the file all day, each for less than the 5 s that they give one another; that is no news."""


class OutageLog:
    """One reason after the other why something has to wait; each is said once, when the wait has lasted 10 s.

    Args:
        waits: the event that says what is waiting.
        goes_on: the event that says that it no longer is.
        clock: seconds that only grow.
    """

    def __init__(self, waits: str, goes_on: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._waits = waits
        self._goes_on = goes_on
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
        if reason != self._said and (at_once or unexpected or now - self._since >= _SAID_AFTER_SECONDS):
            _log.warning(self._waits, reason=reason, seconds=round(now - self._since, 1), exc_info=unexpected)
            self._said = reason

    def clear(self) -> None:
        """It succeeded."""
        self._since = None
        if self._said:
            _log.info(self._goes_on, after=self._said)
            self._said = ""
