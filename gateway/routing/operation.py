"""What is said of one HTTP operation: its parameters, its body, its answers, and examples of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from gateway.errors import ApiError, ErrorDocument
from gateway.routing.channel import Channel
from gateway.routing.parameters import Parameter

__all__ = [
    "ANY_SCOPE",
    "JSON",
    "Answer",
    "Body",
    "DescribedRoute",
    "Header",
    "Operation",
    "Tag",
]

JSON: Final = "application/json"
ANY_SCOPE: Final = "any"
"""A token is needed, whatever it allows."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Tag:
    """A chapter of the reference, and what it is about."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header of an answer."""

    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Body:
    """What an operation takes.

    Attributes:
        type: of the JSON document; see ``gateway.routing.json_schemas``.
        examples: documents that are accepted, keyed by a word.
        is_required: whether there must be a body.
        media: media types of bodies that are no JSON, each with an example.
    """

    type: Any
    examples: Mapping[str, Any]
    is_required: bool = True
    media: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers with one status.

    Attributes:
        description: when that is, in a sentence.
        type: of the JSON document, which makes its example; None: there is no JSON, and either ``media`` or no content.
        media: media types of an answer that is not JSON, or need not be.
        examples: keyed by a word; of a type the fields that differ from the example that follows from it.
        headers: headers that are part of the contract.
    """

    description: str
    type: Any = None
    _: KW_ONLY
    media: tuple[str, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Header] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        id: a verb and a noun in camelCase, unique; also the route's name.
        method: the HTTP method.
        tag: the chapter of the reference that it belongs to.
        summary: half a line.
        description: what a reader has to know beyond that; backticks mark code.
        scope: what a token must allow; ``ANY_SCOPE``: any token; None: no token is needed.
        parameters: all of them.
        body: None: it takes none.
        answers: by status, without the errors; a type is described by the first sentence of its docstring.
        errors: codes of ``gateway.errors`` that it may answer with, beside those that follow from the rest:
            ``INVALID_ARGUMENT`` if there are parameters or a body, ``UNAUTHENTICATED`` and ``PERMISSION_DENIED``
            if there is a scope, the latter also if it changes something, ``PAYLOAD_TOO_LARGE`` if there is a
            body, and ``UNAVAILABLE`` if ``stored``.
        stored: it reads or writes a database.
        channel: what a stream carries, for AsyncAPI.
        error_types: documents that its refusals may be.
        credentials: ``header`` if cookies, tickets and query parameters do not count; else ``any``.
    """

    id: str
    method: Method
    tag: Tag
    summary: str
    _: KW_ONLY
    answers: Mapping[int, Answer | type]
    description: str = ""
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    errors: tuple[str, ...] = ()
    stored: bool = False
    channel: Channel | None = None
    error_types: tuple[Any, ...] = (ErrorDocument,)

    @property
    def credentials(self) -> Literal["any", "header"]:
        """The accepted places of a credential. Operations that change something accept the header only."""
        return "any" if self.method == "GET" else "header"

    def error_codes(self) -> Mapping[HTTPStatus, list[str]]:
        """The codes of its refusals by status."""
        codes = [*self.errors, "HEAD_TOO_LARGE"]
        if self.parameters or self.body or self.scope:
            codes.append("INVALID_ARGUMENT")
        if self.scope:
            codes += ["UNAUTHENTICATED", "PERMISSION_DENIED"]
        if self.method != "GET":  # by a page of another origin
            codes.append("PERMISSION_DENIED")
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

    ``body_bytes_max`` is the longest body on its path; None: as long as everywhere. ``limits_its_body``: the handler
    reads as much as it wants, and nothing stands before it.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        operation: Operation,
        *,
        body_bytes_max: int | None = None,
        limits_its_body: bool = False,
    ) -> None:
        super().__init__(path, endpoint, methods=[operation.method], name=operation.id)
        self.operation = operation
        self.body_bytes_max = body_bytes_max
        self.limits_its_body = limits_its_body
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
