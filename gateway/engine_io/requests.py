"""What an HTTP request or a WebSocket handshake asks of Engine.IO, and why it may not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qs

from gateway.errors import ApiError

__all__ = ["EngineRequest", "Wish", "engine_request"]

_VERSION: Final = "4"
_OLD_VERSION: Final = "3"


class Wish(Enum):
    """What a request is for."""

    OPEN = "a new session"
    POLL = "packets for the client"
    POST = "packets of the client"
    UPGRADE = "a WebSocket for a session that polls"
    PREFLIGHT = "whether a page of another origin may ask"
    EXPLAIN = "a client of Engine.IO 3, which has to learn that it is too old"


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A request that may be made.

    Attributes:
        wish: what for.
        is_websocket: whether it is the handshake of a WebSocket.
        sid: the session; empty if it asks for a new one.
    """

    wish: Wish
    is_websocket: bool
    sid: str = ""


def engine_request(scope: Mapping[str, Any]) -> EngineRequest:
    """Read the request of an ASGI scope.

    Raises:
        ApiError: INVALID_ARGUMENT that names the error.
    """
    is_websocket = scope["type"] == "websocket"
    method = "GET" if is_websocket else scope["method"]
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if method == "OPTIONS":
        return EngineRequest(Wish.PREFLIGHT, is_websocket)
    if method not in {"GET", "POST"}:
        raise _invalid(f"Engine.IO has GET and POST, not {method[:32]}")
    if "j" in query:  # readable from pages of any origin
        raise _invalid("JSONP is not offered; use XMLHttpRequest or WebSocket", "j")
    transport = query.get("transport", [""])[0]
    if transport not in {"polling", "websocket"}:
        raise _invalid("transport must be polling or websocket", "transport")
    if (transport == "websocket") != is_websocket:
        raise _invalid(
            "transport=websocket belongs to a WebSocket handshake, transport=polling to other requests", "transport"
        )
    sid, version = query.get("sid", [""])[0], query.get("EIO", [""])[0]
    if version == _OLD_VERSION:
        return EngineRequest(Wish.EXPLAIN, is_websocket, sid)
    if sid:
        wish = Wish.UPGRADE if is_websocket else Wish.POST if method == "POST" else Wish.POLL
        return EngineRequest(wish, is_websocket, sid)
    if method != "GET":
        raise _invalid("a session is opened with GET; sid is missing", "sid")
    if version != _VERSION:
        raise _invalid("EIO must be 4: this gateway speaks Engine.IO 4, as Socket.IO 3 and 4 do", "EIO")
    return EngineRequest(Wish.OPEN, is_websocket)


def _invalid(message: str, field: str | None = None) -> ApiError:
    return ApiError("INVALID_ARGUMENT", message, field=field)
