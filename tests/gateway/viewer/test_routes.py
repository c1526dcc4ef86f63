"""Serving the viewer: its addresses, caching, packing, and the policy that keeps everything else out."""

import gzip
import re
from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest

from gateway.http.application import http_application
from gateway.viewer.built_files import BuiltFile, built_files
from gateway.viewer.routes import missing_page, page_routes

SCRIPT = b"let a = 1\n" * 500
BUILD = {
    "index.html": BuiltFile.of("index.html", b'<!doctype html><script type="module" src="/page/assets/index-1a.js">'),
    "assets/index-1a.js": BuiltFile.of("index-1a.js", SCRIPT),
    "assets/index-2b.css": BuiltFile.of("index-2b.css", b"body { margin: 0 }"),
}
ADDRESSES = [
    "/",
    "/logs/a%2Fb%3F",
    "/executions",
    "/executions/run",
    "/automation",
    "/automation/1",
    "/batch-jobs",
    "/alerts",
    "/alerts/incidents/7",
    "/alerts/rules",
    "/alerts/rules/out-of-memory",
    "/alerts/new-rule",
    "/alerts/targets",
    "/alerts/maintenance",
    "/search?q=x",
]


def client(build: Mapping[str, BuiltFile]) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=http_application(page_routes(build), missing_page=missing_page(build)))
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway")


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with client(BUILD) as made:
        yield made


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_address_of_the_viewer_is_its_page(http: httpx2.AsyncClient, address: str) -> None:
    """A link to a log opens without having come from the list; it is asked for again each time."""
    answer = await http.get(address)
    assert (answer.status_code, answer.content) == (200, BUILD["index.html"].content)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "accept", "is_page"),
    [
        ("/nothing-is-here", "text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("/nothing-is-here", "*/*", False),
        ("/api/v1/nothing", "text/html", False),
        ("/page/assets/index-ff.css", "text/html", False),
    ],
)
async def test_a_browser_at_no_address_gets_the_page_that_says_so(
    http: httpx2.AsyncClient, path: str, accept: str, *, is_page: bool
) -> None:
    """With 404 all the same; programs get an error in the form of all others."""
    answer = await http.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert (answer.content == BUILD["index.html"].content) is is_page
    assert is_page or answer.json()["error"]["code"] == "NOT_FOUND"
    assert ("default-src 'none'" in answer.headers.get("content-security-policy", "")) is is_page


async def test_assets_are_kept_for_ever(http: httpx2.AsyncClient) -> None:
    """Their names have the hash of what is in them; a name of another build is not there."""
    answer = await http.get("/page/assets/index-2b.css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    missing = await http.get("/page/assets/index-ff.css")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert "immutable" not in missing.headers.get("cache-control", "")


@pytest.mark.parametrize("address", ["/", "/page/assets/index-1a.js"])
async def test_files_are_not_sent_twice(http: httpx2.AsyncClient, address: str) -> None:
    """A browser that has a file already is told so."""
    tag = (await http.get(address)).headers["etag"]
    answer = await http.get(address, headers={"If-None-Match": f'"other", {tag}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip, br", True), ("br;q=1, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
async def test_files_are_packed_for_who_takes_it(http: httpx2.AsyncClient, accepted: str, is_packed: bool) -> None:
    """A cache in between is notified that there are two."""
    async with http.stream("GET", "/page/assets/index-1a.js", headers={"Accept-Encoding": accepted}) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
    assert (answer.headers.get("content-encoding") == "gzip") is is_packed
    assert (gzip.decompress(body) if is_packed else body) == SCRIPT
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_head_is_the_head_of_get(http: httpx2.AsyncClient) -> None:
    """Monitors ask so."""
    for address in ("/", "/page/assets/index-1a.js"):
        got, head = await http.get(address), await http.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers == got.headers


@pytest.mark.parametrize("address", ["/", "/page/assets/index-1a.js"])
async def test_the_policy_lets_nothing_in(http: httpx2.AsyncClient, address: str) -> None:
    """Only the viewer's own files, no inline script or style, no frame around it, and no markup out of texts."""
    policy = (await http.get(address)).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ")
    assert "require-trusted-types-for 'script'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_without_a_build_the_page_says_what_to_run() -> None:
    """In a sentence; the rest of the gateway does not need it."""
    async with client({}) as http:
        answer = await http.get("/logs/build")
    assert answer.status_code == 200
    assert "make setup" in answer.text
    assert "otto-logs tail" in answer.text


def test_the_build_itself_needs_nothing_that_the_policy_forbids() -> None:
    """The page names files of its own build only, and has nothing inline; styles ask nobody else for fonts."""
    build = built_files()
    assert build, "the viewer is not built: run `make setup`"
    page = build["index.html"].content.decode()
    assert not re.search(r"<style|<script(?! type=\"module\" [^>]*src=)| style=| on[a-z]+=", page)
    named = re.findall(r'(?:src|href)="(/page/[^"]+)"', page)
    assert named
    assert {path.removeprefix("/page/") for path in named} <= build.keys()
    for path, file in build.items():
        if path.endswith(".css"):
            assert not re.search(rb"url\((?!\"?/page/assets/)|@import", file.content)


def test_each_name_in_a_build_has_a_hash() -> None:
    """Or a browser would keep an old file for ever."""
    names = [path for path in built_files() if path.startswith("assets/") and not path.endswith("licenses.md")]
    assert all(re.search(r"-[\w-]{8}\.\w+$", name) for name in names), names
