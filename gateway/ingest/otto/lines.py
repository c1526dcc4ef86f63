"""Lines of Otto's wire as entries."""

import time
from typing import Any, Final

from ottoscaler.v1 import log_streaming_pb2

from filters import timestamps
from filters.entry import LogEntry
from filters.events import WorkerEvents
from filters.identifiers import IdentifierError, check_identifier
from filters.levels import LEVEL_NAMES, SOURCE_NAMES, normalise_level, normalise_source
from filters.messages import cut_message
from gateway.ingest.authentication import AuthorizationCache
from gateway.ingest.counters import Counters, Dialect, Refusal
from gateway.ingest.limits import LINE_BYTES, IngestLimits
from gateway.ingest.metadata import metadata_within, pod_metadata
from gateway.ingest.otto.workers import Workers

__all__ = ["OttoLine", "OttoLines"]

_ORIGINAL_CHARACTERS_MAX: Final = 256


class OttoLine:
    """One line that was taken, or ``problem``: why it cannot be."""

    __slots__ = ("entry", "problem", "received_at", "size", "weight")

    def __init__(self, entry: LogEntry | None, problem: str, size: int, weight: int, received_at: float) -> None:
        self.entry = entry
        self.problem = problem
        self.size = size
        self.weight = weight
        self.received_at = received_at

    def __repr__(self) -> str:
        return f"<OttoLine {self.problem or self.entry!r}>"


class OttoLines:
    """Reads the lines of one stream."""

    __slots__ = (
        "_authorization",
        "_checked",
        "_counters",
        "_events",
        "_limits",
        "_now",
        "_received_at",
        "_uncounted",
        "_uncounted_bytes",
        "_workers",
    )

    def __init__(
        self, authorization: AuthorizationCache, workers: Workers, limits: IngestLimits, counters: Counters
    ) -> None:
        self._authorization = authorization
        self._workers = workers
        self._limits = limits
        self._counters = counters
        self._checked = ("", "")
        self._uncounted = self._uncounted_bytes = 0
        self._events = WorkerEvents()
        self.arrived()

    def __repr__(self) -> str:
        return f"<OttoLines of {self._checked}>"

    def arrived(self) -> None:
        """The lines that are read from now on have arrived together: at this moment, if they do not say when."""
        self._received_at = time.monotonic()
        self._now = ""

    def count(self) -> None:
        """Count the lines that were read since the last time."""
        if self._uncounted:
            self._counters.received(Dialect.OTTO, self._uncounted, self._uncounted_bytes)
            self._uncounted = self._uncounted_bytes = 0

    def line(self, message: log_streaming_pb2.LogEntry | log_streaming_pb2.WorkerLogEntry, size: int) -> OttoLine:
        """Read one line; only its identifiers can be wrong enough to refuse it.

        Raises:
            ApiError: PERMISSION_DENIED.
        """
        task_id = message.task_id
        worker_id = message.worker_id
        if (task_id, worker_id) != self._checked:
            try:
                check_identifier("task_id", task_id)
                check_identifier("worker_id", worker_id)
            except IdentifierError as error:
                return self.dropped(str(error), size)
            self._authorization.check_task(task_id)
            self._checked = (task_id, worker_id)
            self._events = WorkerEvents()

        limits = self._limits
        metadata: dict[str, str] | None = None
        if message.metadata:
            metadata, is_trimmed = metadata_within(message.metadata, limits)
            if is_trimmed:
                self._counters.refused(Dialect.OTTO, Refusal.METADATA)
        timestamp, unread_timestamp = self._timestamp(message.timestamp)
        level, unknown_level = LEVEL_NAMES.get(message.level), None
        if level is None:
            level, unknown_level = normalise_level(message.level)
        source, unknown_source = SOURCE_NAMES.get(message.source), None
        if source is None:
            source, unknown_source = normalise_source(message.source)
        if source == "table":  # says that another program inserted the row, which no producer can say
            source, unknown_source = "stdout", message.source
        if unread_timestamp or unknown_level or unknown_source:
            metadata = _with_originals(metadata, timestamp=unread_timestamp, level=unknown_level, source=unknown_source)
        text = message.message
        truncated, original_size = False, 0
        if len(text) > limits.message_bytes_max // 4:  # a character takes at most four bytes
            text, truncated, original_size = cut_message(text, limits.message_bytes_max)
            if truncated:
                self._counters.truncated(Dialect.OTTO, 1)
        if not message.level:
            level, metadata = self._events.read(source, text, metadata)
        pod, pod_bytes = self._pod(message, task_id, worker_id)
        entry = LogEntry(
            task_id,
            worker_id,
            0,
            timestamp,
            level,
            source,
            text,
            metadata,
            pod,
            truncated,
            original_size if truncated else 0,
        )
        self._uncounted += 1
        self._uncounted_bytes += size
        return OttoLine(entry, "", size, size + LINE_BYTES + pod_bytes, self._received_at)

    def dropped(self, problem: str, size: int) -> OttoLine:
        """A line that is refused for what it is as a whole."""
        self._counters.refused(Dialect.OTTO, Refusal.FIELD)
        return OttoLine(None, problem, size, 0, self._received_at)

    def _timestamp(self, text: str) -> tuple[str, str | None]:
        """The line's time, and its original text if that is not RFC 3339: the line then gets its time of arrival."""
        if text:
            try:
                return timestamps.from_rfc3339(text), None
            except ValueError:
                pass
        self._now = self._now or timestamps.now()
        return self._now, text or None

    def _pod(self, message: Any, task_id: str, worker_id: str) -> tuple[dict[str, Any] | None, int]:
        if isinstance(message, log_streaming_pb2.WorkerLogEntry) and message.HasField("pod_metadata"):
            return pod_metadata(message.pod_metadata, self._limits)
        if not self._limits.include_metadata:
            return None, 0
        registered = self._workers.pod_metadata(task_id, worker_id)
        return registered, 0 if registered is None else self._limits.pod_metadata_bytes_max


def _with_originals(metadata: dict[str, str] | None, **originals: str | None) -> dict[str, str]:
    """Metadata that also keeps what a line said and an entry cannot; the line's own keys stay as they are."""
    kept = {} if metadata is None else metadata
    for key, original in originals.items():
        if original:
            kept.setdefault(key, original[:_ORIGINAL_CHARACTERS_MAX])
    return kept
