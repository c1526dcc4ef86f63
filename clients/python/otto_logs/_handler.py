"""A ``logging.Handler`` that sends records to a gateway."""

import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

from otto_logs._endpoint import Tls, Token
from otto_logs._errors import OttoLogsError
from otto_logs._limits import ProducerLimits
from otto_logs._statistics import Problem
from otto_logs._sync_producer import SyncLogProducer
from otto_logs._values import Level, Source, SpoolPolicy

__all__ = ["OttoHandler"]

_CLOSE_SECONDS: Final = 5.0
_OWN_LOGGERS: Final = ("otto_logs", "grpc")


class OttoHandler(logging.Handler):
    """Sends every record as one line of a task; never raises, and waits only if the policy says so.

        logging.getLogger().addHandler(OttoHandler("build-7"))

    A record's logger, thread and exception go into the line's metadata. ``logging.shutdown``, which Python calls at
    exit, sends what is pending, for 5 seconds at most. When the gateway refuses for good, stderr says so once.

    Args:
        task_id: what the lines belong to.
        worker_id: who writes them; None: this host and process.
        producer: a producer to share, which the caller closes; None: one of the handler's own, made from the
            arguments that follow (see ``SyncLogProducer``).
        level: the least severe level to send.
        policy: what happens to a record while the spool is full; by default the oldest lines are dropped.

    Raises:
        ValueError: an argument is wrong; the text names it.
    """

    def __init__(
        self,
        task_id: str,
        worker_id: str | None = None,
        *,
        producer: SyncLogProducer | None = None,
        level: int | str = logging.NOTSET,
        gateway: str | None = None,
        token: Token = None,
        tls: Tls | bool | None = None,
        policy: SpoolPolicy | str = SpoolPolicy.DROP_OLDEST,
        limits: ProducerLimits | None = None,
        on_problem: Callable[[Problem], None] | None = None,
        spool_directory: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(level)
        self._owns_producer = producer is None
        self._producer = producer or SyncLogProducer(
            gateway,
            token=token,
            tls=tls,
            policy=policy,
            limits=limits,
            on_problem=on_problem,
            spool_directory=spool_directory,
            close_at_exit=False,  # logging.shutdown does it, after the last record
        )
        self._worker = self._producer.worker(task_id, worker_id or f"{socket.gethostname()}-{os.getpid()}")
        self._complained = False
        # A filter, because filters are asked before the handler's lock is taken: a producer that waited for that lock
        # to report why it cannot send would wait for ever while the holder of the lock waits for the producer.
        self.addFilter(_is_not_our_own)

    def __repr__(self) -> str:
        return f"<OttoHandler {logging.getLevelName(self.level)} {self._worker!r} {self._producer!r}>"

    @property
    def producer(self) -> SyncLogProducer:
        """The producer, for its statistics."""
        return self._producer

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        try:
            self._worker.log(
                self.format(record),
                level=_level_of(record.levelno),
                source=Source.STDERR,
                time_unix_nano=round(record.created * 1_000_000) * 1_000,
                metadata=_metadata_of(record),
            )
        except OttoLogsError as error:
            self._complain(error)
        except Exception:  # noqa: BLE001 - logging's contract: whatever a record does to us stays here
            self.handleError(record)

    def flush(self) -> None:
        """Wait up to 5 seconds for what was sent so far to be stored."""
        try:
            self._producer.flush(_CLOSE_SECONDS)
        except OttoLogsError as error:
            self._complain(error)

    def close(self) -> None:
        """Send what is pending, for 5 seconds at most, and end the handler's own producer."""
        try:
            if self._owns_producer:
                self._producer.close(_CLOSE_SECONDS)
        except OttoLogsError as error:
            self._complain(error)
        finally:
            super().close()

    def _complain(self, error: OttoLogsError) -> None:
        if not self._complained and sys.stderr is not None:
            self._complained = True
            print(f"otto-logs: {error}", file=sys.stderr)


def _is_not_our_own(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] not in _OWN_LOGGERS


def _level_of(number: int) -> Level:
    """Levels between the standard ones count as the lower one."""
    if number >= logging.CRITICAL:
        return Level.FATAL
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARN
    if number >= logging.INFO:
        return Level.INFO
    return Level.DEBUG if number >= logging.DEBUG else Level.TRACE


def _metadata_of(record: logging.LogRecord) -> dict[str, str]:
    metadata = {"logger": record.name, "thread": record.threadName or ""}
    if record.exc_info and record.exc_info[0] is not None:
        metadata["exception"] = f"{record.exc_info[0].__module__}.{record.exc_info[0].__qualname__}".removeprefix(
            "builtins."
        )
    return metadata
