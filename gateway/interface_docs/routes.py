"""``/openapi.json``, ``/asyncapi.json`` and ``/docs``."""

import hashlib
from collections.abc import Sequence
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
from gateway.viewer.routes import PAGE_HEADERS

__all__ = ["description_routes"]


def _document(identifier: str, summary: str, media: str | None, path: str) -> tuple[str, Operation]:
    described = Answer(
        description="The document.",
        type=None if media else {"type": "object"},
        media=(media,) if media else (),
        headers={"ETag": Header(description="Changes with the gateway's version.")},
    )
    known = Answer(description="The document is the one that `If-None-Match` names.")
    operation = Operation(
        id=identifier, method="GET", tag="Pages", summary=summary, answers={200: described, 304: known}
    )
    return path, operation


_OPENAPI: Final = _document("readOpenApi", "HTTP, as OpenAPI 3.1", None, "/openapi.json")
_ASYNCAPI: Final = _document("readAsyncApi", "Streams and Socket.IO, as AsyncAPI 3.0", None, "/asyncapi.json")
_PAGE: Final = _document("readDocs", "Both, to be read", "text/html", "/docs")
_STYLE: Final = _document("readDocsStyle", "Its style", "text/css", "/docs/docs.css")


def description_routes(
    routes: Sequence[DescribedRoute],
    *,
    channels: Sequence[Channel] = (),
    elsewhere: Sequence[tuple[str, Operation]] = (),
) -> list[DescribedRoute]:
    """What tells of all routes, these included; made once, held in memory, for everybody.

    Args:
        routes: of all other parts; those with a channel appear in AsyncAPI as well.
        channels: what is no route of ours: Socket.IO.
        elsewhere: operations, with their paths, that are served beside the routes.
    """
    own = (_OPENAPI, _ASYNCAPI, _PAGE, _STYLE)
    operations = [*((route.path, route.operation) for route in routes), *elsewhere, *own]
    streams = [route.operation.channel for route in routes if route.operation.channel is not None]
    number = version("otto-log-gateway")
    openapi = openapi_document(operations, version=number)
    asyncapi = asyncapi_document([*streams, *channels], version=number)
    page = documentation_page(openapi, asyncapi).encode()
    style = files("gateway.interface_docs").joinpath("docs.css").read_bytes()
    return [
        _route(_OPENAPI, _json(openapi), "application/json"),
        _route(_ASYNCAPI, _json(asyncapi), "application/json"),
        _route(_PAGE, page, "text/html; charset=utf-8"),
        _route(_STYLE, style, "text/css; charset=utf-8"),
    ]


def _json(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _route(described: tuple[str, Operation], content: bytes, media_type: str) -> DescribedRoute:
    path, operation = described
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {**PAGE_HEADERS, "ETag": tag}

    async def serve(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return DescribedRoute(path, serve, operation)
