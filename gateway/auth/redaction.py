"""Addresses as access logs may show them."""

from typing import Final
from urllib.parse import unquote_plus

__all__ = ["redact_query"]

SECRET_PARAMETERS: Final = frozenset({"access_token", "ticket"})
"""Query parameters whose values let somebody in."""


def redact_query(path_qs: str) -> str:
    """A path with its query string, or a whole address, with the values of tokens and tickets replaced by ``***``.

    A name counts in any case and any encoding: a value is rather hidden for nothing than shown.
    """
    path, mark, query = path_qs.partition("?")
    if not mark:
        return path_qs
    return path + mark + "&".join(map(_redact, query.split("&")))


def _redact(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}=***" if value and unquote_plus(name).strip().lower() in SECRET_PARAMETERS else pair
