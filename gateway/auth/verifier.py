"""Verification of tokens: form, signature, times, issuer and audience."""

import re
from collections.abc import Sequence
from typing import Any, Final

import jwt
from jwt.exceptions import InvalidSubjectError

from gateway.auth.jwks import FetchError, KeySet
from gateway.auth.keys import PUBLIC_KEY_ALGORITHMS, VerificationKey, accepted_algorithms, configured_keys
from gateway.auth.settings import AuthSettings
from gateway.errors import ApiError

__all__ = ["TOKEN_CHARACTERS_MAX", "Verifier"]

TOKEN_CHARACTERS_MAX: Final = 8192
"""A longer token is refused unread; what comes before the signature has been checked is anybody's."""

CANDIDATES_MAX: Final = 8
"""Keys that one token is tried with, where it does not say which."""

RETRY_AFTER_SECONDS: Final = 10

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\Z", re.ASCII)

_REASONS: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidIssuedAtError: "the token's claim iat must be a number",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.InvalidAudienceError: "the token is for another audience",
    InvalidSubjectError: "the token's claim sub must be a string",
    jwt.InvalidSignatureError: "the token's signature does not verify",
}


class Verifier:
    """Verifies tokens with the keys of the settings."""

    def __init__(self, settings: AuthSettings, key_set: KeySet | None = None) -> None:
        """``key_set`` is the one at ``settings.jwks_url``.

        Raises:
            AuthSettingsError: a key is unusable.
        """
        self._keys: Sequence[VerificationKey] = configured_keys(settings)
        self._key_set = key_set
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._leeway_seconds = settings.leeway_seconds
        accepted = accepted_algorithms(self._keys) + (PUBLIC_KEY_ALGORITHMS if key_set is not None else ())
        self._accepted = tuple(dict.fromkeys(accepted))
        self._jwt = jwt.PyJWT()

    def __repr__(self) -> str:
        return f"<Verifier {', '.join(self._accepted)} {self._key_set!r}>"

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of a good token. ``exp`` is among them.

        Raises:
            ApiError: UNAUTHENTICATED, with the reason; UNAVAILABLE if the key set cannot be fetched.
        """
        algorithm, kid = self._header(token)
        keys = [key for key in self._keys if algorithm in key.algorithms]
        if self._key_set is not None and algorithm in PUBLIC_KEY_ALGORITHMS:
            try:
                keys += await self._key_set.keys_for(kid, algorithm)
            except FetchError:
                if not keys:
                    raise ApiError(
                        "UNAVAILABLE",
                        "the keys that tokens are verified with cannot be fetched; try again",
                        retry_after_seconds=RETRY_AFTER_SECONDS,
                    ) from None
        if not keys:
            raise _refusal("the token is signed with a key that is not known")
        for key in keys[:CANDIDATES_MAX]:
            claims = self._decode(token, key)
            if claims is not None:
                return claims
        raise _refusal(_REASONS[jwt.InvalidSignatureError])

    def _header(self, token: str) -> tuple[str, str | None]:
        """The algorithm and the key's id that an unverified token names."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise _refusal(f"the token has more than {TOKEN_CHARACTERS_MAX} characters")
        if _FORM.match(token) is None:
            raise _refusal("the token is not a JSON Web Token")
        # Causes are left out (`from None`) here and below: their texts and attributes can hold parts of the token.
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _refusal("the token is not a JSON Web Token") from None
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._accepted:
            raise _refusal(f"the token's algorithm is not accepted; accepted are {', '.join(self._accepted)}")
        return algorithm, header.get("kid")

    def _decode(self, token: str, key: VerificationKey) -> dict[str, Any] | None:
        """The claims, or None if the signature is not of this key."""
        try:
            return self._jwt.decode(
                token,
                key.key,
                algorithms=key.algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_seconds,
                options={"require": ["exp"], "verify_aud": self._audience is not None},
            )
        except jwt.InvalidSignatureError:
            return None
        except jwt.MissingRequiredClaimError as error:
            raise _refusal(f"the token has no claim {error.claim}") from None
        except jwt.PyJWTError as error:
            raise _refusal(_REASONS.get(type(error), "the token is malformed")) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise _refusal("the token is malformed") from None


def _refusal(reason: str) -> ApiError:
    return ApiError("UNAUTHENTICATED", reason)
