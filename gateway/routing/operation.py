"""What is said of one HTTP operation: its parameters, its body, its answers, and examples of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from gateway.errors import ApiError
from gateway.routing.channel import Channel

__all__ = [
    "ANY_SCOPE",
    "JSON",
    "Answer",
    "Body",
    "DescribedRoute",
    "Header",
    "Operation",
    "Parameter",
    "identifier_parameter",
]

JSON: Final = "application/json"
ANY_SCOPE: Final = "any"
"""A token is needed, whatever it allows."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an operation.

    Attributes:
        name: as it is written in a request.
        place: where it is written.
        description: what it does, in one or two sentences.
        schema: JSON Schema of its value; a list is written with commas.
        examples: values that work with the operation's other parameters as they are by default, keyed by a word. Those
            of a required parameter are what the tests call the operation with.
        is_required: whether the operation needs it.
    """

    name: str
    place: Literal["path", "query", "header"] = "query"
    description: str
    schema: Mapping[str, Any]
    examples: Mapping[str, Any] = field(default_factory=dict)
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header of an answer."""

    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What an operation takes.

    Attributes:
        type: of the JSON document; see ``gateway.routing.json_schemas``.
        examples: documents that are accepted, keyed by a word.
        is_required: whether there must be a body.
    """

    type: Any
    examples: Mapping[str, Any]
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers with one status.

    Attributes:
        description: when that is, in a sentence.
        type: of the JSON document; None: there is no JSON, and either ``media`` or no content.
        media: media types of an answer that is not JSON, or need not be.
        examples: documents, keyed by a word.
        headers: headers that are part of the contract.
    """

    description: str
    type: Any = None
    media: tuple[str, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Header] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        id: a verb and a noun in camelCase, unique; also the route's name.
        method: the HTTP method.
        tag: the chapter of the reference that it belongs to.
        summary: half a line.
        description: what a reader has to know beyond that; backticks mark code.
        scope: what a token must allow; ``ANY_SCOPE``: whatever it allows; None: no token is needed.
        parameters: all of them.
        body: None: it takes none.
        answers: by status, without the errors.
        errors: codes of ``gateway.errors`` that it may answer with, beside those that follow from the rest:
            ``INVALID_ARGUMENT`` where there are parameters or a body, ``UNAUTHENTICATED`` and ``PERMISSION_DENIED``
            where there is a scope, ``PAYLOAD_TOO_LARGE`` where there is a body, and ``UNAVAILABLE`` where ``stored``.
        stored: it reads or writes a database.
        channel: what a stream carries, for AsyncAPI.
        credentials: ``header`` where cookies, tickets and query parameters do not count; ``any`` elsewhere.
    """

    id: str
    method: Method
    tag: str
    summary: str
    description: str = ""
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Answer]
    errors: tuple[str, ...] = ()
    stored: bool = False
    channel: Channel | None = None

    @property
    def credentials(self) -> Literal["any", "header"]:
        """Where a credential may be: what changes something takes it in the header alone."""
        return "any" if self.method == "GET" else "header"

    def error_codes(self) -> Mapping[HTTPStatus, list[str]]:
        """The codes of its refusals by status."""
        codes = [*self.errors, "HEAD_TOO_LARGE"]
        if self.parameters or self.body or self.scope:
            codes.append("INVALID_ARGUMENT")
        if self.scope:
            codes += ["UNAUTHENTICATED", "PERMISSION_DENIED"]
        if self.body:
            codes.append("PAYLOAD_TOO_LARGE")
        if self.stored:
            codes.append("UNAVAILABLE")
        by_status: dict[HTTPStatus, list[str]] = {}
        for code in dict.fromkeys(codes):
            by_status.setdefault(ApiError(code, "").http_status, []).append(code)
        return dict(sorted(by_status.items()))


class DescribedRoute(Route):
    """A route with what is said of it; path and method are written once, in the route and in the operation.

    ``body_bytes_max`` is the longest body on its path; None: as long as everywhere.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        operation: Operation,
        *,
        body_bytes_max: int | None = None,
    ) -> None:
        super().__init__(path, endpoint, methods=[operation.method], name=operation.id)
        self.operation = operation
        self.body_bytes_max = body_bytes_max
        _, has_identifier, suffix = path.rpartition(":identifier}")
        self._suffix = suffix.encode() if has_identifier else b""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this route; what stands behind an identifier is no part of one as it was written.

        Starlette looks at the decoded path, where a task called ``a/counts`` looks like the counts of a task ``a``.
        """
        match, child = super().matches(scope)
        if match is not Match.NONE and not scope.get("raw_path", self._suffix).endswith(self._suffix):
            return Match.NONE, {}
        return match, child


_IDENTIFIER: Final = {"type": "string", "minLength": 1, "maxLength": 256}


def identifier_parameter(
    name: str, *, place: Literal["path", "query"], description: str, example: str, is_required: bool = True
) -> Parameter:
    """A task, pipeline or worker id."""
    return Parameter(
        name=name,
        place=place,
        description=f"{description} 1 to 256 bytes of UTF-8 without control characters"
        + ("; a slash in it is written `%2F`." if place == "path" else "."),
        schema=_IDENTIFIER,
        examples={"named": example},
        is_required=is_required,
    )
