"""Export requests of OTLP, as an SDK would make them."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2

__all__ = ["any_value", "export_request", "log_record"]


def any_value(value: Any) -> common_pb2.AnyValue:
    """A value of Python as OTLP has it."""
    if isinstance(value, bool):
        return common_pb2.AnyValue(bool_value=value)
    if isinstance(value, dict):
        return common_pb2.AnyValue(kvlist_value=common_pb2.KeyValueList(values=_pairs(value)))
    if isinstance(value, list):
        return common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=map(any_value, value)))
    if value is None:
        return common_pb2.AnyValue()
    kind = {str: "string_value", int: "int_value", float: "double_value", bytes: "bytes_value"}[type(value)]
    return common_pb2.AnyValue(**{kind: value})


def _pairs(attributes: Mapping[str, Any]) -> list[common_pb2.KeyValue]:
    return [common_pb2.KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def log_record(body: Any = "", attributes: Mapping[str, Any] | None = None, **fields: Any) -> logs_pb2.LogRecord:
    """A record."""
    return logs_pb2.LogRecord(body=any_value(body), attributes=_pairs(attributes or {}), **fields)


def export_request(
    records: list[logs_pb2.LogRecord], resource: Mapping[str, Any] | None = None, scope: str = ""
) -> logs_service_pb2.ExportLogsServiceRequest:
    """A request with records of one resource; without attributes that of task ``build``."""
    request = logs_service_pb2.ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(_pairs({"otto.task_id": "build"} if resource is None else resource))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    scope_logs.log_records.extend(records)
    return request
