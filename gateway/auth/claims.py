"""The claims of a token that has been verified, read into a principal."""

from collections.abc import Mapping
from typing import Any, Final

from filters.identifiers import IdentifierError, check_identifier
from gateway.auth.patterns import NamePatterns
from gateway.auth.principal import Principal

__all__ = ["ClaimsError", "principal_of_claims"]

_SCOPE_CLAIMS: Final = ("scope", "scopes", "scp")

_LATEST: Final = 253_402_300_799  # the end of the year 9999: a number that every timer can count to


class ClaimsError(ValueError):
    """A claim is not what it must be; the text names the claim and holds nothing of the token."""


def principal_of_claims(claims: Mapping[str, Any], leeway_seconds: float = 0.0) -> Principal:
    """Who the claims speak for.

    Scopes are those of ``scope``, ``scopes`` and ``scp`` together, each a text with blanks in between or a list.
    ``tasks`` and ``pipelines`` are lists of patterns, or one; absent means all, an empty list means none. What is
    malformed is refused, so that a slip of the issuer never widens anything.

    Raises:
        ClaimsError: a claim is malformed.
    """
    try:
        subject = check_identifier("sub", claims["sub"]) if "sub" in claims else ""
    except IdentifierError as error:
        raise ClaimsError(f"the token's claim {error}") from None
    scopes: set[str] = set()
    for name in _SCOPE_CLAIMS:
        if name in claims:
            scopes.update(_scopes(name, claims[name]))
    return Principal(
        subject=subject,
        scopes=frozenset(scopes),
        tasks=_patterns("tasks", claims),
        pipelines=_patterns("pipelines", claims),
        expires_at=min(int(claims["exp"]), _LATEST) + leeway_seconds,
    )


def _scopes(name: str, value: object) -> list[str]:
    return value.split() if isinstance(value, str) else _texts(name, value)


def _patterns(name: str, claims: Mapping[str, Any]) -> NamePatterns | None:
    if name not in claims:
        return None
    value = claims[name]
    return NamePatterns([value] if isinstance(value, str) else _texts(name, value))


def _texts(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
        raise ClaimsError(f"the token's claim {name} must be a string or a list of strings")
    return value
