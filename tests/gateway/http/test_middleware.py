"""Whom a request is addressed to, and what browsers may do with an answer."""

import asyncio

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from gateway.http.application import http_application
from gateway.http.middleware import HostGuard, SecurityHeaders
from gateway.settings.model import Settings
from tests.support.bare_http import bare_request
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


# Threat: a server in front decides by one of the two, and the gateway by the other.
@pytest.mark.parametrize("hosts", [("localhost", "evil.example"), ("evil.example", "localhost"), ("localhost", "")])
async def test_of_two_hosts_both_have_to_be_right(hosts: tuple[str, str]) -> None:
    """One good name beside another one opens nothing; neither here nor in the server's own parser."""
    reached: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)
        await Response("hello")(scope, receive, send)

    guard = HostGuard(app, Settings().accepted_hosts)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode()) for host in hosts]
    await guard({"type": "http", "headers": headers}, lambda: asyncio.sleep(0, {}), send)
    assert sent[0]["status"] == 403
    async with serve(guard) as base:
        head = "".join(f"Host: {host}\r\n" for host in hosts)
        answer = await bare_request(int(base.rpartition(":")[2]), f"GET / HTTP/1.1\r\n{head}\r\n".encode())
    assert answer.status in (400, 403)
    assert reached == []


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
