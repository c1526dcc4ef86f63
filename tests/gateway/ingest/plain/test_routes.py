"""``/api/v1/ingest``: what arrives is stored while it arrives, and answered when all of it is."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from gateway.auth.authenticator import TokenAuthenticator
from gateway.auth.settings import AuthSettings
from gateway.http.application import http_application
from gateway.http.connection import http_protocol_class
from gateway.http.request_limits import RequestLimits, guarded
from gateway.ingest.limits import IngestLimits
from gateway.ingest.plain.routes import plain_routes
from tests.support.http_server import serve as serve_http
from tests.support.moved_clock import pass_time
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import until
from tests.support.watched_journal import WatchedJournal

PATH = "/api/v1/ingest/build"


@pytest.fixture(params=["h2"])
def carrier(request: pytest.FixtureRequest) -> str:
    """HTTP does not depend on what carries gRPC."""
    return str(request.param)


@pytest.fixture
async def opened(serve: Any) -> Callable[..., Any]:
    """Serve the routes; a client of them, with the gRPC server whose registry they use."""

    @asynccontextmanager
    async def open_client(
        limits: IngestLimits | None = None, auth: AuthSettings | None = None, body_seconds: float = 30.0
    ) -> AsyncIterator[tuple[httpx2.AsyncClient, Any]]:
        server, _ = await serve(limits)
        application = http_application(
            plain_routes(server.registry, TokenAuthenticator(auth)), unlimited_bodies=["/api/v1/ingest/"]
        )
        protocol = guarded(http_protocol_class(), RequestLimits(body_seconds=body_seconds))
        async with serve_http(application, http=protocol) as url, httpx2.AsyncClient(base_url=url) as client:
            yield client, server

    return open_client


class Body:
    """A request's body that a test continues."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, piece: bytes | None) -> None:
        """A piece of it; None: its end."""
        self._pieces.put_nowait(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


async def messages(journal: WatchedJournal, task_id: str = "build") -> list[str]:
    return [entry.message for entry in await journal.entries(task_id)]


async def test_lines_are_stored_while_the_upload_runs(opened: Any, journal: WatchedJournal) -> None:
    """A line is there once it is complete, however long the request lasts; the answer comes after the last one."""
    async with opened(body_seconds=0.05) as (http, _):
        body = Body()
        answering = asyncio.ensure_future(http.put(PATH, content=body, params={"worker": "runner-1"}))
        body.send(b"one\ntw")
        await journal.until(lambda: len(journal.appended) == 1)
        pass_time(1.0)  # longer than other bodies may take
        body.send(b"o\n")
        await journal.until(lambda: len(journal.appended) == 2)
        assert not answering.done()
        body.send(b"three")
        body.send(None)
        answer = await answering
    assert (await messages(journal), journal.appended[0].worker_id) == (["one", "two", "three"], "runner-1")
    expected = {
        "taskId": "build",
        "lines": 3,
        "firstSequence": 1,
        "lastSequence": 3,
        "truncated": 0,
        "duplicate": False,
    }
    assert (answer.status_code, answer.json()) == (200, expected)


async def test_an_upload_is_answered_after_the_commit(opened: Any, journal: WatchedJournal) -> None:
    """Acknowledged means stored; a journal that fails is answered with a time to come back."""
    async with opened() as (http, _):
        journal.hold()
        answering = asyncio.ensure_future(http.post(PATH, content=b"one\n"))
        await journal.until(lambda: bool(journal.appended))
        assert not answering.done()
        journal.release()
        assert (await answering).status_code == 200
        journal.failure = "the disk is full"
        answer = await http.post(PATH, content=b"two\n")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "0 lines of this upload are stored" in answer.json()["error"]["message"]


async def test_what_arrived_is_stored_when_the_client_goes_away(opened: Any, journal: WatchedJournal) -> None:
    """Also the line that it was in the middle of."""
    async with opened() as (http, server):
        body = Body()
        answering = asyncio.ensure_future(http.post(PATH, content=body))
        body.send(b"one\ntw")
        await journal.until(lambda: bool(journal.appended))
        answering.cancel()
        await until(lambda: not server.statistics.streams.get("http"), "the request is over")
        await until(lambda: len(journal.appended) > 2, "its last line and its end are appended")
        assert await messages(journal) == ["one", "tw"]


async def test_a_numbered_request_is_stored_once(opened: Any, journal: WatchedJournal) -> None:
    """Sent again it is a duplicate; a number that leaves one out is refused, and so is half a number."""

    def numbered(number: Any) -> dict[str, str]:
        return {"Producer-Id": "runner-1", "Producer-Number": str(number)}

    async with opened() as (http, _):
        for number, lines in ((1, b"one\n"), (1, b"one\n"), (2, b"two\n"), (1, b"one\n")):
            answer = await http.post(PATH, content=lines, headers=numbered(number))
            assert answer.status_code == 200
        assert answer.json()["duplicate"]
        answer = await http.post(PATH, content=b"four\n", headers=numbered(4))
        assert (answer.status_code, "send 3 next" in answer.json()["error"]["message"]) == (400, True)
        for headers in ({"Producer-Id": "x"}, {"Producer-Number": "1"}, numbered(0), numbered("x"), numbered("1" * 30)):
            assert (await http.post(PATH, content=b"x", headers=headers)).status_code == 400
        other = await http.post(PATH, content=b"other\n", headers=numbered(1) | {"Producer-Id": "runner-2"})
        assert not other.json()["duplicate"]
    assert await messages(journal) == ["one", "two", "other"]


async def test_json_lines_and_encodings(opened: Any, journal: WatchedJournal) -> None:
    """A line of JSON is an entry with its fields; a compressed body is its lines."""
    async with opened() as (http, _):
        body = b'{"message": "one", "level": "error", "shard": 7}\nnot json\n'
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        assert (await http.post(PATH, content=gzip.compress(body), headers=headers)).json()["lines"] == 2
    first, second = await journal.entries("build")
    assert (first.message, first.level, first.metadata) == ("one", "ERROR", {"shard": "7"})
    assert second.message == "not json"


async def test_reading_pauses_while_too_much_waits(opened: Any, journal: WatchedJournal) -> None:
    """An upload holds a bounded number of lines; the rest waits at the client, and nothing is lost."""
    lines = b"".join(b"line %d\n" % number for number in range(20_000))
    async with opened(IngestLimits(inflight_lines_max=2_000)) as (http, _):
        journal.hold()
        answering = asyncio.ensure_future(http.post(PATH, content=lines))
        await journal.until(lambda: sum(len(batch.entries) for batch in journal.appended) >= 2_000)
        for _ in range(5):  # while these are answered, what the gateway would take of the upload is there as well
            assert (await http.get(PATH)).status_code == 405
        assert sum(len(batch.entries) for batch in journal.appended) < 2_000 + 512
        journal.release()
        assert (await answering).json()["lines"] == 20_000
    assert (await messages(journal))[-1] == "line 19999"


async def test_an_upload_needs_a_token_for_its_task(opened: Any, journal: WatchedJournal) -> None:
    """The scope and the task count, in the header alone; a token that expires ends its upload with what arrived."""
    auth = AuthSettings(jwt_secret=SECRET)
    good = make_token(scopes=("logs:write",), tasks=["build"])
    async with opened(auth=auth) as (http, _):
        for token, path, status in (
            (None, PATH, 401),
            (make_token(scopes=("logs:read",)), PATH, 403),
            (good, "/api/v1/ingest/other", 403),
            (good, PATH, 200),
        ):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            assert (await http.post(path, content=b"x\n", headers=headers)).status_code == status
        assert (await http.post(f"{PATH}?access_token={good}", content=b"x\n")).status_code == 401
        page = {"Origin": "https://elsewhere.example", "Authorization": f"Bearer {good}"}
        assert (await http.post(PATH, content=b"x\n", headers=page)).status_code == 403
    assert await messages(journal) == ["x"]


async def test_uploads_are_answered_before_the_gateway_stops(opened: Any, journal: WatchedJournal) -> None:
    """What they sent is stored, and they are asked to come back."""
    async with opened() as (http, server):
        body = Body()
        answering = asyncio.ensure_future(http.post(PATH, content=body))
        body.send(b"one\ntw")
        await journal.until(lambda: bool(journal.appended))
        server.registry.end_uploads()
        await until(lambda: len(journal.appended) > 1, "the rest is appended")
        body.send(None)
        answer = await answering
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert await messages(journal) == ["one", "tw"]
