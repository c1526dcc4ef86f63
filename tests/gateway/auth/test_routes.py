"""Tokens, cookie and tickets over HTTP."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.auth import AuthSettings, TokenAuthenticator, auth_routes
from gateway.auth.routes import BODY_BYTES_MAX, TICKET_PATH
from gateway.http.application import http_application
from tests.support.signed_tokens import SECRET, bearer, make_token


def client_of(authenticator: TokenAuthenticator, scheme: str = "http") -> httpx2.AsyncClient:
    """A client of an application with the routes, and with ``/task/{id}`` for anyone who may read that task."""

    async def task(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=request.path_params["task_id"])
        return JSONResponse({"subject": principal.subject})

    routes = [*auth_routes(authenticator), Route("/task/{task_id}", task, methods=["GET", "POST"])]
    transport = httpx2.ASGITransport(app=http_application(routes, body_bytes_max_of={TICKET_PATH: BODY_BYTES_MAX}))
    return httpx2.AsyncClient(transport=transport, base_url=f"{scheme}://gateway")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(TokenAuthenticator(AuthSettings(jwt_secret=SECRET))) as client:
        yield client


def error_of(response: httpx2.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    return error


def cookie_of(response: httpx2.Response) -> "Morsel[str]":
    (morsel,) = SimpleCookie(response.headers["Set-Cookie"]).values()
    return morsel


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        (None, 401, "UNAUTHENTICATED"),
        ("garbage", 401, "UNAUTHENTICATED"),
        (make_token(expires_in=-60), 401, "UNAUTHENTICATED"),
        (make_token(key="another secret of at least 32 bytes"), 401, "UNAUTHENTICATED"),
        (make_token(algorithm="none"), 401, "UNAUTHENTICATED"),
        (make_token(scopes=["logs:write"]), 403, "PERMISSION_DENIED"),
        (make_token(tasks=["other-*"]), 403, "PERMISSION_DENIED"),
        (make_token(tasks=["build-*"]), 200, None),
        (make_token(scopes=["admin"]), 200, None),
    ],
    ids=["none", "garbage", "expired", "other key", "alg none", "other scope", "other task", "right", "admin"],
)
@pytest.mark.parametrize("way", ["header", "query", "cookie"])
async def test_every_way_lets_in_the_same(
    client: httpx2.AsyncClient, way: str, token: str | None, status: int, code: str | None
) -> None:
    """Header, query string and cookie give the same answers to the same token."""
    if token is not None and way == "header":
        client.headers.update(bearer(token))
    if token is not None and way == "cookie":
        client.cookies.set("otto_session", token)
    response = await client.get("/task/build-1", params={"access_token": token} if token and way == "query" else None)
    assert response.status_code == status
    if code is not None:
        assert error_of(response)["code"] == code
        assert token is None or token not in response.text
        assert (response.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)


async def test_a_session_is_a_cookie_that_scripts_cannot_read(client: httpx2.AsyncClient) -> None:
    """The token becomes a cookie for as long as it is good, and lets in without a header."""
    response = await client.post("/api/v1/auth/session", headers=bearer(make_token(expires_in=36_000)))
    cookie = cookie_of(response)
    assert response.status_code == 204
    assert response.headers["Cache-Control"] == "no-store"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "strict", "/", "")
    assert 35_000 <= int(cookie["max-age"]) <= 36_010
    assert (await client.get("/task/any")).status_code == 200


async def test_the_cookie_is_secure_where_the_request_is() -> None:
    """HTTPS, or the setting, make it so."""
    for scheme, settings in (("https", {}), ("http", {"cookie_secure": True})):
        authenticator = TokenAuthenticator(AuthSettings(jwt_secret=SECRET, **settings))  # type: ignore[arg-type]
        async with client_of(authenticator, scheme) as client:
            response = await client.post("/api/v1/auth/session", headers=bearer(make_token()))
            assert cookie_of(response)["secure"] is True


async def test_ending_a_session_takes_the_cookie_away(client: httpx2.AsyncClient) -> None:
    """The browser forgets it."""
    await client.post("/api/v1/auth/session", headers=bearer(make_token()))
    response = await client.delete("/api/v1/auth/session")
    assert response.status_code == 204
    assert (cookie_of(response).value, cookie_of(response)["max-age"]) == ("", "0")
    assert (await client.get("/task/any")).status_code == 401


async def test_a_session_needs_a_good_token_in_the_header(client: httpx2.AsyncClient) -> None:
    """No token, a bad one, or one in the address make no cookie."""
    token = make_token()
    for response in (
        await client.post("/api/v1/auth/session"),
        await client.post("/api/v1/auth/session", headers=bearer("garbage")),
        await client.post("/api/v1/auth/session", params={"access_token": token}),
    ):
        assert response.status_code == 401
        assert "Set-Cookie" not in response.headers


async def test_a_token_too_long_for_a_cookie_is_refused(client: httpx2.AsyncClient) -> None:
    """Browsers would drop the cookie without a word."""
    response = await client.post("/api/v1/auth/session", headers=bearer(make_token(more="x" * 3800)))
    assert response.status_code == 400
    assert error_of(response)["field"] == "Authorization"


# Threat: a page of another origin that has the browser send a request with its cookie.
async def test_the_cookie_lets_nobody_change_anything(client: httpx2.AsyncClient) -> None:
    """Only reading is let in by cookie, ticket or address; the header is needed for everything else."""
    client.cookies.set("otto_session", make_token())
    assert (await client.get("/task/any")).status_code == 200
    assert (await client.head("/task/any")).status_code == 200
    assert (await client.post("/task/any")).status_code == 401
    assert (await client.post("/task/any", params={"access_token": make_token()})).status_code == 401
    assert (await client.post("/api/v1/auth/ticket")).status_code == 401
    assert (await client.post("/task/any", headers=bearer(make_token()))).status_code == 200


async def test_a_ticket_lets_one_request_in(client: httpx2.AsyncClient) -> None:
    """It is got with the header, and used in the address."""
    response = await client.post("/api/v1/auth/ticket", headers=bearer(make_token()))
    assert response.json()["expiresIn"] == 30
    assert response.headers["Cache-Control"] == "no-store"
    params = {"ticket": response.json()["ticket"]}
    assert (await client.get("/task/any", params=params)).json() == {"subject": "tester"}
    again = await client.get("/task/any", params=params)
    assert again.status_code == 401
    assert error_of(again)["field"] == "ticket"
    assert params["ticket"] not in again.text


async def test_a_ticket_for_a_task_is_for_no_other(client: httpx2.AsyncClient) -> None:
    """``taskId`` bounds the ticket, and the token bounds ``taskId``."""
    headers = bearer(make_token(tasks=["build-*"]))
    response = await client.post("/api/v1/auth/ticket", json={"taskId": "build-1"}, headers=headers)
    params = {"ticket": response.json()["ticket"]}
    assert (await client.get("/task/build-2", params=params)).status_code == 403
    refused = await client.post("/api/v1/auth/ticket", json={"taskId": "deploy"}, headers=headers)
    assert (refused.status_code, error_of(refused)["field"]) == (403, "taskId")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"not json", 400, None),
        (b"\xff", 400, None),
        (b"[" * 4000, 400, None),
        (b"[]", 400, None),
        (b'{"taskId": 7}', 400, "taskId"),
        (b'{"taskId": ""}', 400, "taskId"),
        (b'{"pipelineId": "a\\u0000"}', 400, "pipelineId"),
        (b'{"task": "x"}', 400, "task"),
        (b" " * 5000, 413, None),
        (b" ", 200, None),
        (b'{"taskId": null}', 200, None),
    ],
)
async def test_a_wrong_body_is_answered_with_what_is_wrong(
    client: httpx2.AsyncClient, body: bytes, status: int, field: str | None
) -> None:
    """Never a 500."""
    response = await client.post("/api/v1/auth/ticket", content=body, headers=bearer(make_token()))
    assert response.status_code == status
    if status != 200:
        assert error_of(response).get("field") == field


@pytest.mark.parametrize(
    ("headers", "query", "status", "field"),
    [
        ([("Authorization", "Basic eDp5")], "", 401, "Authorization"),
        ([("Authorization", "Bearer")], "", 401, "Authorization"),
        ([("Authorization", "Bearer  ")], "", 401, "Authorization"),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], "", 400, "Authorization"),
        ([("Authorization", "Bearer a")], "access_token=b", 400, "access_token"),
        ([], "access_token=a&access_token=b", 400, "access_token"),
        ([], "access_token=a&ticket=b", 400, "ticket"),
        ([], "access_token=", 401, "access_token"),
        ([], "ticket=", 401, "ticket"),
        ([], "access_token=%FF%00", 401, "access_token"),
        ([("Authorization", "Bearer é")], "", 401, "Authorization"),
        ([("Cookie", "otto_session=garbage")], "", 401, "otto_session"),
    ],
)
async def test_malformed_credentials_are_named(
    client: httpx2.AsyncClient, headers: list[tuple[str, str]], query: str, status: int, field: str
) -> None:
    """Two at once are a 400, an empty or unreadable one a 401; the answer names where it was."""
    response = await client.get(
        f"/task/any?{query}", headers=[(name.encode(), value.encode()) for name, value in headers]
    )
    assert (response.status_code, error_of(response)["field"]) == (status, field)


async def test_a_password_of_a_proxy_is_none_of_our_business(client: httpx2.AsyncClient) -> None:
    """A browser that sends ``Authorization: Basic`` everywhere can still use cookie and address."""
    basic = {"Authorization": "Basic eDp5"}
    assert (await client.get("/task/any", params={"access_token": make_token()}, headers=basic)).status_code == 200
    client.cookies.set("otto_session", make_token())
    assert (await client.get("/task/any", headers=basic)).status_code == 200


async def test_what_is_sent_on_purpose_goes_before_the_cookie(client: httpx2.AsyncClient) -> None:
    """An old cookie does not hinder a good token, nor does a good cookie help a bad one."""
    client.cookies.set("otto_session", "old")
    assert (await client.get("/task/any", headers=bearer(make_token()))).status_code == 200
    client.cookies.set("otto_session", make_token())
    assert (await client.get("/task/any", headers=bearer("garbage"))).status_code == 401


async def test_the_scheme_is_read_in_any_case(client: httpx2.AsyncClient) -> None:
    """RFC 9110: schemes are case-insensitive."""
    headers = {"Authorization": f"bEARER   {make_token()} "}
    assert (await client.get("/task/any", headers=headers)).status_code == 200


async def test_without_credentials_everybody_is_let_in() -> None:
    """Clients that send tokens, begin sessions and use tickets work unchanged."""
    async with client_of(TokenAuthenticator()) as client:
        assert (await client.get("/task/any")).json() == {"subject": "anonymous"}
        assert (await client.get("/task/any", headers=bearer("garbage"))).status_code == 200
        session = await client.post("/api/v1/auth/session", headers=bearer("garbage"))
        assert (session.status_code, "Set-Cookie" in session.headers) == (204, False)
        ticket = (await client.post("/api/v1/auth/ticket")).json()["ticket"]
        assert (await client.get("/task/any", params={"ticket": ticket})).status_code == 200
