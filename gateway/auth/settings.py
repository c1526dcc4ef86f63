"""What authentication needs to know, checked when the process starts."""

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

__all__ = ["AuthSettings", "AuthSettingsError"]

_LEEWAY_SECONDS_MAX: Final = 300.0


class AuthSettingsError(ValueError):
    """A setting with which nothing could be authenticated safely.

    Attributes:
        field: its name in ``AuthSettings``.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """Without a secret, a public key or a key set there is no authentication, and every caller may do everything.

    Several may be given; a token is verified with the one that its algorithm belongs to.

    Attributes:
        jwt_secret: secret of HS256 tokens, at least 32 bytes.
        jwt_public_key: public key of RS, PS, ES or EdDSA tokens, in PEM form, or the path of a file that has it.
        jwks_url: address of a JSON Web Key Set; ``https``, or ``http`` within a network that is trusted.
        issuer: the ``iss`` that tokens must have; None: any.
        audience: the ``aud`` that tokens must have; None: any.
        leeway_seconds: by how much clocks may differ; 0 to 300.
        cookie_name: name of the session cookie.
        cookie_secure: whether the cookie is sent over HTTPS only; None: as the request that asked for it.
        cookie_samesite: ``none`` needs a cookie that is secure.
        ticket_ttl_seconds: how long a ticket may wait to be used.
        tickets_max: tickets that may wait at once.
        query_tokens: whether ``?access_token=`` is accepted.

    Raises:
        AuthSettingsError: a value is out of its range.
    """

    jwt_secret: str | None = field(default=None, repr=False)
    jwt_public_key: str | None = field(default=None, repr=False)
    jwks_url: str | None = field(default=None, repr=False)
    issuer: str | None = None
    audience: str | None = None
    leeway_seconds: float = 10.0
    cookie_name: str = "otto_session"
    cookie_secure: bool | None = None
    cookie_samesite: Literal["strict", "lax", "none"] = "strict"
    ticket_ttl_seconds: float = 30
    tickets_max: int = 10_000
    query_tokens: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.leeway_seconds <= _LEEWAY_SECONDS_MAX:
            raise AuthSettingsError("leeway_seconds", f"must be 0 to {_LEEWAY_SECONDS_MAX:g}")
        if self.ticket_ttl_seconds <= 0:
            raise AuthSettingsError("ticket_ttl_seconds", "must be more than 0")
        if self.tickets_max < 1:
            raise AuthSettingsError("tickets_max", "must be at least 1")
        if not self.cookie_name.isascii() or not self.cookie_name.replace("_", "").replace("-", "").isalnum():
            raise AuthSettingsError("cookie_name", "must be of letters, digits, - and _")
        if self.cookie_samesite == "none" and not self.cookie_secure:
            raise AuthSettingsError("cookie_samesite", "may be none only where cookie_secure is true")
        if self.jwks_url is not None:
            address = urlsplit(self.jwks_url)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise AuthSettingsError("jwks_url", "must be an address that begins with https:// or http://")

    @property
    def is_enabled(self) -> bool:
        """Whether there is anything to verify tokens with."""
        return any(value is not None for value in (self.jwt_secret, self.jwt_public_key, self.jwks_url))
