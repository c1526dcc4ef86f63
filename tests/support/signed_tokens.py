"""Keys, and tokens signed with them, for whatever wants to be let in."""

import json
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = "a secret of the tests, and long enough for HS256"

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def private_key(algorithm: str, name: str = "first") -> Any:
    """A private key for an algorithm; another one for another name. Made once per process."""
    return _make_key("RSA" if algorithm[:2] in ("RS", "PS") else algorithm, name)


@cache
def _make_key(kind: str, name: str) -> Any:
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "EdDSA":
        return ed448.Ed448PrivateKey.generate() if name == "ed448" else ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind])


def public_pem(algorithm: str, name: str = "first") -> str:
    """The public half of ``private_key`` as PEM text."""
    key = private_key(algorithm, name).public_key()
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def public_jwk(algorithm: str, kid: str | None, name: str = "first", **fields: Any) -> dict[str, Any]:
    """The public half of ``private_key`` as a JSON Web Key."""
    kind = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": OKPAlgorithm if algorithm == "EdDSA" else ECAlgorithm}
    converter: Any = kind[algorithm[0]]
    jwk: dict[str, Any] = json.loads(converter.to_jwk(private_key(algorithm, name).public_key()))
    jwk.pop("key_ops", None)
    return jwk | {"use": "sig"} | ({"kid": kid} if kid is not None else {}) | fields


def make_token(
    *,
    scopes: Sequence[str] | None = ("logs:read",),
    tasks: Sequence[str] | None = None,
    pipelines: Sequence[str] | None = None,
    subject: str | None = "tester",
    expires_in: float | None = 86_400.0,
    algorithm: str = "HS256",
    key: Any = None,
    kid: str | None = None,
    headers: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A token; ``None`` leaves a claim out, further claims are given by name.

    ``key`` is ``SECRET`` for HS256, the algorithm's first private key otherwise.
    """
    content: dict[str, Any] = {
        "sub": subject,
        "scope": None if scopes is None else " ".join(scopes),
        "tasks": None if tasks is None else list(tasks),
        "pipelines": None if pipelines is None else list(pipelines),
        "exp": None if expires_in is None else int(time.time() + expires_in),
    }
    content = {name: value for name, value in content.items() if value is not None} | claims
    if key is None and algorithm != "none":
        key = SECRET if algorithm == "HS256" else private_key(algorithm)
    header = ({"kid": kid} if kid is not None else {}) | (headers or {})
    return jwt.encode(content, key, algorithm=algorithm, headers=header or None)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
