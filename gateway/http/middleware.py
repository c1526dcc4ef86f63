"""ASGI middleware: the check of the Host header, and security headers for browsers."""

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ApiError, error_response

__all__ = ["HostGuard", "SecurityHeaders"]

_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),  # an address may have a token in it
    (b"x-frame-options", b"DENY"),
)


class SecurityHeaders:
    """Adds the security headers that an answer lacks: no caching, no framing, no active content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {bytes(name).lower() for name, _ in headers}
                headers += [header for header in _HEADERS if header[0] not in present]
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, guarded)


class HostGuard:
    """Refuses requests that are addressed to another name than the gateway's.

    Args:
        app: serves the others.
        names: without port, IPv6 addresses in brackets; none: any name.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if self._names and scope["type"] in {"http", "websocket"}:
            given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if not given or not all(_name_of(text) in self._names for text in given):
                refusal = ApiError(
                    "PERMISSION_DENIED",
                    f"this gateway answers to {', '.join(sorted(self._names))} only; see ALLOWED_HOSTS",
                    field="Host",
                )
                await error_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _name_of(host: str) -> str:
    """The name in ``name:port``, with neither port nor the dot at the end of a full name."""
    name, bracket, _ = host.strip().lower().partition("]")
    return name + bracket if bracket else name.partition(":")[0].removesuffix(".")
