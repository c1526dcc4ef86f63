"""Finds the credential of a request: header, session cookie, or query string."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from starlette.requests import HTTPConnection

from gateway.errors import ApiError

__all__ = ["Credential", "CredentialKind", "bearer_token", "credential_of"]

_READING_METHODS: Final = ("GET", "HEAD")
_TOKEN_PARAMETER: Final = "access_token"  # noqa: S105 - the name of a parameter


class CredentialKind(Enum):
    """What kind of text lets a request in."""

    TOKEN = "token"  # noqa: S105 - the name of a kind
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as it was sent.

    Attributes:
        place: the header, cookie or parameter that it was in.
    """

    kind: CredentialKind
    place: str
    text: str = field(repr=False)


def credential_of(connection: HTTPConnection, cookie_name: str, *, query_tokens: bool = True) -> Credential | None:
    """The credential of a request or of a WebSocket's handshake; None if it has none.

    A header, ``?access_token=`` or ``?ticket=`` counts before the cookie, which a browser sends unasked. Requests that
    change something are accepted with the header only: a page of another origin can make a browser send the cookie, but
    not the header. Addresses with a token, which may be bookmarked or shared, cannot change anything either.

    Args:
        connection: the request.
        cookie_name: of the session cookie.
        query_tokens: whether ``?access_token=`` is accepted.

    Raises:
        ApiError: INVALID_ARGUMENT if there is more than one, UNAUTHENTICATED if it is empty, of a scheme that is
            not ``Bearer``, or in a place that is switched off.
    """
    method = connection.scope.get("method", "GET")  # a WebSocket's handshake has none in its scope
    reads = method in _READING_METHODS
    found = []
    header = bearer_token(connection)
    if header is not None:
        found.append(Credential(CredentialKind.TOKEN, "Authorization", header))
    if reads:
        for name, kind in ((_TOKEN_PARAMETER, CredentialKind.TOKEN), ("ticket", CredentialKind.TICKET)):
            found += [Credential(kind, name, text) for text in connection.query_params.getlist(name)]
    if len(found) > 1:
        names = " and ".join(dict.fromkeys(credential.place for credential in found))
        raise ApiError("INVALID_ARGUMENT", f"send one credential, not several ({names})", field=found[1].place)
    if found:
        if not found[0].text:
            raise ApiError("UNAUTHENTICATED", f"{found[0].place} must not be empty", field=found[0].place)
        if found[0].place == _TOKEN_PARAMETER and not query_tokens:
            text = "tokens in addresses are switched off: use a ticket, the cookie, or `Authorization: Bearer <token>`"
            raise ApiError("UNAUTHENTICATED", text, field=_TOKEN_PARAMETER)
        return found[0]
    if reads:
        cookie = connection.cookies.get(cookie_name)
        if cookie:
            return Credential(CredentialKind.TOKEN, cookie_name, cookie)
    if connection.headers.get("authorization"):
        raise ApiError("UNAUTHENTICATED", "Authorization must be `Bearer <token>`", field="Authorization")
    return None


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token of ``Authorization: Bearer``, which may be empty; None if there is none.

    Another scheme is not for us: a proxy that asks for a password makes browsers send it everywhere.

    Raises:
        ApiError: INVALID_ARGUMENT; there is more than one.
    """
    tokens = []
    for value in connection.headers.getlist("authorization"):
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            tokens.append(token.strip())
    if len(tokens) > 1:
        raise ApiError("INVALID_ARGUMENT", "Authorization may be sent once", field="Authorization")
    return tokens[0] if tokens else None
