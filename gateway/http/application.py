"""The HTTP application: routes, one form of error, limits, and who may call from another origin."""

import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ApiError, error_response
from gateway.http.origins import AllowedOrigins, OriginGuard
from storage.errors import StorageError

__all__ = ["RequestLog", "beside", "http_application"]

_CORS_METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
_CORS_HEADERS: Final = (
    *("Authorization", "Content-Type", "If-None-Match", "Last-Event-ID"),
    *("Cache-Control", "X-Requested-With"),  # what older pages send with everything
)
_CORS_EXPOSED: Final = ("ETag", "Retry-After")
_CORS_SECONDS: Final = 600
_RETRY_AFTER_SECONDS: Final = 2
_CODES: Final = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}

_log = structlog.get_logger(__name__)


def http_application(
    routes: Sequence[BaseRoute],
    *,
    cors_origins: Sequence[str] = (),
    body_bytes_max: int = 64 << 10,
    body_bytes_max_of: Mapping[str, int] | None = None,
    unlimited_bodies: Sequence[str] = (),
    on_error: Callable[[str], None] = lambda _: None,
    missing_page: Callable[[Request], Response | None] = lambda _: None,
) -> ASGIApp:
    """Put routes together.

    Args:
        routes: of all parts.
        cors_origins: origins of pages that may call; ``*`` is any, and then without cookies.
        body_bytes_max: a longer request body is refused.
        body_bytes_max_of: the same for single paths, which take longer ones.
        unlimited_bodies: how paths begin whose handlers limit the body themselves.
        on_error: called with the code of every refusal and failure, in lower case.
        missing_page: what a reader of pages gets for a path that no route has; None: an error in the form of all.
    """

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette names the methods of the first route with this path only.
            error.headers = {"Allow": ", ".join(_allowed(routes, request.scope))}
        refusal = _refusal(error)
        on_error(f"http_{refusal.code.lower()}")
        is_missing = isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND
        response = (missing_page(request) if is_missing else None) or error_response(refusal)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    middleware = [
        Middleware(OriginGuard, origins=AllowedOrigins(cors_origins), on_error=on_error),
        Middleware(
            _BodyLimit,
            bytes_max=body_bytes_max,
            bytes_max_of=body_bytes_max_of or {},
            unlimited=tuple(unlimited_bodies),
        ),
    ]
    if cors_origins:
        middleware.insert(
            0,
            Middleware(
                _Cors,
                allow_origins=list(cors_origins),
                allow_credentials="*" not in cors_origins,
                allow_methods=_CORS_METHODS,
                allow_headers=_CORS_HEADERS,
                expose_headers=_CORS_EXPOSED,
                max_age=_CORS_SECONDS,
            ),
        )
    handled: tuple[type[Exception], ...] = (ApiError, StorageError, HTTPException, ClientDisconnect, Exception)
    application = Starlette(routes=routes, middleware=middleware, exception_handlers=dict.fromkeys(handled, refuse))
    # No redirects to a corrected path: their address would come from the Host header of the client.
    application.router.redirect_slashes = False
    return application


def _refusal(error: Exception) -> ApiError:
    """The error that the client receives."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, StorageError):
        text = "the journal cannot be used at the moment; try again"
        return ApiError("UNAVAILABLE", text, retry_after_seconds=_RETRY_AFTER_SECONDS)
    if isinstance(error, ClientDisconnect):
        return ApiError("INVALID_ARGUMENT", "the body broke off")  # not sent; avoids a traceback in the log
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "INVALID_ARGUMENT")
        return ApiError(code, _text_of(code, error))
    return ApiError("INTERNAL", "the gateway ran into an error of its own")


def _allowed(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods that the routes of a path take."""
    here = [route for route in routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    return sorted({method for route in here for method in route.methods or ()})


def _text_of(code: str, error: HTTPException) -> str:
    if code == "NOT_FOUND":
        return "no such path"
    if code == "METHOD_NOT_ALLOWED":
        allowed = (error.headers or {}).get("Allow", "")
        return f"this path takes {allowed or 'other methods'}"
    return error.detail


class _Cors(CORSMiddleware):
    """Refuses in the one form of errors."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        text = bytes(response.body).decode()
        refusal = error_response(ApiError("INVALID_ARGUMENT", f"{text}; CORS_ORIGINS says which pages may call"))
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        refusal.headers.update(kept)
        return refusal


class _BodyLimit:
    """Refuses a body by its announced length, or once it has grown too long."""

    def __init__(
        self, app: ASGIApp, bytes_max: int, bytes_max_of: Mapping[str, int], unlimited: tuple[str, ...]
    ) -> None:
        self._app = app
        self._unlimited = unlimited
        self._bytes_max = bytes_max
        self._bytes_max_of = bytes_max_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._unlimited):
            await self._app(scope, receive, send)
            return
        most = self._bytes_max_of.get(scope["path"], self._bytes_max)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > most:
            # Before the routes and their error handlers, so that nothing of the body is read.
            await error_response(_too_long(most))(scope, receive, send)
            return
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _too_long(most)
            return message

        await self._app(scope, limited, send)


def _too_long(most: int) -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"the body is longer than {most} bytes")


class RequestLog:
    """Logs every request without its query, in which a token may be; for debugging."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then log."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            _log.debug(
                "request",
                method=scope.get("method", "WEBSOCKET"),
                path=scope["path"],
                status=status,
                seconds=round(time.monotonic() - started, 4),
            )


def beside(path: str, special: ASGIApp, application: ASGIApp) -> ASGIApp:
    """An application below a path, where alone WebSockets are, and another one everywhere else."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        app = special if scope["path"].startswith(path) else application
        if scope["type"] == "websocket" and app is application:
            app = error_response(ApiError("NOT_FOUND", f"WebSockets are served below {path} only"))
        await app(scope, receive, send)

    return dispatch
