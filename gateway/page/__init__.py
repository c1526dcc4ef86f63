"""The plain viewer: a page from the gateway itself that lists what streams, and shows it live."""

import hashlib
import re
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.description.operation import Answer, DescribedRoute, Header, Operation

__all__ = ["PAGE_HEADERS", "page_routes"]

_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "viewer.css": "text/css; charset=utf-8",
    "viewer.js": "text/javascript; charset=utf-8",
    "stream.js": "text/javascript; charset=utf-8",
    "log-view.js": "text/javascript; charset=utf-8",
}
PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # an address may have a token in it
}


def page_routes() -> list[DescribedRoute]:
    """``/`` and the files that it needs, held in memory; they hold no data, so none needs a token."""
    routes = [_route(f"/page/{name}", name) for name in _TYPES if name != "index.html"]
    return [_route("/", "index.html"), *routes]


def _route(path: str, name: str) -> DescribedRoute:
    content = files(__name__).joinpath(name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {**PAGE_HEADERS, "ETag": tag}

    async def serve(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_TYPES[name])

    return DescribedRoute(path, serve, _operation(name))


def _operation(name: str) -> Operation:
    words = re.split(r"[-.]", name)
    return Operation(
        id="viewerPage" if name == "index.html" else "viewerFile" + "".join(word.capitalize() for word in words),
        method="GET",
        tag="Pages",
        summary="The viewer page" if name == "index.html" else f"`{name}` of the viewer page",
        answers={
            200: Answer(
                description="The file.",
                media=(_TYPES[name].partition(";")[0],),
                headers={"ETag": Header(description="Changes with the file.")},
            ),
            304: Answer(description="The file is the one that `If-None-Match` names."),
        },
    )
