"""``/openapi.json``, ``/asyncapi.json`` and ``/docs``."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.interface_docs.asyncapi_document import asyncapi_document
from gateway.interface_docs.html import documentation_page
from gateway.interface_docs.openapi_document import openapi_document
from gateway.routing.channel import Channel
from gateway.routing.operation import Answer, DescribedRoute, Header, Operation
from gateway.viewer.routes import PAGE_HEADERS, PAGES

__all__ = ["description_routes"]


def _document(identifier: str, summary: str, media: str | None, path: str) -> tuple[str, Operation]:
    described = Answer(
        "The document.",
        None if media else {"type": "object"},
        media=(media,) if media else (),
        headers={"ETag": Header("Changes with the gateway's version.")},
    )
    known = Answer("The document is the one that `If-None-Match` names.")
    return path, Operation(identifier, "GET", PAGES, summary, answers={200: described, 304: known})


_OPENAPI: Final = _document("readOpenApi", "HTTP, as OpenAPI 3.1", None, "/openapi.json")
_ASYNCAPI: Final = _document("readAsyncApi", "Streams and Socket.IO, as AsyncAPI 3.0", None, "/asyncapi.json")
_PAGE: Final = _document("readDocs", "Both, to be read", "text/html", "/docs")
_STYLE: Final = _document("readDocsStyle", "Its style", "text/css", "/docs/docs.css")


def description_routes(
    routes: Sequence[DescribedRoute],
    *,
    channels: Sequence[Channel] = (),
    elsewhere: Sequence[tuple[str, Operation]] = (),
    needs_tokens: bool = True,
) -> list[DescribedRoute]:
    """The documents of all routes, these included; built at the first request, then kept in memory for all requests.

    Args:
        routes: of all other parts; those with a channel appear in AsyncAPI as well.
        channels: what is no route of ours: Socket.IO.
        elsewhere: operations, with their paths, that are served beside the routes.
        needs_tokens: whether credentials are configured.
    """
    own = (_OPENAPI, _ASYNCAPI, _PAGE, _STYLE)
    operations = [*((route.path, route.operation) for route in routes), *elsewhere, *own]
    streams = [route.operation.channel for route in routes if route.operation.channel is not None]
    documents = _Documents(operations, [*streams, *channels], needs_tokens)
    return [
        _route(_OPENAPI, lambda: documents.openapi_json, "application/json"),
        _route(_ASYNCAPI, lambda: documents.asyncapi_json, "application/json"),
        _route(_PAGE, lambda: documents.page, "text/html; charset=utf-8"),
        _route(_STYLE, _style, "text/css; charset=utf-8"),
    ]


class _Documents:
    """The documents, made when they are first asked for: making them takes longer than the rest of a start."""

    def __init__(
        self, operations: Sequence[tuple[str, Operation]], channels: Sequence[Channel], needs_tokens: bool
    ) -> None:
        self._operations = operations
        self._channels = channels
        self._needs_tokens = needs_tokens
        self._version = version("otto-log-gateway")

    @cached_property
    def _openapi(self) -> dict[str, Any]:
        return openapi_document(self._operations, version=self._version, needs_tokens=self._needs_tokens)

    @cached_property
    def _asyncapi(self) -> dict[str, Any]:
        return asyncapi_document(self._channels, version=self._version)

    @property
    def openapi_json(self) -> bytes:
        return _json(self._openapi)

    @property
    def asyncapi_json(self) -> bytes:
        return _json(self._asyncapi)

    @property
    def page(self) -> bytes:
        return documentation_page(self._openapi, self._asyncapi).encode()


def _style() -> bytes:
    return files("gateway.interface_docs").joinpath("docs.css").read_bytes()


def _json(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _route(described: tuple[str, Operation], make: Callable[[], bytes], media_type: str) -> DescribedRoute:
    path, operation = described
    making = asyncio.Lock()
    made: tuple[bytes, dict[str, str]] | None = None

    def content_and_headers() -> tuple[bytes, dict[str, str]]:
        content = make()
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        return content, {**PAGE_HEADERS, "ETag": tag}

    async def serve(request: Request) -> Response:
        nonlocal made
        async with making:
            if made is None:
                made = await asyncio.to_thread(content_and_headers)  # some 0.2 s that would delay every stream
        content, headers = made
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return DescribedRoute(path, serve, operation)
