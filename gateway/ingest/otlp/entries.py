"""Log records as entries, gathered into batches of one worker of one task each."""

import time
from typing import Any, Final

from filters import timestamps
from filters.entry import LogEntry
from filters.events import WorkerEvents
from filters.identifiers import IdentifierError, check_identifier
from filters.levels import LEVEL_NAMES
from filters.messages import cut_message
from gateway.errors import ApiError
from gateway.ingest.authentication import AuthorizationCache
from gateway.ingest.limits import LINE_BYTES, IngestLimits
from gateway.ingest.metadata import metadata_within, text_of
from gateway.ingest.otlp.mapping import DEFAULT_WORKER, OtlpMapping, first_of
from gateway.ingest.otlp.records import Group, Record, Resource
from storage.journal.interface import LineBatch

__all__ = ["OtlpEntries"]

_SEVERITIES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""Four numbers each, from 1."""
_POD: Final = {"k8s.pod.name": "podName", "k8s.namespace.name": "namespace", "k8s.node.name": "nodeName"}
_POD_LABEL: Final = "k8s.pod.label."
_SENDER: Final = "telemetry.sdk."
"""Attributes of the library that sent the line; they say nothing about it."""
_BATCH_LINES: Final = 1_000


class _Shared:
    """What lines of one resource have in common, worked out once."""

    __slots__ = ("attributes", "metadata", "pod", "size")

    def __init__(self, resource: Resource, mapping: OtlpMapping, limits: IngestLimits) -> None:
        self.attributes = resource.attributes
        metadata: dict[str, str] = {}
        pod: dict[str, Any] = {}
        labels: dict[str, str] = {}
        for name, value in resource.attributes.items():
            if name in _POD:
                pod[_POD[name]] = text_of(value)
            elif name.startswith(_POD_LABEL):
                labels[name.removeprefix(_POD_LABEL)] = text_of(value)
            elif name not in mapping.names and not name.startswith(_SENDER):
                metadata[name] = text_of(value)
        if resource.scope_name:
            metadata["otel.scope.name"] = resource.scope_name
        if resource.scope_version:
            metadata["otel.scope.version"] = resource.scope_version
        self.metadata = metadata
        described: dict[str, Any] = dict(_within(pod, limits))
        if labels:
            described["labels"] = _within(labels, limits)
        self.pod = described or None
        self.size = sum(len(key) + len(str(value)) for key, value in described.items())


def _within(fields: dict[str, str], limits: IngestLimits) -> dict[str, str]:
    """What fits into half of what may be known of a pod."""
    left = limits.pod_metadata_bytes_max // 2
    within = {}
    for key in sorted(fields)[: limits.metadata_keys_max]:
        left -= len(key.encode()) + len(fields[key].encode())
        if left >= 0:
            within[key] = fields[key]
    return within


class OtlpEntries:
    """Reads the records of one request.

    Attributes:
        size: what the gathered lines count for while they wait for a commit, in bytes.
        lines: lines that were taken, of the whole request.
        rejected: records that can never be stored.
        problem: why, of the first of them.
        denied: the refusal of the first task that the token does not cover.
        truncated: lines that were cut.
        trimmed: lines whose metadata was more than may be.
    """

    def __init__(self, authorization: AuthorizationCache, mapping: OtlpMapping, limits: IngestLimits) -> None:
        self._authorization = authorization
        self._mapping = mapping
        self._limits = limits
        self._now = time.time_ns()
        self._received_at = time.monotonic()
        self._shared: tuple[Resource, _Shared] | None = None
        self._names: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._events: dict[tuple[str, str], WorkerEvents] = {}
        self._batches: dict[tuple[str, str], list[LineBatch]] = {}
        self.size = self.lines = self.rejected = self.truncated = self.trimmed = 0
        self.problem = ""
        self.denied: ApiError | None = None

    def __repr__(self) -> str:
        return f"<OtlpEntries {self.lines} lines, {self.rejected} rejected>"

    def take(self, group: Group) -> None:
        """Read a group's records."""
        if self._shared is None or self._shared[0] is not group.resource:
            self._shared = group.resource, _Shared(group.resource, self._mapping, self._limits)
        shared = self._shared[1]
        for record in group.records:
            if record.problem:
                self._reject(record.problem)
            elif (names := self._named(record, shared)) is not None:
                self._add(names, self._entry(record, shared, names))

    def taken(self) -> list[LineBatch]:
        """The batches of what was read since the last time."""
        batches = [batch for of_one in self._batches.values() for batch in of_one]
        self._batches.clear()
        self.size = 0
        return batches

    def _named(self, record: Record, shared: _Shared) -> tuple[str, str] | None:
        """Task and worker; None: the record is rejected."""
        attribute, task_id = first_of(self._mapping.task, record.attributes, shared.attributes)
        if not attribute:
            self._reject(f"neither record nor resource has an attribute that names its task: {self._mapping.task[0]}")
            return None
        worker_attribute, worker_id = first_of(self._mapping.worker, record.attributes, shared.attributes)
        names = (task_id, worker_id or DEFAULT_WORKER)
        if names not in self._names:
            self._names[names] = None
            try:
                check_identifier(attribute, names[0])
                check_identifier(worker_attribute, names[1])
                self._authorization.check_task(task_id)
            except IdentifierError as error:
                self.problem = self.problem or str(error)
            except ApiError as error:
                self.problem = self.problem or error.message
                self.denied = self.denied or error
            else:
                self._names[names] = names
        if self._names[names] is None:
            self.rejected += 1
        return self._names[names]

    def _reject(self, problem: str) -> None:
        self.rejected += 1
        self.problem = self.problem or problem

    def _add(self, names: tuple[str, str], entry: LogEntry) -> None:
        batches = self._batches.setdefault(names, [])
        if not batches or len(batches[-1].entries) >= _BATCH_LINES:
            batches.append(LineBatch(*names, [], 0, self._received_at))
        weight = LINE_BYTES + len(entry.message) + (self._shared[1].size if self._shared is not None else 0)
        if entry.metadata:
            weight += sum(map(len, entry.metadata)) + sum(map(len, entry.metadata.values()))
        batches[-1].entries.append(entry)
        batches[-1].size += weight
        self.size += weight
        self.lines += 1

    def _entry(self, record: Record, shared: _Shared, names: tuple[str, str]) -> LogEntry:
        _, source = first_of(self._mapping.source, record.attributes, shared.attributes)
        source = "stderr" if source.lower() == "stderr" else "stdout"
        text = text_of(record.body) if record.body is not None else record.event_name
        message, is_cut, size = cut_message(text, self._limits.message_bytes_max)
        self.truncated += is_cut
        metadata = self._metadata(record, shared)
        level = _level(record)
        if not level:
            events = self._events.get(names)
            if events is None:
                events = self._events[names] = WorkerEvents()
            level, metadata = events.read(source, message, metadata)
        return LogEntry(
            *names,
            0,
            self._timestamp(record.time),
            level,
            source,
            message,
            metadata,
            shared.pod,
            is_cut,
            size if is_cut else 0,
        )

    def _timestamp(self, nanos: int) -> str:
        try:
            return timestamps.from_nanos(nanos or self._now)
        except ValueError:
            return timestamps.from_nanos(self._now)

    def _metadata(self, record: Record, shared: _Shared) -> dict[str, str] | None:
        metadata = shared.metadata.copy()
        mapped = self._mapping.names
        for name, value in record.attributes.items():
            if name not in mapped:
                metadata[name] = text_of(value)
        if record.event_name and record.body is not None:
            metadata["event.name"] = record.event_name
        if record.severity_text and record.severity_text.upper() not in LEVEL_NAMES:
            metadata["severity_text"] = record.severity_text
        within, is_trimmed = metadata_within(metadata, self._limits)
        self.trimmed += is_trimmed
        if record.trace_id:
            within["trace_id"] = record.trace_id
        if record.span_id:
            within["span_id"] = record.span_id
        return within or None


def _level(record: Record) -> str:
    """The level that a record says; empty: none."""
    if 1 <= record.severity <= 24:
        return _SEVERITIES[(record.severity - 1) // 4]
    return LEVEL_NAMES.get(record.severity_text.strip().upper(), "") if record.severity_text else ""
