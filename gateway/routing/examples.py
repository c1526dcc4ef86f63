"""Examples of documents, made from their types."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["example_of"]

_TIME: Final = "2026-01-31T13:45:00.123456789Z"
_BY_NAME: Final[Mapping[str, Any]] = {
    "taskId": "build-7",
    "workerId": "worker-1",
    "workers": ["worker-1"],
    "workerPodNames": ["worker-1", "worker-2"],
    "level": "WARN",
    "source": "stderr",
    "message": "retrying: connection refused",
    "sequence": 1042,
    "lastSequence": 1042,
    "sequences": [17, 1042],
    "levels": {"INFO": 1040, "WARN": 2},
    "pipelineId": "release",
    "stageId": "compile",
    "progressPercentage": 66,
    "epoch": "5f0c2a91",
    "position": "5f0c2a91-1042.end",
    "timestamp": _TIME,
    "q": "refused",
    "hasNext": False,
    "isRestart": False,
    "averageLatency": 4.2,
    "errorRate": 0.0,
    "memoryUsage": 83_886_080,
}
"""Values of fields that are the same in many documents; others have theirs in the annotation of the field."""


def example_of(described: Any) -> Any:
    """A document of a type: fields that are always there, with the values of the project's vocabulary.

    A type says otherwise with ``msgspec.Meta(examples=[...])``. What may be null is null.
    """
    (schema,), named = msgspec.json.schema_components([described])
    return _example(schema, named, "")


def _example(schema: Mapping[str, Any], named: Mapping[str, Any], name: str) -> Any:
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return _BY_NAME[name] if _BY_NAME.get(name) in schema["enum"] else schema["enum"][0]
    if "$ref" in schema:
        return _example(named[schema["$ref"].rpartition("/")[2]], named, name)
    if "anyOf" in schema:
        kinds = schema["anyOf"]
        return None if {"type": "null"} in kinds else _example(kinds[0], named, name)
    if "properties" in schema:
        always = schema["required"] or schema["properties"]
        return {
            field: _example(value, named, field)
            for field, value in schema["properties"].items()
            if field in always or value.get("default")
        }
    if "const" in schema:
        return schema["const"]
    if schema.get("format") == "date-time":
        return _TIME
    return _BY_NAME[name] if name in _BY_NAME else _plain(schema, named, name)


def _plain(schema: Mapping[str, Any], named: Mapping[str, Any], name: str) -> Any:
    match schema.get("type"):
        case "array":
            return [_example(schema["items"], named, name)] if "$ref" in schema.get("items", {}) else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return schema.get("default", True)
        case "string":
            return schema.get("default", name)
        case _:
            return {}
