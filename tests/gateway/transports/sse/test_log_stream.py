"""The log stream over real sockets."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import httpx2
import pytest
import zstandard
from httpx_sse import aconnect_sse
from starlette.applications import Starlette
from starlette.requests import Request

from gateway.errors import ApiError, error_response
from gateway.http.connection import http_protocol_class
from gateway.transports.sse.encoding import IDENTITY
from gateway.transports.sse.log_stream import sse_routes
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.limits import Limits
from sessions.subscription import Subscription
from tests.support.http_server import serve
from tests.support.programs import run_node
from tests.support.scripted_history import EPOCH, Block, Commit, Ended, RecordingTransport, ScriptedHistory, block
from tests.support.waiting import until


class Everyone:
    """No credentials are configured."""

    subject = "everyone"
    expires_at = None

    async def principal_of(self, connection):
        return self

    def require(self, scope, *, task_id=None):
        assert scope == "logs:read"


async def refused(request: Request, error: Exception):
    assert isinstance(error, ApiError)
    return error_response(error)


class Gateway:
    """A hub after the real endpoint."""

    def __init__(self, **limits) -> None:
        self.history = ScriptedHistory()
        self.hub = Hub(self.history, Limits(**limits))
        self.url = ""
        self.transports: list[asyncio.Transport] = []

    def stream(self, task="build", query=""):
        return f"{self.url}/api/v1/log-streaming/logs/{quote(task, safe='')}/stream{query}"

    def commit(self, *blocks: Block, ended: tuple[Ended, ...] = ()) -> None:
        self.history.store(*blocks)
        for end in ended:
            self.history.ends[end.task_id] = end
        self.hub.publish(Commit(blocks, ended))

    async def sessions(self, count: int) -> None:
        await until(lambda: len(self.hub.sessions) == count, "there are as many sessions")


@asynccontextmanager
async def running(**limits) -> AsyncIterator[Gateway]:
    gateway = Gateway(**limits)
    app = Starlette(routes=sse_routes(gateway.hub, Everyone()), exception_handlers={ApiError: refused})

    class Protocol(http_protocol_class()):
        def connection_made(self, transport) -> None:
            gateway.transports.append(transport)
            super().connection_made(transport)

    async with serve(app, http=Protocol) as gateway.url:
        yield gateway
        await gateway.hub.close()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running() as gateway:
        yield gateway


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(headers={"Accept-Encoding": "identity"}) as client:
        yield client


def sequences(text: str) -> list[int]:
    return [
        json.loads(event.split("data: ", 1)[1])["sequence"]
        for event in text.split("\n\n")
        if "id: " in event and "event:" not in event
    ]


async def test_whole_stream_of_an_ended_task(gateway, client):
    """Every line is a default message with its id; ``complete`` follows and the response ends."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    response = await client.get(gateway.stream())
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    first, *_, complete, rest = response.text.split("\n\n")
    retry, _, first = first.partition("\n")
    assert retry.startswith("retry: ")
    assert first.startswith(f'id: {EPOCH}-1\ndata: {{"taskId":"build","workerId":"worker-1","sequence":1,')
    assert complete.startswith(f'id: {EPOCH}-3.end\nevent: complete\ndata: {{"status":"COMPLETED"')
    assert rest == ""
    assert sequences(response.text) == [1, 2, 3]


async def test_reconnect_after_the_end_is_told_not_to_come_back(gateway, client):
    """The id of ``complete`` is answered with 204, until a new line opens the task again."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    headers = {"Last-Event-ID": f"{EPOCH}-3.end"}
    assert (await client.get(gateway.stream(), headers=headers)).status_code == 204
    headers = {"Last-Event-ID": f"{EPOCH}-3"}
    assert "event: complete" in (await client.get(gateway.stream(), headers=headers)).text
    gateway.commit(block(4, 4), ended=(Ended("build", 4),))
    headers = {"Last-Event-ID": f"{EPOCH}-3.end"}
    assert sequences((await client.get(gateway.stream(), headers=headers)).text) == [4]


async def test_a_reconnect_to_a_task_that_a_status_alone_has_opened_again_is_a_stream(gateway, client):
    """Anyone who has seen the end waits for what comes after it, and is notified of the next end."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    gateway.history.ends.clear()  # a worker runs again; there is no new line
    headers = {"Last-Event-ID": f"{EPOCH}-3.end"}
    async with client.stream("GET", gateway.stream(), headers=headers) as response:
        assert response.status_code == 200
        await gateway.sessions(1)
        gateway.commit(block(4, 5), ended=(Ended("build", 5),))
        text = (await response.aread()).decode()
    assert sequences(text) == [4, 5]
    assert f"id: {EPOCH}-5.end\nevent: complete\n" in text


@pytest.mark.parametrize("is_live", [False, True])
async def test_the_id_of_a_filtered_line_is_its_own_sequence(gateway, client, is_live):
    """Stored or live, whatever was left out before it: a client that comes back with it misses nothing."""
    if is_live:
        gateway.hub.open(Subscription("build", IDENTITY), RecordingTransport())
    async with client.stream("GET", gateway.stream(query="?level=error")) as response:
        await gateway.sessions(1 + is_live)
        if not is_live:
            gateway.history.gate.clear()
        lines = block(1, 2), block(3, 3, level="ERROR"), block(4, 6), block(7, 8, level="ERROR"), block(9, 9)
        gateway.commit(*lines, ended=(Ended("build", 9),))
        gateway.history.gate.set()
        text = (await response.aread()).decode()
    lines_only = [event[event.index("id: ") :] for event in text.split("\n\n") if "sequence" in event]
    events = [event.split("\n") for event in lines_only if "complete" not in event]
    ids = [event[0].removeprefix("id: ") for event in events]
    assert ids == [f"{EPOCH}-{json.loads(event[1].removeprefix('data: '))['sequence']}" for event in events]
    assert ids == [f"{EPOCH}-{n}" for n in (3, 7, 8)]


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("?after=2", {}, [3, 4, 5]),
        (f"?after={EPOCH}-2", {}, [3, 4, 5]),
        ("?tail=2", {}, [4, 5]),
        ("?tail=0", {}, []),
        ("?tail=3&after=4", {}, [5]),
        ("?tail=1", {"Last-Event-ID": f"{EPOCH}-2"}, [3, 4, 5]),
        (f"?tail=1&lastEventId={EPOCH}-2", {}, [3, 4, 5]),
        (f"?last-event-id={EPOCH}-2&after=1", {}, [3, 4, 5]),
        (f"?lastEventId={EPOCH}-2", {"Last-Event-ID": f"{EPOCH}-4"}, [5]),
        (f"?lastEventId=%20{EPOCH}-4%20", {}, [5]),
        ("?lastEventId=&after=3", {}, [4, 5]),
        ("?after=1", {"Last-Event-ID": f"{EPOCH}-3"}, [4, 5]),
        ("?after=4", {"Last-Event-ID": f"{EPOCH}-1"}, [2, 3, 4, 5]),
        ("?after=1&tail=4", {"Last-Event-ID": f"{EPOCH}-4"}, [5]),
        ("?after=soon", {"Last-Event-ID": f"{EPOCH}-4"}, [5]),
        ("?after=3", {"Last-Event-ID": ""}, [4, 5]),
        ("?level=error", {}, [5]),
        ("?keywords=LINE+3,line+5", {}, [3, 5]),
        ("?nonsense=1", {}, [1, 2, 3, 4, 5]),
    ],
)
async def test_query_says_where_to_start_and_what_to_send(gateway, client, query, headers, expected):
    """All parameters combine; ``Last-Event-ID``, then its parameter go before the rest; unknown ones are ignored."""
    gateway.commit(block(1, 4), block(5, 5, level="ERROR"), ended=(Ended("build", 5),))
    assert sequences((await client.get(gateway.stream(query=query), headers=headers)).text) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?level=LOUD", "level"),
        ("?source=stdin", "source"),
        ("?startTime=yesterday", "startTime"),
        ("?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z", "startTime"),
        ("?tail=-1", "tail"),
        ("?tail=x", "tail"),
        ("?tail=99999999999999999999", "tail"),
        ("?after=1.5", "after"),
        ("?after=", "after"),
        ("?workerId=%07", "workerId"),
        ("?lastEventId=soon", "lastEventId"),
        ("?last-event-id=soon", "last-event-id"),
        ("?event=lines", "event"),
    ],
)
async def test_wrong_value_is_named(gateway, client, query, field):
    """A wrong value is a 400 that names its parameter."""
    response = await client.get(gateway.stream(query=query))
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field


async def test_end_that_was_seen_is_204_by_the_parameter_of_polyfills_too(gateway, client):
    """Or they would replay the log for ever."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    assert (await client.get(gateway.stream(query=f"?lastEventId={EPOCH}-3.end"))).status_code == 204


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(("query", "name"), [("?event=log", "event: log\n"), ("?event=message", ""), ("", "")])
async def test_lines_are_named_where_it_is_asked_for(gateway, client, coding, query, name):
    """``event=log`` names them, whatever the encoding; the other events keep their names."""
    gateway.commit(block(1, 2), ended=(Ended("build", 2),))
    response = await client.get(gateway.stream(query=query), headers={"Accept-Encoding": coding})
    first, second, complete, _ = response.text.split("\n\n")
    assert first.partition("\n")[2].startswith(f"id: {EPOCH}-1\n{name}data: {{")
    assert second.startswith(f"id: {EPOCH}-2\n{name}data: {{")
    assert "event: complete\n" in complete


async def test_every_block_has_data(gateway, client):
    """Clients that make an event of a block without data, or throw, get none; ``retry`` is a line of the first."""
    gateway.commit(block(1, 2), ended=(Ended("build", 2),))
    *blocks, rest = (await client.get(gateway.stream())).text.split("\n\n")
    assert rest == ""
    assert all("data: " in each for each in blocks)
    assert [each.startswith("retry: ") for each in blocks] == [True, False, False]


async def test_wrong_last_event_id_is_named(gateway, client):
    """An id that no gateway gave out is a 400, not a stream from somewhere."""
    response = await client.get(gateway.stream(), headers={"Last-Event-ID": "17;drop"})
    assert (response.status_code, response.json()["error"]["field"]) == (400, "Last-Event-ID")


@pytest.mark.parametrize("task", ["a b", "a/b", "빌드-1", "100%", "a?b#c", "...", "x" * 256])
async def test_any_identifier_is_reachable(gateway, client, task):
    """A task's id is percent-encoded in the path, a slash too."""
    gateway.commit(block(1, 2, task=task), ended=(Ended(task, 2),))
    assert sequences((await client.get(gateway.stream(task))).text) == [1, 2]


@pytest.mark.parametrize("segment", ["", "%0A", "%00", "x" * 257, "%ff"])
async def test_bad_identifier_is_refused(gateway, client, segment):
    """What is no identifier is a 400 that says so."""
    response = await client.get(f"{gateway.url}/api/v1/log-streaming/logs/{segment}/stream")
    assert (response.status_code, response.json()["error"]["field"]) == (400, "taskId")


async def test_slash_that_is_not_encoded_is_no_path_of_ours(gateway, client):
    """``a/b`` in a path is not the task ``a/b``."""
    response = await client.get(f"{gateway.url}/api/v1/log-streaming/logs/a/b/stream")
    assert response.status_code == 404


async def test_lines_arrive_live(gateway, client):
    """A line reaches its subscribers when it is published, not when the response ends."""
    async with client.stream("GET", gateway.stream()) as response:
        chunks = response.aiter_text()
        assert (await anext(chunks)).startswith("retry: ")
        await gateway.sessions(1)
        for n in (1, 2, 3):
            gateway.commit(block(n, n))
            assert sequences(await anext(chunks)) == [n]
    await gateway.sessions(0)


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
async def test_stream_is_compressed_where_accepted(gateway, client, coding):
    """The compressed stream is the plain one, and ends as the coding wants it."""
    gateway.commit(block(1, 5000), ended=(Ended("build", 5000),))
    response_headers, body = {}, b""
    async with client.stream("GET", gateway.stream(), headers={"Accept-Encoding": coding}) as response:
        response_headers = response.headers
        async for chunk in response.aiter_raw():
            body += chunk
    assert response_headers["content-encoding"] == coding
    assert response_headers["vary"] == "Accept-Encoding"
    if coding == "gzip":
        text = gzip.decompress(body).decode()
    else:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            text = reader.read().decode()
    assert sequences(text) == list(range(1, 5001))
    assert text.count("event: complete") == 1


async def test_full_gateway_says_so(client):
    """One session too many is a 503 with a time to come back."""
    async with running(sessions_max=1) as gateway, client.stream("GET", gateway.stream()):
        await gateway.sessions(1)
        response = await client.get(gateway.stream())
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "SERVER_FULL"
        assert int(response.headers["retry-after"]) > 0


async def test_shutdown_tells_every_stream_to_come_back(gateway, client):
    """Streams end with an error event that carries a new ``retry``, before the server goes."""
    async with client.stream("GET", gateway.stream()) as response:
        await gateway.sessions(1)
        await gateway.hub.close(CloseReason.SERVER_SHUTDOWN)
        text = (await response.aread()).decode()
    assert text.count("retry: ") == 2
    assert 'event: error\ndata: {"code":"SERVER_SHUTDOWN"' in text


async def test_client_that_goes_away_frees_its_session(gateway):
    """A connection that is closed, even in the middle of lines, ends its session."""
    gateway.commit(block(1, 5000))
    host, port = gateway.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/v1/log-streaming/logs/build/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await gateway.sessions(1)
    writer.transport.abort()
    await gateway.sessions(0)
    await asyncio.sleep(0)


async def test_client_that_does_not_read_holds_a_bounded_amount(gateway):
    """A stalled reader stops using memory, others continue, and it gets every line once it reads again."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 16)
    writer.write(b"GET /api/v1/log-streaming/logs/build/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await gateway.sessions(1)
    (session,) = gateway.hub.sessions
    for n in range(200):
        gateway.commit(block(n * 100 + 1, n * 100 + 100, message="x" * 1000))
        await asyncio.sleep(0)
    await until(lambda: session.state.value == "blocked", "the session is blocked")
    (transport,) = gateway.transports
    waiting = transport.get_write_buffer_size()
    assert 0 < waiting < 64 * 1024 + 2 * gateway.hub.limits.run_bytes_max
    text = b""
    while text.count(b'"sequence":') < 20_000:
        text += await reader.read(1 << 20)
    numbers = [int(part.split(b",", 1)[0]) for part in text.split(b'"sequence":')[1:]]
    assert numbers == list(range(1, 20_001))
    writer.close()


async def test_head_answers_without_a_stream(gateway, client):
    """HEAD gives the headers and opens no session."""
    response = await client.head(gateway.stream())
    assert response.headers["content-type"] == "text/event-stream"
    assert gateway.hub.sessions == ()


async def test_connection_serves_again_after_a_stream(gateway, client):
    """After a stream has ended, its connection can carry the next request."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    for _ in range(3):
        assert sequences((await client.get(gateway.stream())).text) == [1, 2, 3]


@pytest.mark.node
async def test_clients_that_nobody_here_wrote_hear_every_line_once(gateway):
    """Each hears the end, no empty event, and stops at the 204 where it comes back by itself."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    heard = json.loads(await run_node("sse-clients.js", gateway.stream()))
    assert heard == {
        "eventsource": [[1, 2, 3], 1],
        "polyfill": [[1, 2, 3], 1],
        "fetchEventSource": [[1, 2, 3], 1, 0],
    }


async def test_httpx_sse_hears_every_line_once(gateway):
    """And no event without data."""
    gateway.commit(block(1, 3), ended=(Ended("build", 3),))
    async with httpx.AsyncClient() as client, aconnect_sse(client, "GET", gateway.stream()) as source:
        events = [event async for event in source.aiter_sse()]
    assert [event.event for event in events] == ["message"] * 3 + ["complete"]
    assert [json.loads(event.data)["sequence"] for event in events[:3]] == [1, 2, 3]
