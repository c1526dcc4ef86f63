"""The OpenAPI 3.1 document of all HTTP operations."""

import re
from collections.abc import Sequence
from typing import Any, Final

from gateway.errors import ErrorDocument
from gateway.routing.examples import example_of
from gateway.routing.json_schemas import components, first_sentence, reference
from gateway.routing.operation import ANY_SCOPE, JSON, Answer, Body, Operation
from gateway.routing.parameters import Parameter

__all__ = ["openapi_document", "public_path"]

_ERROR_TEXTS: Final = {
    "INVALID_ARGUMENT": "A value is wrong; `field` names it.",
    "UNAUTHENTICATED": "There is no token, or one that does not verify.",
    "PERMISSION_DENIED": "A good token for something else.",
    "NOT_FOUND": "There is no such thing.",
    "METHOD_NOT_ALLOWED": "The path takes other methods.",
    "NOT_ACCEPTABLE": "None of the media types in `Accept` can be given.",
    "PAYLOAD_TOO_LARGE": "The body is longer than it may be.",
    "HEAD_TOO_LARGE": "Address and headers are longer than they may be together.",
    "RESOURCE_EXHAUSTED": "Too much at once.",
    "SERVER_FULL": "As many sessions as there may be are open.",
    "UNAVAILABLE": "A database cannot be used at the moment.",
}
_RETRIED: Final = ("SERVER_FULL", "UNAVAILABLE", "RESOURCE_EXHAUSTED")
_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token with the scope that the operation names.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "otto_session",
        "description": "What `POST /api/v1/auth/session` sets.",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "What `POST /api/v1/auth/ticket` gives out; good once.",
    },
    "accessToken": {
        "type": "apiKey",
        "in": "query",
        "name": "access_token",
        "description": "The token itself, for clients that can do nothing else.",
    },
}
_DESCRIPTION: Final = """Live log gateway: gRPC in, Server-Sent Events and Socket.IO out.

As long as no credentials are configured nothing needs a token. Unknown query parameters are ignored, wrong values are
refused with `INVALID_ARGUMENT`, and every refusal is `{"error": {"code", "message", "field"?}}`. A path that is not
described here is answered with 404, a method that is not described with 405. `HEAD` works wherever `GET` does."""


def public_path(route_path: str) -> str:
    """A route's path as clients know it: ``{task_id:identifier}`` is ``{taskId}``."""

    def parameter(match: re.Match[str]) -> str:
        first, *rest = match[1].split("_")
        return "{" + first + "".join(word.capitalize() for word in rest) + "}"

    return re.sub(r"\{([a-z_]+)(?::[a-z]+)?\}", parameter, route_path)


def openapi_document(
    operations: Sequence[tuple[str, Operation]], *, version: str, needs_tokens: bool
) -> dict[str, Any]:
    """The document.

    Args:
        operations: each with its route's path.
        version: of the gateway.
        needs_tokens: whether credentials are configured; without them no operation names any.
    """
    paths: dict[str, Any] = {}
    types: list[Any] = [ErrorDocument]
    tags = {operation.tag.name: operation.tag.description for _, operation in operations}
    for path, operation in operations:
        paths.setdefault(public_path(path), {})[operation.method.lower()] = _operation(operation, needs_tokens)
        types += [_answer(answer).type for answer in operation.answers.values()]
        types.append(operation.body.type if operation.body else None)
        types += operation.error_types
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Otto log gateway",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {"schemas": components(types)} | ({"securitySchemes": _SECURITY} if needs_tokens else {}),
    }


def _operation(operation: Operation, needs_tokens: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag.name],
        "summary": operation.summary,
        "description": _described(operation),
        "security": _security(operation) if needs_tokens else [],
    }
    if operation.parameters:
        fields["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        fields["requestBody"] = {
            "required": operation.body.is_required,
            "content": _body_content(operation.body),
        }
    fields["responses"] = {str(status): _response(_answer(answer)) for status, answer in operation.answers.items()}
    for status, codes in operation.error_codes().items():
        fields["responses"].setdefault(str(int(status)), _refusal(codes, operation))
    return fields


def _body_content(body: Body) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        JSON: {"schema": reference(body.type), "examples": _examples(body.examples)},
        **{media: {"schema": text, "example": example} for media, example in body.media.items()},
    }


def _described(operation: Operation) -> str:
    if operation.scope is None:
        scope = "Needs no token."
    elif operation.scope == ANY_SCOPE:
        scope = "Needs a token."
    else:
        scope = f"Needs a token with the scope `{operation.scope}`."
    return f"{operation.description}\n\n{scope}".strip()


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.scope is None:
        return []
    names = _SECURITY if operation.credentials == "any" else ("bearer",)
    return [{name: []} for name in names]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": dict(parameter.schema),
    }
    if parameter.schema.get("type") == "array":
        fields |= {"style": "form", "explode": False}
    if parameter.examples:
        fields["examples"] = _examples({_label(value): value for value in parameter.examples})
    return fields


def _label(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _answer(answer: Answer | type) -> Answer:
    """The answer; that of a type alone is described by its docstring."""
    return answer if isinstance(answer, Answer) else Answer(first_sentence(answer.__doc__ or ""), answer)


def _response(answer: Answer) -> dict[str, Any]:
    fields: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        fields["headers"] = {
            name: {"description": header.description, "schema": dict(header.schema)}
            for name, header in answer.headers.items()
        }
    text: dict[str, Any] = {"schema": {"type": "string"}}
    if answer.type is not None:
        fields["content"] = {JSON: _content(answer), **dict.fromkeys(answer.media, text)}
    elif answer.media:
        content = text | ({"examples": _examples(answer.examples)} if answer.examples else {})
        fields["content"] = dict.fromkeys(answer.media, content)
    return fields


def _refusal(codes: list[str], operation: Operation) -> dict[str, Any]:
    schemas = [reference(each) for each in operation.error_types]
    fields: dict[str, Any] = {
        "description": " ".join(f"`{code}`: {_ERROR_TEXTS.get(code, '')}" for code in codes),
        "content": {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}},
    }
    if any(code in _RETRIED for code in codes):
        seconds = {"description": "When trying again may help, in seconds.", "schema": {"type": "integer"}}
        fields["headers"] = {"Retry-After": seconds}
    return fields


def _content(answer: Answer) -> dict[str, Any]:
    if isinstance(answer.type, dict):
        return {"schema": answer.type}
    usual = example_of(answer.type)
    examples = {name: usual | given for name, given in (answer.examples or {"example": {}}).items()}
    return {"schema": reference(answer.type), "examples": _examples(examples)}


def _examples(examples: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}
