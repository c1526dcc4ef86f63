"""Who is let in, and why the others are not."""

import base64
import hashlib
import hmac
import json
import time
import warnings
from typing import Any

import jwt
import pytest

from gateway.auth import AuthSettings, TokenAuthenticator
from gateway.errors import ApiError
from tests.support.signed_tokens import SECRET, make_token, private_key, public_pem

PUBLIC = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed_with_public_key(algorithm: str) -> str:
    """A token of HS256 whose secret is a public key; PyJWT refuses to make one, so it is made by hand."""
    head = part(b'{"alg":"HS256","typ":"JWT"}')
    body = part(json.dumps({"exp": int(time.time()) + 60, "scope": "admin"}).encode())
    mac = hmac.new(public_pem(algorithm).encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{part(mac)}"


def authenticator(algorithm: str = "HS256", **settings: Any) -> TokenAuthenticator:
    if algorithm == "HS256":
        return TokenAuthenticator(AuthSettings(jwt_secret=SECRET, **settings))
    return TokenAuthenticator(AuthSettings(jwt_public_key=public_pem(algorithm), **settings))


async def reason(token: str | None, algorithm: str = "HS256", **settings: Any) -> str:
    with pytest.raises(ApiError) as caught:
        await authenticator(algorithm, **settings).authenticate(token)
    assert caught.value.code == "UNAUTHENTICATED"
    assert caught.value.http_status == 401
    return caught.value.message


@pytest.mark.parametrize("algorithm", ["HS256", *PUBLIC])
async def test_a_good_token_is_let_in(algorithm: str) -> None:
    """Every algorithm of every kind of key verifies."""
    principal = await authenticator(algorithm).authenticate(make_token(algorithm=algorithm, scopes=["logs:read"]))
    assert principal.subject == "tester"
    principal.require("logs:read", task_id="any")


@pytest.mark.parametrize("algorithm", ["HS256", *PUBLIC])
async def test_a_token_of_another_key_is_refused(algorithm: str) -> None:
    """The signature decides."""
    key = "x" * 40 if algorithm == "HS256" else private_key(algorithm, "second")
    token = make_token(algorithm=algorithm, key=key)
    assert await reason(token, algorithm) == "the token's signature does not verify"


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
async def test_no_signature_is_no_signature(algorithm: str, name: str) -> None:
    """Threat: ``alg: none``, in any spelling, with an empty signature or with some."""
    head = part(json.dumps({"alg": name}).encode())
    body = part(json.dumps({"exp": int(time.time()) + 60, "scope": "admin"}).encode())
    for signature in ("", "AAAA"):
        assert "algorithm is not accepted" in await reason(f"{head}.{body}.{signature}", algorithm)


@pytest.mark.parametrize("algorithm", PUBLIC)
async def test_a_public_key_does_not_verify_as_a_secret(algorithm: str) -> None:
    """Threat: a token signed with HS256 and the public key, which everybody may know."""
    assert "algorithm is not accepted" in await reason(signed_with_public_key(algorithm), algorithm)


async def test_keys_beside_each_other_keep_to_their_own_algorithms() -> None:
    """With a secret and a public key, HS256 is verified with the secret alone."""
    both = TokenAuthenticator(AuthSettings(jwt_secret=SECRET, jwt_public_key=public_pem("RS256")))
    await both.authenticate(make_token())
    await both.authenticate(make_token(algorithm="RS256"))
    with pytest.raises(ApiError, match="does not verify"):
        await both.authenticate(signed_with_public_key("RS256"))


async def test_only_hs256_is_accepted_of_a_secret() -> None:
    """Other lengths of HMAC are other algorithms."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the secret is short for HS512
        token = make_token(algorithm="HS512", key=SECRET)
    assert "accepted are HS256" in await reason(token)


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "....",
        " ",
        "é.é.é",
        "\udc80",
        "a" * 9000,
        f"{part(b'[]')}.{part(b'{}')}.AAAA",
        f"{part(b'7')}.{part(b'{}')}.AAAA",
        f"{part(b'{}')}.{part(b'{}')}.AAAA",
        f"{part(b'[' * 4000)}.{part(b'{}')}.AAAA",
        f"{part(bytes(range(200, 250)))}.{part(b'{}')}.AAAA",
        f"{part(json.dumps({'alg': ['HS256']}).encode())}.{part(b'{}')}.AAAA",
        f"{part(json.dumps({'alg': 'HS256', 'kid': 7}).encode())}.{part(b'{}')}.AAAA",
    ],
)
async def test_garbage_is_refused(token: str) -> None:
    """Whatever comes in place of a token is answered with 401, and never repeated."""
    message = await reason(token)
    assert len(message) < 200
    assert token.strip() == "" or token not in message


async def test_nothing_is_refused() -> None:
    """No token, or an empty one, is answered with how to send one."""
    assert "Authorization: Bearer" in await reason(None)
    assert "Authorization: Bearer" in await reason("")


async def test_a_signed_payload_that_is_no_object_is_refused() -> None:
    """A good signature does not make claims."""
    for content in (b"[]", b"7", b"not json", b"\xff", b"[" * 3000):
        token = jwt.api_jws.encode(content, SECRET, algorithm="HS256")
        assert await reason(token) == "the token is malformed"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"expires_in": -60.0}, "the token has expired"),
        ({"expires_in": None}, "the token has no claim exp"),
        ({"exp": "soon"}, "the token is malformed"),
        ({"exp": float("inf")}, "the token is malformed"),
        ({"nbf": 4_000_000_000}, "the token is not valid yet"),
        ({"iat": "yesterday"}, "the token's claim iat must be a number"),
        ({"scope": 7}, "the token's claim scope must be a string or a list of strings"),
        ({"sub": "a\nb"}, "the token's claim sub must not contain control characters"),
        ({"headers": {"crit": ["x"], "x": 1}}, "the token is not a JSON Web Token"),
    ],
)
async def test_claims_are_checked(claims: dict[str, Any], expected: str) -> None:
    """Each refusal says which claim is wrong."""
    assert await reason(make_token(**claims)) == expected


async def test_a_subject_that_is_no_text_is_refused() -> None:
    """PyJWT refuses to make such a token, others do not."""
    body = json.dumps({"exp": int(time.time()) + 60, "sub": 7}).encode()
    token = jwt.api_jws.encode(body, SECRET, algorithm="HS256", headers={"typ": "JWT"})
    assert await reason(token) == "the token's claim sub must be a string"


async def test_the_leeway_is_for_clocks_that_differ() -> None:
    """A token is accepted for so much longer, and its principal lasts as long."""
    token = make_token(expires_in=-30)
    principal = await authenticator(leeway_seconds=60).authenticate(token)
    assert principal.expires_at is not None
    assert principal.expires_at > time.time()
    assert await reason(token, leeway_seconds=0) == "the token has expired"


async def test_issuer_and_audience_are_checked_where_they_are_set() -> None:
    """Unset, any will do; set, the token must have them."""
    token = make_token(iss="https://issuer.example", aud=["logs", "other"])
    await authenticator().authenticate(token)
    await authenticator(issuer="https://issuer.example", audience="logs").authenticate(token)
    assert await reason(token, issuer="https://else.example") == "the token is of another issuer"
    assert await reason(token, audience="else") == "the token is for another audience"
    assert await reason(make_token(), issuer="https://issuer.example") == "the token has no claim iss"
    assert await reason(make_token(), audience="logs") == "the token has no claim aud"


async def test_tasks_and_scopes_of_the_token_bound_its_principal() -> None:
    """A good token for something else is 403, not 401."""
    principal = await authenticator().authenticate(make_token(scopes=["logs:read"], tasks=["build-*"]))
    principal.require("logs:read", task_id="build-1")
    for scope, task in (("logs:read", "deploy"), ("logs:write", "build-1")):
        with pytest.raises(ApiError) as caught:
            principal.require(scope, task_id=task)
        assert caught.value.code == "PERMISSION_DENIED"
