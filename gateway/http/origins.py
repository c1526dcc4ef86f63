"""Which pages may call: by the ``Origin`` and ``Sec-Fetch-Site`` headers that browsers add to their requests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import ApiError, error_response

__all__ = ["AllowedOrigins", "OriginGuard"]

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
"""Values of ``Sec-Fetch-Site``: a page of the gateway, or the user's own action. Pages cannot set this header."""


class AllowedOrigins:
    """The gateway's own origin and those that are configured.

    Args:
        origins: like ``https://app.example``; ``*`` is any, without cookies.
    """

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def __repr__(self) -> str:
        return f"<AllowedOrigins {sorted(self._origins)}>"

    def allows(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request may be served; one with neither of the two headers is not from a page."""
        return not _is_from_page(headers) or "*" in self._origins or self._is_trusted(headers)

    def cors_headers(self, headers: Mapping[bytes, bytes], *, is_preflight: bool = False) -> dict[str, str]:
        """What lets a page read the answer."""
        origin = _origin_of(headers)
        if not origin or not self.allows(headers):
            return {}
        answer = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if "*" not in self._origins:
            answer["Access-Control-Allow-Credentials"] = "true"
        if is_preflight:
            answer["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            asked = headers.get(b"access-control-request-headers")
            if asked is not None:
                answer["Access-Control-Allow-Headers"] = asked.decode("latin-1")
        return answer

    def credible(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """The scope, without its cookie if any origin may connect and this one was not named.

        A browser sends the cookie with the socket of any page.
        """
        headers = dict(scope["headers"])
        if not _is_from_page(headers) or self._is_trusted(headers):
            return dict(scope)
        return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"cookie"]}

    def _is_trusted(self, headers: Mapping[bytes, bytes]) -> bool:
        origin = _origin_of(headers)
        # A proxy may have rewritten Host, and then the browser alone knows that the origins are the same.
        return (
            headers.get(b"sec-fetch-site") in _OWN_SITES
            or origin in self._origins
            or _is_same(origin, headers.get(b"host", b"").decode("latin-1"))
        )


class OriginGuard:
    """Refuses requests of foreign pages that change something.

    Without configured credentials, such a page could otherwise write through its visitor's browser. A form, and
    a ``fetch`` with ``no-cors``, need no preflight, but cannot say ``application/json``: a body of any page has to be
    that. Programs, which send neither ``Origin`` nor ``Sec-Fetch-Site``, may use any content type.

    Args:
        app: serves the others.
        origins: of pages that may call besides the gateway's own.
        on_error: receives the code of every refusal, in lower case.
    """

    def __init__(self, app: ASGIApp, origins: AllowedOrigins, on_error: Callable[[str], None]) -> None:
        self._app = app
        self._origins = origins
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS:
            refusal = self._refusal(dict(scope["headers"]))
            if refusal is not None:
                self._on_error(f"http_{refusal.code.lower()}")
                await error_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Mapping[bytes, bytes]) -> ApiError | None:
        if not self._origins.allows(headers):
            text = "pages of this origin may change nothing here; CORS_ORIGINS says which may"
            return ApiError("PERMISSION_DENIED", text, field="Origin")
        if _is_from_page(headers) and _has_body(headers) and not _is_json(headers.get(b"content-type", b"")):
            text = "Content-Type must be application/json in requests of web pages"
            return ApiError("INVALID_ARGUMENT", text, field="Content-Type")
        return None


def _is_from_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser sent the request for a page."""
    return bool(_origin_of(headers)) or b"sec-fetch-site" in headers


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == b"application/json"


def _origin_of(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"origin", b"").decode("latin-1")


def _is_same(origin: str, host: str) -> bool:
    """Whether a page comes from the address that it connects to; the scheme is the proxy's business."""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # it is no address, like http://[
        return False
