"""Whom a request is addressed to, and what browsers may do with an answer."""

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.application import http_application
from gateway.http.middleware import HostGuard, SecurityHeaders
from gateway.settings.model import Settings
from tests.support.http_server import serve

SECRET = "a secret that has at least thirty-two bytes"


async def page(_request: Request) -> Response:
    return Response("hello", headers={"Cache-Control": "max-age=60"})


async def get(host: str | None, names: tuple[str, ...]) -> httpx2.Response:
    app = SecurityHeaders(HostGuard(http_application([Route("/", page)]), names))
    async with serve(app) as base, httpx2.AsyncClient() as client:
        return await client.get(base, headers={} if host is None else {"Host": host})


# Threat: a page points a name of its own at 127.0.0.1 (DNS rebinding) and uses the gateway as if it were its own.
@pytest.mark.parametrize(
    ("host", "status"),
    [
        (None, 200),
        ("localhost", 200),
        ("LOCALHOST.:4000", 200),
        ("127.0.0.1:4000", 200),
        ("[::1]:4000", 200),
        ("evil.example", 403),
        ("evil.example:4000", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("[::2]", 403),
        ("", 403),
        ("localhost@evil.example", 403),
    ],
)
async def test_without_credentials_only_local_names_are_answered(host: str | None, status: int) -> None:
    """With any port; the refusal says what would be right."""
    answer = await get(host, Settings().accepted_hosts)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["field"] == "Host"
        assert "localhost" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), ("localhost", "127.0.0.1", "[::1]")),
        (Settings(host="::1"), ("localhost", "127.0.0.1", "[::1]")),
        (Settings(host="0.0.0.0"), ()),
        (Settings(jwt_secret=SECRET), ()),  # type: ignore[arg-type]
        (Settings(allowed_hosts=("logs.example",)), ("logs.example",)),
        (Settings(jwt_secret=SECRET, allowed_hosts=("logs.example",)), ("logs.example",)),  # type: ignore[arg-type]
    ],
)
def test_which_names_are_accepted(settings: Settings, expected: tuple[str, ...]) -> None:
    """Any where tokens are asked for; those that are set, always."""
    assert settings.accepted_hosts == expected


async def test_answers_say_what_they_do_not_want() -> None:
    """What an answer says itself stays; the rest is the strictest there is."""
    headers = (await get(None, ())).headers
    assert headers["cache-control"] == "max-age=60"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert (headers["referrer-policy"], headers["x-frame-options"]) == ("no-referrer", "DENY")
