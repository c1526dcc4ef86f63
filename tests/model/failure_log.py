"""The log of sessions that an error has ended."""

import logging

from tests.support.model_reader import PlannedError

__all__ = ["FailureLog"]


class FailureLog(logging.Handler):
    """Keeps the sessions whose errors were logged."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], PlannedError), f"an error of our own: {record.exc_info[1]!r}"
        self.sessions.append(record.__dict__["session"])
