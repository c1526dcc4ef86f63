"""Where the gateway's HTTP is."""

import os
from typing import Final
from urllib.parse import urlsplit

from otto_logs._endpoint import DEFAULT_GATEWAY

__all__ = ["default_url"]

_HTTP_PORT: Final = 4000


def default_url(gateway: str = "") -> str:
    """``OTTO_URL``, or the usual port of the host that takes lines."""
    given = os.environ.get("OTTO_URL")
    if given:
        return given.rstrip("/")
    rest = (gateway or os.environ.get("OTTO_GATEWAY") or DEFAULT_GATEWAY).rpartition("://")[2]
    try:
        host = urlsplit("//" + rest).hostname or "127.0.0.1"
    except ValueError:
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{os.environ.get('HTTP_PORT') or _HTTP_PORT}"
