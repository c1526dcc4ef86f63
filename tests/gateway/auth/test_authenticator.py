"""What the authenticator remembers, counts and never shows."""

import logging
import time
import traceback
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from gateway.auth import ANONYMOUS, AuthSettings, TokenAuthenticator
from gateway.auth import authenticator as module
from gateway.auth.verifier import Verifier
from gateway.errors import ApiError
from tests.support.signed_tokens import SECRET, make_token, private_key


class Clock:
    """The present time, moved forward when a test says so."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def secret_authenticator(clock: Clock | None = None) -> TokenAuthenticator:
    return TokenAuthenticator(AuthSettings(jwt_secret=SECRET), clock or time.time)


def connection(scope_type: str = "http", query: str = "", **headers: str) -> HTTPConnection:
    scope: dict[str, Any] = {
        "type": scope_type,
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    if scope_type == "http":
        scope["method"] = "GET"
    return HTTPConnection(scope)


async def test_a_good_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second connection with the same token costs a hash."""
    authenticator = secret_authenticator()
    token = make_token()
    first = await authenticator.authenticate(token)
    monkeypatch.setattr(Verifier, "verify", None)
    assert await authenticator.authenticate(token) is first
    assert authenticator.statistics.remembered == 1


async def test_a_remembered_token_is_verified_again_after_a_while() -> None:
    """A key that was withdrawn is of no use for longer than that."""
    clock = Clock()
    authenticator = secret_authenticator(clock)
    token = make_token()
    first = await authenticator.authenticate(token)
    clock.ahead = module.REMEMBERED_SECONDS_MAX
    assert await authenticator.authenticate(token) is not first


async def test_a_remembered_token_is_forgotten_when_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is never let in for longer than its token."""
    clock = Clock()
    authenticator = secret_authenticator(clock)
    token = make_token(expires_in=60)
    await authenticator.authenticate(token)
    clock.ahead = 71.0  # the leeway is ten seconds

    async def verify(_verifier: Verifier, _token: str) -> dict[str, Any]:
        raise ApiError("UNAUTHENTICATED", "asked again")

    monkeypatch.setattr(Verifier, "verify", verify)
    with pytest.raises(ApiError, match="asked again"):
        await authenticator.authenticate(token)


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first; bad tokens are not remembered at all."""
    monkeypatch.setattr(module, "REMEMBERED_MAX", 3)
    authenticator = secret_authenticator()
    for number in range(5):
        await authenticator.authenticate(make_token(number=number))
        with pytest.raises(ApiError):
            await authenticator.authenticate(f"garbage-{number}")
    assert authenticator.statistics == module.AuthStatistics(accepted=5, refused=5, remembered=3, tickets_waiting=0)


async def test_without_credentials_there_is_nothing_to_verify() -> None:
    """Whatever token, or none, is everybody."""
    authenticator = TokenAuthenticator()
    assert not authenticator.enabled
    assert authenticator.problem is None
    for token in (None, "", "garbage", make_token()):
        assert await authenticator.authenticate(token) is ANONYMOUS
    assert await authenticator.redeem("garbage") is ANONYMOUS
    await authenticator.start()
    await authenticator.close()


async def test_a_websocket_is_let_in_as_a_request_that_reads() -> None:
    """Its handshake is a GET, by a browser that cannot set headers."""
    authenticator = secret_authenticator()
    token = make_token()
    for handshake in (
        connection("websocket", query=f"access_token={token}"),
        connection("websocket", cookie=f"otto_session={token}"),
        connection("websocket", authorization=f"Bearer {token}"),
    ):
        assert (await authenticator.principal_of(handshake)).subject == "tester"


# Threat: addresses end up in logs of proxies and in histories of browsers.
async def test_tokens_in_addresses_can_be_switched_off() -> None:
    """Of requests and WebSockets alike; headers, cookies and tickets still let in, and the refusal names them."""
    authenticator = TokenAuthenticator(AuthSettings(jwt_secret=SECRET, query_tokens=False))
    token = make_token()
    for kind in ("http", "websocket"):
        with pytest.raises(ApiError, match="ticket") as refused:
            await authenticator.principal_of(connection(kind, query=f"access_token={token}"))
        assert (refused.value.code, refused.value.field) == ("UNAUTHENTICATED", "access_token")
        ticket = authenticator.tickets.issue(await authenticator.authenticate(token))
        for good in (
            connection(kind, query=f"ticket={ticket}"),
            connection(kind, cookie=f"otto_session={token}"),
            connection(kind, authorization=f"Bearer {token}"),
        ):
            assert (await authenticator.principal_of(good)).subject == "tester"


async def test_a_ticket_may_come_without_a_request() -> None:
    """Socket.IO has it in its own handshake."""
    authenticator = secret_authenticator()
    principal = await authenticator.authenticate(make_token())
    principal = await authenticator.redeem(authenticator.tickets.issue(principal))
    assert principal.subject == "tester"


def tokens() -> list[str]:
    """Good ones, and bad ones of every kind."""
    return [
        make_token(),
        make_token(expires_in=-60),
        make_token(key="another secret of at least 32 bytes"),
        make_token(algorithm="none"),
        make_token(algorithm="RS256", kid="first"),
        make_token(algorithm="RS256", key=private_key("RS256", "second"), kid="invented"),
        make_token(tasks=[]),
        make_token(scope=7),
        make_token(sub="a\nb"),
        make_token()[:-1] + "\udc80",
        "eyJhbGciOiJIUzI1NiJ9." + "A" * 9000 + ".AAAA",
        "not-even-a-token-but-secret",
    ]


@pytest.mark.parametrize("token", tokens(), ids=range(12))  # texts that differ between processes are no ids
async def test_a_token_is_nowhere_to_be_seen(token: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither errors with their causes, nor representations, nor the log hold a token or a part of it."""
    caplog.set_level(logging.DEBUG)
    authenticator = TokenAuthenticator(AuthSettings(jwt_secret=SECRET, jwks_url="http://127.0.0.1:1/"))
    request = connection(authorization=f"Bearer {token}".encode(errors="replace").decode())
    seen = []
    for attempt in (authenticator.authenticate(token), authenticator.principal_of(request)):
        try:
            principal = await attempt
        except ApiError as error:
            seen += [str(error), repr(error), str(error.detail), "".join(traceback.format_exception(error))]
        else:
            seen += [repr(principal), str(principal)]
    seen += [repr(authenticator), repr(authenticator.settings), repr(authenticator.statistics), caplog.text]
    parts = [part for part in token.split(".") if len(part) > 8]
    assert [part for part in parts for text in seen if part in text] == []
