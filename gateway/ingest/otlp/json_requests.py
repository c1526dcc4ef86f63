"""Export requests in JSON, in the mapping that OTLP has of its own: hexadecimal ids, numbers of enums, 64-bit text."""

import asyncio
import base64
import binascii
from typing import Any, Final, TypeAlias

import msgspec

from gateway.ingest.decoding import DecodeError
from gateway.ingest.otlp.records import Group, Groups, Record, Resource
from gateway.ingest.otlp.values import DEPTH_MAX, ValueTooDeepError

__all__ = ["groups_of_json"]

_SLICE_BYTES: Final = 16 << 10
_SLICE_RECORDS: Final = 512
_LARGE_BYTES: Final = 64 << 10
"""Larger requests are decoded in a thread."""
_ELEMENTS_MAX: Final = 1_000_000
"""Of one request: each takes a hundred bytes of memory until it is read."""
_ID_CHARACTERS_MAX: Final = 64

Number: TypeAlias = int | str
"""A 64-bit number: protobuf's JSON writes it as text, and readers take both."""


class _Camel(msgspec.Struct, rename="camel", gc=False):
    """Names as they are in JSON; unknown fields are ignored, as OTLP requires."""


class _Values(_Camel):
    values: list["_Value"] | None = None


class _Pairs(_Camel):
    values: list["_Pair"] | None = None


class _Value(_Camel):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number | None = None
    double_value: float | str | None = None
    array_value: _Values | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _Pair(_Camel):
    key: str = ""
    value: _Value | None = None


class _LogRecord(_Camel):
    time_unix_nano: Number | None = None
    observed_time_unix_nano: Number | None = None
    severity_number: int | None = None
    severity_text: str | None = None
    body: _Value | None = None
    attributes: list[_Pair] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class _Scope(_Camel):
    name: str | None = None
    version: str | None = None


class _ScopeLogs(_Camel):
    scope: _Scope | None = None
    log_records: list[msgspec.Raw] | None = None


class _Resource(_Camel):
    attributes: list[_Pair] | None = None


class _ResourceLogs(_Camel):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Request(_Camel):
    resource_logs: list[_ResourceLogs] | None = None


_decoder: Final = msgspec.json.Decoder(_Request)
_record_decoder: Final = msgspec.json.Decoder(_LogRecord)


async def groups_of_json(data: bytes | bytearray) -> Groups:
    """The records of an ``ExportLogsServiceRequest`` in JSON, some at a time.

    Raises:
        DecodeError: it is no such request.
    """
    if data.count(b",") > _ELEMENTS_MAX:
        raise DecodeError(f"it has more than {_ELEMENTS_MAX} elements")
    try:
        # The records are only found at first, each is read when it is its turn.
        request = _decoder.decode(data) if len(data) < _LARGE_BYTES else await asyncio.to_thread(_decoder.decode, data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(error)) from error
    return _groups_of(request)


def _groups_of(request: _Request) -> Groups:
    for resource_logs in request.resource_logs or ():
        attributes = _attributes(resource_logs.resource.attributes if resource_logs.resource else None)
        for scope_logs in resource_logs.scope_logs or ():
            scope = scope_logs.scope or _Scope()
            shared = Resource(attributes, scope.name or "", scope.version or "")
            yield from _groups(shared, scope_logs.log_records or [])


def _groups(shared: Resource, raw_records: list[msgspec.Raw]) -> Groups:
    records: list[Record] = []
    size = 0
    for raw in raw_records:
        records.append(_record(raw))
        size += len(raw)
        if size >= _SLICE_BYTES or len(records) >= _SLICE_RECORDS:
            yield Group(shared, records, size)
            records, size = [], 0
    if records:
        yield Group(shared, records, size)


def _record(raw: msgspec.Raw) -> Record:
    try:
        record = _record_decoder.decode(raw)
        return Record(
            _number(record.time_unix_nano) or _number(record.observed_time_unix_nano),
            record.severity_number or 0,
            record.severity_text or "",
            _value(record.body),
            _attributes(record.attributes),
            _id(record.trace_id),
            _id(record.span_id),
            record.event_name or "",
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        return Record(problem=f"a record is not as OTLP writes it: {error}")


def _attributes(pairs: list[_Pair] | None, depth: int = DEPTH_MAX) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in pairs or ()}


def _value(value: _Value | None, depth: int = DEPTH_MAX) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.array_value is not None or value.kvlist_value is not None:
        if not depth:
            raise ValueTooDeepError
        if value.array_value is not None:
            return [_value(each, depth - 1) for each in value.array_value.values or ()]
        return _attributes(value.kvlist_value.values if value.kvlist_value else None, depth - 1)
    if value.int_value is not None:
        return _number(value.int_value)
    if value.bytes_value is not None:
        return _bytes(value.bytes_value)
    return value.double_value if value.bool_value is None else value.bool_value


def _number(value: Number | None) -> int:
    """A 64-bit number.

    Raises:
        ValueError: the text is none; longer texts would take long to read.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        if len(value) > 20:
            raise ValueError("a number has more than 64 bits")
        return int(value)
    return value


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("bytesValue is not Base64") from error


def _id(text: str | None) -> str:
    if not text:
        return ""
    if len(text) > _ID_CHARACTERS_MAX:
        raise ValueError("an id is too long")
    return bytes.fromhex(text).hex()
