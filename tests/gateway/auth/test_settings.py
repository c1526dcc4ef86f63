"""Settings and keys, as they are checked when the process starts."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.auth import AuthSettings, AuthSettingsError, TokenAuthenticator
from tests.support.signed_tokens import SECRET, make_token, private_key, public_pem


def pem_of(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_short_secret_is_refused(secret: str) -> None:
    """HS256 needs 32 bytes; the text says so, with the command that makes a good one, and does not show the secret."""
    with pytest.raises(AuthSettingsError, match=r"at least 32 bytes.*`openssl rand -hex 32`") as caught:
        TokenAuthenticator(AuthSettings(jwt_secret=secret))
    assert caught.value.field == "jwt_secret"
    assert "short" not in str(caught.value)


def test_a_secret_is_counted_in_bytes() -> None:
    """Eleven Korean letters are 33 bytes."""
    assert TokenAuthenticator(AuthSettings(jwt_secret="비" * 11)).enabled


def test_a_public_key_is_no_secret() -> None:
    """Threat: what everybody may know, taken as the key that signs."""
    with pytest.raises(AuthSettingsError, match="not a public key"):
        TokenAuthenticator(AuthSettings(jwt_secret=public_pem("RS256")))


async def test_a_public_key_may_be_in_a_file_or_in_one_line(tmp_path: Path) -> None:
    """The text itself, its path, and the text with escaped line feeds as in an environment file."""
    file = tmp_path / "key.pem"
    file.write_text(public_pem("ES256"))
    for given in (public_pem("ES256"), str(file), public_pem("ES256").replace("\n", "\\n")):
        principal = await TokenAuthenticator(AuthSettings(jwt_public_key=given)).authenticate(
            make_token(algorithm="ES256")
        )
        assert principal.subject == "tester"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("/nowhere/key.pem", "No such file"),
        ("\x00", "not a path"),
        ("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----", "PEM form"),
        (pem_of(rsa.generate_private_key(65537, 1024)), "at least 2048 bits, not 1024"),
        (pem_of(ec.generate_private_key(ec.SECP256K1())), "must be an RSA, P-256"),
        (
            private_key("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "this is a private one",
        ),
    ],
    ids=["missing", "no path", "nonsense", "weak", "curve", "private"],
)
def test_an_unusable_public_key_is_refused(key: str, reason: str) -> None:
    """The text says what would be right."""
    with pytest.raises(AuthSettingsError, match=reason) as caught:
        TokenAuthenticator(AuthSettings(jwt_public_key=key))
    assert caught.value.field == "jwt_public_key"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("leeway_seconds", -1),
        ("leeway_seconds", 301),
        ("leeway_seconds", float("nan")),
        ("ticket_ttl_seconds", 0),
        ("tickets_max", 0),
        ("cookie_name", "a b"),
        ("cookie_name", ""),
        ("cookie_samesite", "none"),
        ("jwks_url", "file:///etc/passwd"),
        ("jwks_url", "https://"),
        ("jwks_url", "keys.json"),
    ],
)
def test_a_value_out_of_range_is_refused(field: str, value: Any) -> None:
    """The error names the field."""
    with pytest.raises(AuthSettingsError, match=field) as caught:
        AuthSettings(**{field: value})
    assert caught.value.field == field


def test_a_representation_shows_no_secret() -> None:
    """Settings may be printed."""
    settings = AuthSettings(jwt_secret=SECRET, jwks_url="https://user:word@keys.example/")
    assert SECRET not in repr(settings)
    assert "word" not in repr(settings)
    assert SECRET not in repr(TokenAuthenticator(settings))
