"""Which pages may change something: by the headers that browsers add."""

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.application import http_application
from tests.support.http_server import serve

FRIEND, EVIL = "https://friend.example", "https://evil.example"
OWN = "http://gateway.example:4000"
JSON = {"Content-Type": "application/json; charset=utf-8"}
FORM = {"Content-Type": "text/plain"}


async def write(
    headers: dict[str, str], *, method: str = "POST", body: bytes = b"{}", origins: tuple[str, ...] = (FRIEND,)
) -> tuple[httpx2.Response, list[str], list[bytes]]:
    """Answer, counted refusals, and the bodies that reached the route."""
    refusals: list[str] = []
    written: list[bytes] = []

    async def change(request: Request) -> Response:
        written.append(await request.body())
        return Response()

    routes = [Route("/", change, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
    app = http_application(routes, cors_origins=origins, on_error=refusals.append)
    async with serve(app) as base, httpx2.AsyncClient() as http:
        headers = {"Host": "gateway.example:4000", **headers}
        return await http.request(method, base, headers=headers, content=body), refusals, written


# Threat: where no credentials are configured, any page writes through the browser of a visitor.
@pytest.mark.parametrize(
    "page",
    [
        {"Origin": EVIL},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": "http://gateway.example:5000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://gateway.example"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_of_another_origin_changes_nothing(page: dict[str, str], method: str) -> None:
    """By any method that changes something, also with JSON; the refusal is counted and names the setting."""
    answer, refusals, written = await write(page | JSON, method=method)
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "Origin")
    assert "CORS_ORIGINS" in answer.json()["error"]["message"]
    assert (refusals, written) == (["http_permission_denied"], [])


@pytest.mark.parametrize(
    "caller",
    [
        {},  # curl, and programs of before
        {"Origin": OWN},
        {"Origin": OWN, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-origin"},  # a proxy has rewritten Host
        {"Sec-Fetch-Site": "none"},
        {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_programs_own_pages_and_configured_origins_write(caller: dict[str, str]) -> None:
    """With a JSON body, and without a body."""
    for body in (b"{}", b""):
        answer, _, written = await write(caller | (JSON if body else {}), body=body)
        assert (answer.status_code, written) == (200, [body])


@pytest.mark.parametrize("origins", [(FRIEND,), ("*",)])
@pytest.mark.parametrize("kind", [FORM, {"Content-Type": "application/x-www-form-urlencoded"}, {}])
async def test_a_page_sends_json_and_says_so(origins: tuple[str, ...], kind: dict[str, str]) -> None:
    """Any other type would spare it the preflight."""
    for page in (FRIEND, OWN):
        answer, _, written = await write({"Origin": page} | kind, origins=origins)
        assert (answer.status_code, answer.json()["error"]["field"], written) == (400, "Content-Type", [])


@pytest.mark.parametrize("kind", [FORM, {"Content-Type": "application/x-www-form-urlencoded"}, {}])
async def test_a_program_without_origin_uses_any_content_type(kind: dict[str, str]) -> None:
    """As curl and older programs do."""
    answer, _, written = await write(kind)
    assert (answer.status_code, written) == (200, [b"{}"])


async def test_reads_are_not_restricted() -> None:
    """A page of another origin cannot read the answer, and a link from one works."""
    answer, _, _ = await write({"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}, method="GET", body=b"")
    assert answer.status_code == 200
