"""HTTP from the gateway's OpenAPI document, events and messages from its AsyncAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.docs.markdown import table

__all__ = ["event_lines", "http_lines"]


def http_lines(openapi: Mapping[str, Any]) -> Iterator[str]:
    """Every operation, by its part."""
    yield "# HTTP operations"
    yield "Every operation, from the gateway's own `/openapi.json`, from which clients can be generated. How they work"
    yield "together is in [interfaces](../api.md)."
    yield ""
    operations = [(path, method, each) for path, of in openapi["paths"].items() for method, each in of.items()]
    for tag in openapi["tags"]:
        yield f"## {tag['name']}"
        yield tag.get("description", "")
        yield ""
        for path, method, operation in operations:
            if tag["name"] in operation.get("tags", ()):
                yield from _operation_lines(path, method, operation)


def _operation_lines(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield operation["summary"].rstrip(".") + "."
    yield operation.get("description", "")
    yield ""
    parameters = [each for each in operation.get("parameters", ()) if "name" in each]
    if parameters:
        rows = ((f"`{each['name']}`", each["in"], each.get("description", "")) for each in parameters)
        yield from table(("parameter", "in", "meaning"), rows)
    if "requestBody" in operation:
        yield f"Body: {_media(operation['requestBody'])}."
        yield ""
    answers = operation["responses"].items()
    yield from table(("status", "answer"), ((code, each["description"]) for code, each in answers))


def _media(body: Mapping[str, Any]) -> str:
    return ", ".join(f"`{media}`" + _named(content) for media, content in body["content"].items())


def _named(content: Mapping[str, Any]) -> str:
    name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    return f" (`{name}`)" if name else ""


def event_lines(asyncapi: Mapping[str, Any]) -> Iterator[str]:
    """Every channel with its messages."""
    yield "# Events and messages"
    yield "What streams and Socket.IO carry, from the gateway's own `/asyncapi.json`. How to resume is in"
    yield "[interfaces](../api.md#positions)."
    yield ""
    for key, channel in asyncapi["channels"].items():
        yield f"## `{channel.get('address') or key}`"
        yield channel.get("description") or channel.get("summary") or channel.get("title", "")
        yield ""
        yield from table(("message", "meaning"), (_message(each, asyncapi) for each in channel["messages"].values()))


def _message(message: Mapping[str, Any], asyncapi: Mapping[str, Any]) -> tuple[str, str]:
    if "$ref" in message:
        message = asyncapi["components"]["messages"][message["$ref"].rpartition("/")[2]]
    name = message.get("name") or message.get("title", "")
    said = [message.get("title", ""), message.get("summary", ""), message.get("description", "")]
    return f"`{name}`", " ".join(dict.fromkeys(text for text in said if text and text != name))
