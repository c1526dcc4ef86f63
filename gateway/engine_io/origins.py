"""Which pages may connect: by the Origin that browsers add to their requests."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

__all__ = ["AllowedOrigins"]


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
        """Whether a request may be served; one without an origin is not from a page."""
        origin = _origin_of(headers)
        return not origin or "*" in self._origins or self._is_trusted(headers)

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
        """The scope, without its cookie where any origin may connect and this one was not named.

        A browser sends the cookie along whichever page opens the socket.
        """
        headers = dict(scope["headers"])
        if not _origin_of(headers) or self._is_trusted(headers):
            return dict(scope)
        return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"cookie"]}

    def _is_trusted(self, headers: Mapping[bytes, bytes]) -> bool:
        origin = _origin_of(headers)
        return origin in self._origins or _is_same(origin, headers.get(b"host", b"").decode("latin-1"))


def _origin_of(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"origin", b"").decode("latin-1")


def _is_same(origin: str, host: str) -> bool:
    """Whether a page comes from the address that it connects to; the scheme is the proxy's business."""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # it is no address, like http://[
        return False
