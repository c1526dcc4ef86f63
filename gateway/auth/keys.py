"""Keys that tokens are verified with, each with the algorithms that it may be used for and no others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.auth.settings import AuthSettings, AuthSettingsError

__all__ = [
    "PUBLIC_KEY_ALGORITHMS",
    "KeyFormatError",
    "VerificationKey",
    "accepted_algorithms",
    "configured_keys",
    "keys_from_jwks",
    "pem_key",
    "secret_key",
]

SECRET_BYTES_MIN: Final = 32
"""A shorter secret of HS256 can be guessed from one token (RFC 7518, 3.2)."""

RSA_BITS_MIN: Final = 2048
"""RFC 7518, 3.3."""

JWKS_KEYS_MAX: Final = 100
"""Keys of one set; more are not looked at."""

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_JWK_READERS: Final[dict[object, Any]] = {
    "RSA": RSAAlgorithm.from_jwk,
    "EC": ECAlgorithm.from_jwk,
    "OKP": OKPAlgorithm.from_jwk,
}

PUBLIC_KEY_ALGORITHMS: Final = (*_RSA, *_CURVES.values(), "EdDSA")
"""What a token may be signed with where its key is looked up in a key set."""


class KeyFormatError(ValueError):
    """A text that is no key, or a key that is too weak; says what would be right, and holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key.

    The algorithms follow from the kind of key, never from a token: a public key is no secret of HS256, and nothing is
    verified with ``none``.
    """

    key: Any = field(repr=False)
    algorithms: tuple[str, ...]
    kid: str | None = None


def configured_keys(settings: AuthSettings) -> list[VerificationKey]:
    """The keys that the settings hold themselves.

    Raises:
        AuthSettingsError: one of them is unusable.
    """
    keys = []
    if settings.jwt_secret is not None:
        try:
            keys.append(secret_key(settings.jwt_secret))
        except KeyFormatError as error:
            raise AuthSettingsError("jwt_secret", str(error)) from None
    if settings.jwt_public_key is not None:
        try:
            keys.append(pem_key(_pem_text(settings.jwt_public_key)))
        except KeyFormatError as error:
            raise AuthSettingsError("jwt_public_key", str(error)) from None
    return keys


def _pem_text(text_or_path: str) -> str:
    if "-----BEGIN" in text_or_path:
        return text_or_path
    try:
        return Path(text_or_path).read_text(encoding="ascii", errors="replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise KeyFormatError(f"must be a public key in PEM form, or the path of a file with one ({reason})") from None


def secret_key(secret: str) -> VerificationKey:
    """The key of HS256 tokens.

    Raises:
        KeyFormatError: the secret is too short, or is a public key.
    """
    data = secret.encode()
    if len(data) < SECRET_BYTES_MIN:
        raise KeyFormatError(
            f"must have at least {SECRET_BYTES_MIN} bytes, not {len(data)}; try `openssl rand -hex 32`"
        )
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(data)
    except jwt.InvalidKeyError:
        raise KeyFormatError("must be a secret text, not a public key or a certificate") from None
    return VerificationKey(data, ("HS256",))


def pem_key(text: str) -> VerificationKey:
    """The public key in a PEM text, which may also be a certificate; line feeds may be written as backslash and n.

    Raises:
        KeyFormatError: it is not one, or not of a supported kind.
    """
    data = text.replace("\\n", "\n").strip().encode()
    if b"PRIVATE KEY" in data:
        raise KeyFormatError("must be the public key; this is a private one")
    try:
        key = (
            load_pem_x509_certificate(data).public_key() if b"BEGIN CERTIFICATE" in data else load_pem_public_key(data)
        )
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFormatError("must be a public key in PEM form (-----BEGIN PUBLIC KEY-----)") from None
    return VerificationKey(key, _algorithms(key))


def keys_from_jwks(document: object) -> list[VerificationKey]:
    """The usable public keys of a JSON Web Key Set; keys for encryption, private and symmetric ones are left out.

    Raises:
        KeyFormatError: it is no key set, or has no usable key.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise KeyFormatError('must be a JSON Web Key Set: {"keys": [...]}')
    found = [key for jwk in listed[:JWKS_KEYS_MAX] if isinstance(jwk, dict) and (key := _jwk_key(jwk)) is not None]
    if not found:
        raise KeyFormatError("has no public key of a supported kind")
    return found


def _jwk_key(jwk: Mapping[str, Any]) -> VerificationKey | None:
    read = _JWK_READERS.get(jwk.get("kty")) if isinstance(jwk.get("kty"), str) else None
    operations = jwk.get("key_ops", ["verify"])
    if (
        read is None
        or "d" in jwk
        or jwk.get("use", "sig") != "sig"
        or not (isinstance(operations, list) and "verify" in operations)
    ):
        return None
    try:
        public = read(dict(jwk))
        key = VerificationKey(public, _algorithms(public))
    except (jwt.InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
        return None  # one key of a kind that we do not know must not take the others with it
    algorithm, kid = jwk.get("alg"), jwk.get("kid")
    if algorithm is not None:
        if algorithm not in key.algorithms:
            return None
        key = replace(key, algorithms=(algorithm,))
    return replace(key, kid=kid) if isinstance(kid, str) else key


def _algorithms(key: object) -> tuple[str, ...]:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_BITS_MIN:
            raise KeyFormatError(f"must be an RSA key of at least {RSA_BITS_MIN} bits, not {key.key_size}")
        return _RSA
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return (_CURVES[key.curve.name],)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ("EdDSA",)
    raise KeyFormatError("must be an RSA, P-256, P-384, P-521, Ed25519 or Ed448 key")


def accepted_algorithms(keys: Sequence[VerificationKey]) -> tuple[str, ...]:
    """All algorithms that one of the keys is for, each once."""
    return tuple(dict.fromkeys(algorithm for key in keys for algorithm in key.algorithms))
