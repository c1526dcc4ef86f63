"""Lines of text, and lines of JSON as log shippers write them, as entries."""

import time
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from filters import timestamps
from filters.entry import LogEntry
from filters.events import WorkerEvents
from filters.levels import LEVEL_NAMES, SOURCE_NAMES
from filters.messages import cut_message
from gateway.ingest.limits import LINE_BYTES, IngestLimits
from gateway.ingest.metadata import metadata_within, text_of
from gateway.ingest.plain.line_splitter import RawLine
from storage.journal.interface import LineBatch

__all__ = ["JSON_LINE_BYTES_MAX", "LineFields", "LineReader"]

JSON_LINE_BYTES_MAX: Final = 256 << 10
"""Of one line of JSON; a longer one is taken for text."""
_MESSAGE: Final = ("message", "log", "msg", "MESSAGE")
_TIME: Final = ("timestamp", "time", "@timestamp", "date")
_LEVEL: Final = ("level", "severity", "loglevel")
_SOURCE: Final = ("source", "stream")
_METADATA: Final = ("metadata", "fields")
_SECONDS_MAX: Final = 1e11
"""Numbers below are seconds since 1970, then milli-, micro- and nanoseconds: until the year 5138."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFields:
    """What holds for every line of a request that does not say otherwise; empty: nothing."""

    task_id: str
    worker_id: str
    source: str = "stdout"
    level: str = ""


@dataclass(slots=True)
class Counts:
    """Lines that were read, cut, and of which metadata was left out."""

    lines: int = 0
    truncated: int = 0
    trimmed: int = 0


@dataclass(slots=True)
class LineReader:
    """Reads the lines of one request.

    Attributes:
        fields: see ``LineFields``.
        limits: see ``IngestLimits``.
        is_json: lines are JSON objects; what is none is taken as text.
    """

    fields: LineFields
    limits: IngestLimits
    is_json: bool = False
    counts: Counts = field(default_factory=Counts)
    _events: WorkerEvents = field(default_factory=WorkerEvents)
    _arrival: int = 0

    @property
    def line_bytes_max(self) -> int:
        """What has to be kept of a line to read it."""
        return max(self.limits.message_bytes_max, JSON_LINE_BYTES_MAX if self.is_json else 0)

    def batch(self) -> LineBatch:
        """An empty batch for lines that have arrived now."""
        self._arrival = time.time_ns()
        return LineBatch(self.fields.task_id, self.fields.worker_id, [], 0, time.monotonic())

    def read(self, line: RawLine, batch: LineBatch) -> None:
        """Add a line to a batch."""
        entry = self._json_entry(line) if self.is_json else None
        if entry is None:
            entry = self._entry(line.data, line.size, self.fields.source, "", None, "")
        batch.entries.append(entry)
        batch.size += LINE_BYTES + len(entry.message)
        if entry.metadata:
            batch.size += sum(map(len, entry.metadata)) + sum(map(len, entry.metadata.values()))
        self.counts.lines += 1

    def _json_entry(self, line: RawLine) -> LogEntry | None:
        """The entry of a JSON object; None: the line is none."""
        if line.size > len(line.data):
            return None
        try:
            document = msgspec.json.decode(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        message = _taken(document, _MESSAGE)
        moment = _taken(document, _TIME)
        level = _taken(document, _LEVEL)
        source = _taken(document, _SOURCE)
        metadata: dict[str, str] = {}
        for name in _METADATA:
            if isinstance(document.get(name), dict):
                metadata |= {key: text_of(value) for key, value in document.pop(name).items()}
        metadata |= {key: text_of(value) for key, value in document.items()}
        known_level = LEVEL_NAMES.get(text_of(level).strip().upper(), "")
        known_source = SOURCE_NAMES.get(text_of(source).strip().lower(), "")
        timestamp = _timestamp(moment)
        for name, original, is_known in (
            ("level", level, known_level),
            ("source", source, known_source),
            ("timestamp", moment, timestamp),
        ):
            if original is not None and not is_known:
                metadata[name] = text_of(original)
        text = line.data if message is None else text_of(message).removesuffix("\n")  # Docker's have their end
        source_name = known_source if known_source != "table" else ""
        return self._entry(text, 0, source_name or self.fields.source, known_level, metadata, timestamp)

    def _entry(
        self, text: bytes | str, size: int, source: str, level: str, metadata: dict[str, str] | None, timestamp: str
    ) -> LogEntry:
        """An entry; ``size``: of a text of which only the beginning is here."""
        message, is_cut, original = cut_message(text, self.limits.message_bytes_max)
        self.counts.truncated += is_cut
        if metadata:
            metadata, is_trimmed = metadata_within(metadata, self.limits)
            self.counts.trimmed += is_trimmed
        level = level or self.fields.level
        if not level:
            level, metadata = self._events.read(source, message, metadata or None)
        return LogEntry(
            self.fields.task_id,
            self.fields.worker_id,
            0,
            timestamp or timestamps.from_nanos(self._arrival),
            level,
            source,
            message,
            metadata or None,
            None,
            is_cut,
            max(size, original) if is_cut else 0,
        )


def _taken(document: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these fields that is there; it is removed."""
    for name in names:
        if document.get(name) is not None:
            return document.pop(name)
    return None


def _timestamp(value: Any) -> str:
    """A time as entries have it; empty: it is none."""
    try:
        if isinstance(value, str):
            return timestamps.from_rfc3339(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            scale, bound = 1_000_000_000, _SECONDS_MAX
            while scale > 1 and abs(value) >= bound:
                scale, bound = scale // 1_000, bound * 1_000
            return timestamps.from_nanos(round(value * scale))
    except (ValueError, OverflowError):
        pass
    return ""
