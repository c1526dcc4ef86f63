"""Export requests in protobuf, read a slice at a time: one of 20 MiB must not stop the event loop."""

from collections.abc import Iterator
from typing import Any, Final

from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from gateway.ingest.decoding import DecodeError, Decoder, TooManyElementsError
from gateway.ingest.otlp.records import Group, Groups, Record, Resource
from gateway.ingest.otlp.values import ValueTooDeepError, attributes_of, value_of
from gateway.ingest.wire_format import LENGTH_DELIMITED, Field, fields

__all__ = ["DecodeError", "groups_of_protobuf"]

_SLICE_BYTES: Final = 16 << 10
_SLICE_RECORDS: Final = 512
_RESOURCE_LOGS: Final = 1
"""Of an ``ExportLogsServiceRequest``."""
_RESOURCE, _SCOPE_LOGS = 1, 2
"""Of ``ResourceLogs``."""
_SCOPE, _LOG_RECORDS = 1, 2
"""Of ``ScopeLogs``."""
_decoder: Final = Decoder(logs_pb2.ScopeLogs)
_record_decoder: Final = Decoder(logs_pb2.LogRecord)
_resource_decoder: Final = Decoder(resource_pb2.Resource)
_scope_decoder: Final = Decoder(common_pb2.InstrumentationScope)


def groups_of_protobuf(data: bytes) -> Groups:
    """The records of an ``ExportLogsServiceRequest``, some at a time.

    Raises:
        DecodeError: it is no such request; what was given out before was.
        ValueTooDeepError: an attribute of a resource is nested too deeply.
    """
    for resource_logs in _within(data, 0, len(data), _RESOURCE_LOGS):
        resource = Resource(_resource(data, resource_logs))
        for scope_logs in _within(data, resource_logs.content, resource_logs.end, _SCOPE_LOGS):
            scope = _last(data, scope_logs, _SCOPE)
            described = _scope_decoder.decode(scope)
            shared = Resource(resource.attributes, described.name, described.version)
            for start, end, count in _slices(data, scope_logs):
                yield Group(shared, _records(data, start, end, count), end - start)


def _within(data: bytes, start: int, end: int, number: int) -> Iterator[Field]:
    return (field for field in fields(data, start, end) if field.number == number and field.kind == LENGTH_DELIMITED)


def _last(data: bytes, outer: Field, number: int) -> bytes:
    """The content of a message's field that comes once; empty: it has none."""
    content = b""
    for field in _within(data, outer.content, outer.end, number):
        content = data[field.content : field.end]
    return content


def _resource(data: bytes, outer: Field) -> dict[str, Any]:
    return attributes_of(_resource_decoder.decode(_last(data, outer, _RESOURCE)).attributes)


def _slices(data: bytes, scope_logs: Field) -> Iterator[tuple[int, int, int]]:
    """Runs of records next to one another, each as its place and the number of its records."""
    start = end = count = 0
    for field in _within(data, scope_logs.content, scope_logs.end, _LOG_RECORDS):
        if count and (field.start > end or field.end - start > _SLICE_BYTES or count >= _SLICE_RECORDS):
            yield start, end, count
            count = 0
        if not count:
            start = field.start
        end = field.end
        count += 1
    if count:
        yield start, end, count


def _records(data: bytes, start: int, end: int, count: int) -> list[Record]:
    try:
        return [_record(message) for message in _decoder.decode(data[start:end]).log_records]
    except (TooManyElementsError, ValueTooDeepError) as error:
        if count == 1:
            return [Record(problem=f"a record is too large: {error}")]
    # One of them is at fault: each by itself, so that the others are stored.
    return [_single(data, field) for field in fields(data, start, end)]


def _single(data: bytes, field: Field) -> Record:
    try:
        return _record(_record_decoder.decode(data[field.content : field.end]))
    except (TooManyElementsError, ValueTooDeepError) as error:
        return Record(problem=f"a record is too large: {error}")


def _record(message: logs_pb2.LogRecord) -> Record:
    return Record(
        message.time_unix_nano or message.observed_time_unix_nano,
        message.severity_number,
        message.severity_text,
        value_of(message.body) if message.HasField("body") else None,
        attributes_of(message.attributes) if message.attributes else {},
        message.trace_id.hex(),
        message.span_id.hex(),
        message.event_name,
    )
