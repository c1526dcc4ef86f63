"""Both documents as one page of HTML, made on the server: no script, nothing from elsewhere."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

import msgspec

__all__ = ["documentation_page"]

_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Otto log gateway: interfaces</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
"""

Document = Mapping[str, Any]


def documentation_page(openapi: Document, asyncapi: Document) -> str:
    """The page."""
    return "".join(_page(openapi, asyncapi))


def _page(openapi: Document, asyncapi: Document) -> Iterator[str]:
    info = openapi["info"]
    yield f"{_HEAD}<nav>{''.join(_contents(openapi, asyncapi))}</nav>\n<main>\n"
    yield f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>\n"
    yield _text(info["description"])
    yield '<p>For programs: <a href="/openapi.json">OpenAPI 3.1</a>, <a href="/asyncapi.json">AsyncAPI 3.0</a>.</p>\n'
    for tag in openapi["tags"]:
        yield f'<h2 id="{_anchor(tag["name"])}">{escape(tag["name"])}</h2>\n'
        for path, method, operation in _operations(openapi):
            if tag["name"] in operation["tags"]:
                yield from _operation(path, method, operation)
    yield f'<h2 id="messages">What streams carry</h2>\n{_text(asyncapi["info"]["description"])}'
    for name, channel in asyncapi["channels"].items():
        yield from _channel(name, channel, asyncapi)
    yield '<h2 id="types">Types</h2>\n'
    schemas = {**openapi["components"]["schemas"], **asyncapi["components"]["schemas"]}
    for name, schema in sorted(schemas.items()):
        yield from _type(name, schema)
    yield "</main>\n</body>\n</html>\n"


def _contents(openapi: Document, asyncapi: Document) -> Iterator[str]:
    yield '<a class="home" href="/">Otto logs</a>'
    for tag in openapi["tags"]:
        yield f'<h3><a href="#{_anchor(tag["name"])}">{escape(tag["name"])}</a></h3>'
        for _, method, operation in _operations(openapi):
            if tag["name"] in operation["tags"]:
                yield f'<a href="#{operation["operationId"]}">{method} {_inline(operation["summary"])}</a>'
    yield '<h3><a href="#messages">What streams carry</a></h3>'
    for name, channel in asyncapi["channels"].items():
        yield f'<a href="#channel-{name}">{escape(channel["title"])}</a>'
    yield '<h3><a href="#types">Types</a></h3>'


def _operations(openapi: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _operation(path: str, method: str, operation: Document) -> Iterator[str]:
    yield f'<section id="{operation["operationId"]}">\n'
    yield f'<h3><span class="method">{method}</span> <code>{escape(path)}</code></h3>\n'
    yield f'<p class="summary">{_inline(operation["summary"])}</p>\n{_text(operation["description"])}'
    if parameters := operation.get("parameters"):
        yield "<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr></thead><tbody>\n"
        for parameter in parameters:
            name = f"<code>{escape(parameter['name'])}</code>" + (" <b>needed</b>" if parameter["required"] else "")
            shown = [_example_text(each["value"]) for each in parameter.get("examples", {}).values()]
            examples = f"<br>{', '.join(shown)}" if shown else ""
            yield (
                f'<tr><td>{name}</td><td class="place">{parameter["in"]}</td><td>{_kind(parameter["schema"])}</td>'
                f"<td>{_inline(parameter['description'])}{examples}</td></tr>\n"
            )
        yield "</tbody></table>\n"
    if body := operation.get("requestBody"):
        yield f"<h4>Body{'' if body['required'] else ', optional'}</h4>\n"
        yield from _contents_of(body["content"])
    for status, answer in operation["responses"].items():
        yield f'<h4><span class="status">{status}</span> {_inline(answer["description"])}</h4>\n'
        for name, header in answer.get("headers", {}).items():
            yield f"<p><code>{escape(name)}</code>: {_inline(header['description'])}</p>\n"
        if int(status) < 400 or "ErrorDocument" not in str(answer.get("content")):
            yield from _contents_of(answer.get("content", {}))
    yield "</section>\n"


def _contents_of(content: Document) -> Iterator[str]:
    for media, described in content.items():
        yield f"<p><code>{escape(media)}</code> {_kind(described['schema'])}</p>\n"
        for name, example in described.get("examples", {}).items():
            yield f"<details><summary>Example: {escape(name)}</summary>{_code(example['value'])}</details>\n"


def _channel(name: str, channel: Document, asyncapi: Document) -> Iterator[str]:
    heading = f"{escape(channel['title'])} <code>{escape(channel['address'])}</code>"
    yield f'<section id="channel-{name}">\n<h3>{heading}</h3>\n'
    yield _text(channel["description"])
    for operation in asyncapi["operations"].values():
        if operation["channel"]["$ref"] != f"#/channels/{name}":
            continue
        sends = operation["action"] == "send"
        yield f"<h4>{'From the gateway' if sends else _inline(operation['summary'])}</h4>\n"
        yield from _messages(operation["messages"], asyncapi, "event" if sends else "request")
        yield from _messages(operation.get("reply", {}).get("messages", []), asyncapi, "answer")
    yield "</section>\n"


def _messages(references: list[dict[str, str]], asyncapi: Document, what: str) -> Iterator[str]:
    for each in references:
        message = asyncapi["components"]["messages"][each["$ref"].rpartition("/")[2]]
        yield (
            f'<details><summary><span class="method">{what}</span> <code>{escape(message["name"])}</code> '
            f"{_inline(message['summary'])} {_kind(message['payload'])}</summary>"
        )
        for example in message.get("examples", []):
            yield _code(example["payload"])
        yield "</details>\n"


def _type(name: str, schema: Document) -> Iterator[str]:
    yield f'<section id="type-{name}">\n<h3>{escape(name)}</h3>\n{_text(schema.get("description", ""))}'
    required = schema.get("required", [])
    yield "<table><thead><tr><th>Field</th><th>Type</th><th></th></tr></thead><tbody>\n"
    for field, described in schema.get("properties", {}).items():
        optional = "" if field in required else " <i>optional</i>"
        yield (
            f"<tr><td><code>{escape(field)}</code>{optional}</td><td>{_kind(described)}</td>"
            f"<td>{_inline(described.get('description', ''))}</td></tr>\n"
        )
    yield "</tbody></table>\n</section>\n"


def _kind(schema: Document) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#type-{name}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "null":
        return "nothing"
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    return escape(" ".join([str(schema.get("format", schema.get("type", "anything"))), *bounds]))


_BOUNDS: Final = {"minimum": "from", "maximum": "to", "maxLength": "up to", "pattern": "like"}


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(' '.join(part.split()))}</p>\n" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", escape(text))


def _code(value: Any) -> str:
    shown = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value)).decode()
    return f"<pre>{escape(shown)}</pre>"


def _example_text(value: Any) -> str:
    shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"<code>{escape(shown)}</code>"


def _anchor(text: str) -> str:
    return "tag-" + re.sub(r"[^a-z0-9]+", "-", text.lower())
