"""One form of error, limits, and other origins."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.application import http_application
from storage.errors import StorageUnavailableError
from tests.support.http_server import serve


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def broken(_request: Request) -> Response:
    raise StorageUnavailableError("/secret/place/otto.db is locked")


ROUTES = [Route("/echo", echo, methods=["POST"]), Route("/broken", broken)]


async def request(method: str, path: str, *, origins: tuple[str, ...] = (), **options: object) -> httpx2.Response:
    app = http_application(ROUTES, cors_origins=origins, body_bytes_max=1000)
    async with serve(app) as base, httpx2.AsyncClient() as client:
        return await client.request(method, base + path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("GET", "/echo", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/broken", 503, "UNAVAILABLE"),
    ],
)
async def test_every_error_has_one_form(method: str, path: str, status: int, code: str) -> None:
    """``{"error": {"code", "message"}}``, whoever raised it, and no path of ours in it."""
    answer = await request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "secret" not in answer.text
    if status == 405:
        assert answer.headers["allow"] == "POST"


async def parts(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100):
        yield b"x" * 100


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_is_refused(announced: bool) -> None:
    """Whether its length was announced or not; one at the limit passes."""
    content = b"x" * 1100 if announced else parts(1100)
    refused = await request("POST", "/echo", content=content)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    taken = await request("POST", "/echo", content=b"x" * 1000 if announced else parts(1000))
    assert (taken.status_code, len(taken.content)) == (200, 1000)


@pytest.mark.parametrize(
    ("origins", "origin", "allowed", "credentials"),
    [
        (("https://a.example",), "https://a.example", "https://a.example", "true"),
        (("https://a.example",), "https://b.example", None, "true"),
        (("*",), "https://b.example", "*", None),
        ((), "https://a.example", None, None),
    ],
)
async def test_only_configured_origins_may_read(
    origins: tuple[str, ...], origin: str, allowed: str | None, credentials: str | None
) -> None:
    """A named origin may use cookies; any origin may not."""
    answer = await request("POST", "/echo", origins=origins, headers={"Origin": origin}, content=b"")
    assert answer.headers.get("access-control-allow-origin") == allowed
    assert answer.headers.get("access-control-allow-credentials") == credentials


async def test_errors_are_readable_for_other_origins_too() -> None:
    """A page of a configured origin learns why it was refused."""
    origins = ("https://a.example",)
    answer = await request("GET", "/nowhere", origins=origins, headers={"Origin": origins[0]})
    assert answer.headers["access-control-allow-origin"] == origins[0]
