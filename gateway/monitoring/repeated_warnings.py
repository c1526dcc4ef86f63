"""Warnings of the HTTP server that any client can cause: one of each text in ten seconds."""

import logging
import time
from collections.abc import Callable
from typing import Final

__all__ = ["RepeatedWarnings"]

_PAUSE_SECONDS: Final = 10.0
_TEXTS_MAX: Final = 100
"""uvicorn has some ten, all constant."""


class RepeatedWarnings(logging.Filter):
    """Lets the first warning of a text pass, and the next after ten seconds, with the number of those between.

    A malformed request costs its sender a few bytes and would be a line of the log each. Errors always pass.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._quiet_until: dict[str, float] = {}
        self._omitted: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.levelno >= logging.ERROR:
            return True
        text = str(record.msg)
        now = self._clock()
        if now < self._quiet_until.get(text, now):
            self._omitted[text] = self._omitted.get(text, 0) + 1
            return False
        if text not in self._quiet_until and len(self._quiet_until) >= _TEXTS_MAX:
            self._quiet_until.clear()
            self._omitted.clear()
        self._quiet_until[text] = now + _PAUSE_SECONDS
        if omitted := self._omitted.pop(text, 0):
            record.__dict__["omitted"] = omitted
        return True
