"""The gateway's descriptions of itself, read as a client would: operations, examples, schemas."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import jsonschema_rs

__all__ = ["Call", "calls", "references", "violations"]


@dataclass
class Call:
    """One request that the description promises to work."""

    name: str
    method: str
    path: str
    operation: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None


def calls(openapi: dict[str, Any]) -> Iterator[Call]:
    """Every operation with its parameters as they are by default, then with each of its examples."""
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield from _calls(path, method.upper(), operation)


def _calls(path: str, method: str, operation: dict[str, Any]) -> Iterator[Call]:
    parameters = operation.get("parameters", [])
    body = operation.get("requestBody", {})
    bodies = {
        name: example["value"]
        for content in body.get("content", {}).values()
        for name, example in content.get("examples", {}).items()
    }
    usual = next(iter(bodies.values())) if body.get("required") else None

    def call(name: str, chosen: dict[str, Any], body: Any = None) -> Call:
        made = Call(f"{operation['operationId']} {name}".strip(), method, path, operation, json=body)
        for parameter in parameters:
            examples = parameter.get("examples", {})
            if parameter["name"] in chosen:
                value = chosen[parameter["name"]]
            elif parameter["required"]:
                value = next(iter(examples.values()))["value"]
            else:
                continue
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            if parameter["in"] == "path":
                made.path = made.path.replace("{" + parameter["name"] + "}", quote(text, safe=""))
            elif parameter["in"] == "query":
                made.query[parameter["name"]] = text
            else:
                made.headers[parameter["name"]] = text
        return made

    yield call("", {}, usual)
    for parameter in parameters:
        for name, example in parameter.get("examples", {}).items():
            yield call(f"{parameter['name']}: {name}", {parameter["name"]: example["value"]}, usual)
    for name, value in bodies.items():
        yield call(f"body: {name}", {}, value)


def references(node: Any) -> Iterator[str]:
    """Every ``$ref`` in a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def violations(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """What of a value is not as a schema of a document says; a field that no schema names is a violation, too."""
    components = {"schemas": {name: _closed(each) for name, each in document["components"]["schemas"].items()}}
    validator = jsonschema_rs.validator_for({**schema, "components": components}, validate_formats=True)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(value)]


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Clients must not mind new fields, but the description of today should know all of today's."""
    return {**schema, "additionalProperties": False} if "properties" in schema else schema
