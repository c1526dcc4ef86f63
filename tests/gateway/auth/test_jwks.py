"""Key sets that are fetched."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.auth import AuthSettings, TokenAuthenticator, jwks
from gateway.auth.jwks import (
    ATTEMPT_INTERVAL_SECONDS,
    DOCUMENT_BYTES_MAX,
    REFRESH_SECONDS,
    STALE_SECONDS_MAX,
    FetchError,
    KeySet,
    fetch_document,
)
from gateway.auth.keys import KeyFormatError, keys_from_jwks
from gateway.errors import ApiError
from tests.support.jwks_server import JwksServer, jwks_server
from tests.support.signed_tokens import make_token, private_key, public_jwk
from tests.support.waiting import WAIT_SECONDS_MAX


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with jwks_server(public_jwk("RS256", "first")) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def names(keys: KeySet, kid: str | None, algorithm: str = "RS256") -> list[str | None]:
    return [key.kid for key in await keys.keys_for(kid, algorithm)]


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
async def test_a_token_is_verified_with_the_key_that_it_names(algorithm: str) -> None:
    """The set is fetched over HTTP when it is first needed."""
    others = [public_jwk(algorithm, "other", "second"), public_jwk("EdDSA", "448", "ed448")]
    with jwks_server(*others, public_jwk(algorithm, "mine")) as server:
        authenticator = TokenAuthenticator(AuthSettings(jwks_url=server.url))
        principal = await authenticator.authenticate(make_token(algorithm=algorithm, kid="mine"))
        assert principal.subject == "tester"
        with pytest.raises(ApiError, match="signature does not verify"):
            await authenticator.authenticate(make_token(algorithm=algorithm, kid="other"))
        await authenticator.authenticate(make_token(algorithm=algorithm))  # names none: each is tried
        assert server.requests == 1


# Threat: a token whose own header says where its key is.
@pytest.mark.parametrize("header", ["jku", "x5u", "jwk"])
async def test_a_token_cannot_bring_its_key(server: JwksServer, header: str) -> None:
    """Only the configured address and its keys count."""
    value: object = public_jwk("RS256", "first", "second") if header == "jwk" else "http://127.0.0.1:1/keys"
    token = make_token(algorithm="RS256", key=private_key("RS256", "second"), kid="first", headers={header: value})
    with pytest.raises(ApiError, match="signature does not verify"):
        await TokenAuthenticator(AuthSettings(jwks_url=server.url)).authenticate(token)


async def test_an_unknown_key_has_the_set_fetched_again(server: JwksServer, clock: Clock) -> None:
    """A key that was added is found at the next token that names it."""
    keys = KeySet(server.url, clock=clock)
    assert await names(keys, "first") == ["first"]
    server.keys.append(public_jwk("RS256", "second", "second"))
    clock.seconds += ATTEMPT_INTERVAL_SECONDS
    assert await names(keys, "second") == ["second"]


# Threat: tokens with invented key ids, to have us attack the identity provider.
async def test_unknown_keys_have_the_set_fetched_seldom(server: JwksServer, clock: Clock) -> None:
    """However many unknown keys are named, there is one request per interval."""
    keys = KeySet(server.url, clock=clock)
    for number in range(50):
        assert await names(keys, f"invented-{number}") == []
    assert server.requests == 1
    clock.seconds += ATTEMPT_INTERVAL_SECONDS
    await asyncio.gather(*(names(keys, f"other-{number}") for number in range(50)))
    assert server.requests == 2


async def test_many_who_wait_share_one_request(server: JwksServer) -> None:
    """A fetch under way is everybody's."""
    keys = KeySet(server.url)
    assert await asyncio.gather(*(names(keys, "first") for _ in range(20))) == [["first"]] * 20
    assert server.requests == 1


async def test_who_gives_up_waiting_does_not_end_the_fetch_of_others(server: JwksServer) -> None:
    """A connection that goes away leaves the others their keys."""
    gate = threading.Event()

    def fetch(url: str) -> bytes:
        gate.wait(WAIT_SECONDS_MAX)
        return fetch_document(url)

    keys = KeySet(server.url, fetch=fetch)
    impatient, patient = (asyncio.create_task(names(keys, "first")) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    gate.set()
    assert await patient == ["first"]


async def test_an_old_set_is_used_while_it_is_fetched_again(server: JwksServer, clock: Clock) -> None:
    """Nobody waits for a refresh, and a withdrawn key is gone after it."""
    keys = KeySet(server.url, clock=clock)
    await names(keys, "first")
    server.keys = [public_jwk("RS256", "second", "second")]
    clock.seconds += REFRESH_SECONDS
    assert await names(keys, "first") == ["first"]
    await asyncio.sleep(0)
    assert keys.fetches == 2  # after the request that found it old, not for the next one
    await keys.refresh()
    assert await names(keys, "first") == []
    assert await names(keys, "second") == ["second"]


async def test_an_outage_leaves_the_keys_for_a_day(server: JwksServer, clock: Clock) -> None:
    """Where the address fails, what is known is used, and the failure can be seen."""
    keys = KeySet(server.url, clock=clock)
    await names(keys, "first")
    server.status = 500
    clock.seconds += STALE_SECONDS_MAX - 1
    assert await names(keys, "first") == ["first"]
    await keys.refresh()
    assert keys.error == "its address answers with status 500"
    clock.seconds += ATTEMPT_INTERVAL_SECONDS
    with pytest.raises(FetchError, match="500"):
        await names(keys, "first")
    server.status = 200
    clock.seconds += ATTEMPT_INTERVAL_SECONDS
    assert await names(keys, "first") == ["first"]
    assert keys.error is None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"", "status 404"),
        (302, b"", "status 302"),
        (204, b"", "status 204"),
        (200, b"not json", "is not JSON"),
        (200, b"[" * 100_000, "is not JSON"),
        (200, b"[]", "must be a JSON Web Key Set"),
        (200, b'{"keys": 7}', "must be a JSON Web Key Set"),
        (200, b'{"keys": [7, {}]}', "no public key"),
        (200, b" " * (DOCUMENT_BYTES_MAX + 1), "larger than"),
    ],
)
async def test_a_bad_answer_is_a_problem_and_no_crash(
    server: JwksServer, status: int, body: bytes, expected: str
) -> None:
    """Tokens are answered with 503, so that clients come back; the health page shows why."""
    server.status, server.body, server.headers = status, body, {"Location": "http://127.0.0.1:1/"}
    authenticator = TokenAuthenticator(AuthSettings(jwks_url=server.url))
    await authenticator.start()
    assert expected in (authenticator.problem or "")
    with pytest.raises(ApiError) as caught:
        await authenticator.authenticate(make_token(algorithm="RS256", kid="first"))
    assert (caught.value.code, caught.value.retry_after_seconds) == ("UNAVAILABLE", 10)


async def test_an_address_that_nobody_answers_is_a_problem() -> None:
    """The gateway starts nevertheless, and a configured key continues working."""
    authenticator = TokenAuthenticator(AuthSettings(jwks_url="http://127.0.0.1:1/keys", jwt_secret="x" * 32))
    await authenticator.start()
    assert "cannot be reached" in (authenticator.problem or "")
    assert (await authenticator.authenticate(make_token(key="x" * 32))).subject == "tester"


async def test_an_address_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts connections and never answers holds nobody for longer than the limit."""
    monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = KeySet(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(FetchError, match=r"TimeoutError|not answer in time"):
            await names(keys, "first")
    await keys.close()


async def test_closing_ends_a_fetch_that_is_under_way() -> None:
    """Nothing is left behind."""
    gate = threading.Event()

    def fetch(_: str) -> bytes:
        gate.wait(WAIT_SECONDS_MAX)
        return b"{}"

    keys = KeySet("http://127.0.0.1:1/", fetch=fetch)
    waiting = asyncio.create_task(names(keys, "first"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await keys.close()


def jwk(**fields: Any) -> dict[str, Any]:
    return public_jwk("RS256", "first", **fields)


@pytest.mark.parametrize(
    "unusable",
    [
        jwk(use="enc"),
        jwk(key_ops=["encrypt"]),
        jwk(key_ops=7),
        jwk(kty="oct", k="c2VjcmV0"),
        jwk(kty="unknown"),
        jwk(kty=["RSA"]),
        jwk(d="AQAB"),
        jwk(alg="HS256"),
        jwk(alg="none"),
        jwk(alg=["RS256"]),
        jwk(n="AQAB"),
        jwk(n=7),
        {"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    ],
)
def test_an_unusable_key_is_left_out(unusable: dict[str, Any]) -> None:
    """Keys for something else, weak, private, symmetric or malformed ones do not take the good ones with them."""
    keys = keys_from_jwks({"keys": [unusable, public_jwk("ES256", "good")]})
    assert [key.kid for key in keys] == ["good"]
    with pytest.raises(KeyFormatError, match="no public key"):
        keys_from_jwks({"keys": [unusable]})


def test_a_key_that_names_its_algorithm_is_for_no_other() -> None:
    """``alg`` of a key narrows what its kind allows."""
    narrow, wide = keys_from_jwks({"keys": [jwk(alg="RS512"), jwk()]})
    assert narrow.algorithms == ("RS512",)
    assert len(wide.algorithms) == 6


def test_a_large_set_is_cut() -> None:
    """What is looked at is bounded."""
    document = json.loads(json.dumps({"keys": [public_jwk("ES256", str(number)) for number in range(300)]}))
    assert len(keys_from_jwks(document)) == 100
