"""The progress of a pipeline over Server-Sent Events, on a real connection."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from gateway.transports.sse.event_response import RETRY_MILLISECONDS
from sessions.limits import Limits
from sessions.pipelines import PipelineLimits
from tests.gateway.transports.conftest import MakeGateway
from tests.support.gateway_server import GatewayServer, Principal

PATH = "/api/v1/log-streaming/pipelines/{}/progress"
RUNNING, DONE = b'{"stageId":"build","status":"RUNNING"}', b'{"stageId":"build","status":"COMPLETED"}'


class Events:
    """Reads a stream event by event, as dictionaries of their fields."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line and fields:
                return fields
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
        return fields


Watch = Callable[..., Awaitable[Events]]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    async with AsyncExitStack() as stack:

        async def open_stream(gateway: GatewayServer, pipeline: str = "p", **options: Any) -> Events:
            http = await stack.enter_async_context(httpx2.AsyncClient(base_url=gateway.url))
            response = await stack.enter_async_context(http.stream("GET", PATH.format(pipeline), **options))
            return Events(response)

        yield open_stream


async def test_the_present_state_comes_first_then_transitions(start_gateway: MakeGateway, watch: Watch) -> None:
    """As ``progress`` events with an id; the response is neither cached nor buffered."""
    gateway = await start_gateway()
    gateway.progress("p", "build", RUNNING)
    events = await watch(gateway)
    assert events.response.status_code == 200
    assert events.response.headers["content-type"].startswith("text/event-stream")
    assert events.response.headers["cache-control"] == "no-cache"
    assert events.response.headers["x-accel-buffering"] == "no"
    low, high = RETRY_MILLISECONDS
    first = await events.next()
    assert low <= int(first.pop("retry")) <= high
    assert first == {"id": "0123abcd-1", "event": "progress", "data": RUNNING.decode()}
    gateway.progress("p", "build", DONE)
    assert await events.next() == {"id": "0123abcd-2", "event": "progress", "data": DONE.decode()}


@pytest.mark.parametrize(
    "resume",
    [
        {"headers": {"Last-Event-ID": "0123abcd-1"}},
        {"params": {"after": "1"}},
        {"params": {"lastEventId": "0123abcd-1", "after": "0"}},
        {"params": {"last-event-id": "0123abcd-1"}},
        {"headers": {"Last-Event-ID": "0123abcd-1"}, "params": {"after": "0"}},
        {"headers": {"Last-Event-ID": "0123abcd-1"}, "params": {"after": "2"}},
    ],
)
async def test_a_client_resumes_behind_what_it_has_seen(
    start_gateway: MakeGateway, watch: Watch, resume: dict[str, Any]
) -> None:
    """By ``Last-Event-ID``, which a browser keeps up to date, by the parameter of polyfills, or else by ``after``."""
    gateway = await start_gateway()
    gateway.progress("p", "build", RUNNING)
    gateway.progress("p", "test", DONE)
    events = await watch(gateway, **resume)
    assert (await events.next())["id"] == "0123abcd-2"


async def test_silence_is_broken_by_heartbeats(start_gateway: MakeGateway, watch: Watch) -> None:
    """They have a timestamp and no id."""
    gateway = await start_gateway(pipeline_limits=PipelineLimits(heartbeat_seconds=0.02))
    events = await watch(gateway)
    assert "retry" in await events.next()
    heartbeat = await events.next()
    assert heartbeat.keys() == {"event", "data"}
    assert heartbeat["event"] == "heartbeat"
    assert heartbeat["data"].startswith('{"timestamp":"2')


async def test_an_id_may_have_a_slash_and_anything_else(start_gateway: MakeGateway, watch: Watch) -> None:
    """Percent-encoded in the path."""
    gateway = await start_gateway()
    gateway.progress("a/b %\u00fc", "build", RUNNING)
    events = await watch(gateway, "a%2Fb%20%25%C3%BC")
    assert (await events.next())["event"] == "progress"


@pytest.mark.parametrize(
    ("path", "options", "status", "field"),
    [
        ("a/b", {}, 404, None),
        ("%00", {}, 400, "pipelineId"),
        ("%FF", {}, 400, "pipelineId"),
        ("x" * 257, {}, 400, "pipelineId"),
        ("p", {"params": {"after": "soon"}}, 400, "after"),
        ("p", {"headers": {"Last-Event-ID": "soon"}}, 400, "Last-Event-ID"),
        ("p", {"params": {"lastEventId": "soon"}}, 400, "lastEventId"),
    ],
)
async def test_what_is_wrong_is_named(
    start_gateway: MakeGateway, watch: Watch, path: str, options: dict[str, Any], status: int, field: str | None
) -> None:
    """As JSON, before any stream begins."""
    gateway = await start_gateway()
    response = (await watch(gateway, path, **options)).response
    await response.aread()
    assert (response.status_code, response.json()["error"].get("field")) == (status, field)
    assert gateway.hub.admission.active == 0


async def test_a_token_is_needed_and_limits_what_is_watched(start_gateway: MakeGateway, watch: Watch) -> None:
    """401 without, 403 with another's."""
    gateway = await start_gateway()
    gateway.tokens.principals["narrow"] = Principal(tasks=frozenset({"mine"}))
    bearer = {"headers": {"Authorization": "Bearer narrow"}}
    assert (await watch(gateway)).response.status_code == 401
    assert (await watch(gateway, **bearer)).response.status_code == 403
    assert (await watch(gateway, "mine", **bearer)).response.status_code == 200


async def test_the_stream_ends_with_its_token(
    start_gateway: MakeGateway, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an ``error`` that says so."""
    gateway = await start_gateway()
    gateway.tokens.principals["short"] = Principal(expires_at=time.time() + 3600)
    events = await watch(gateway, headers={"Authorization": "Bearer short"})
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    assert '"TOKEN_EXPIRED"' in (await events.next())["data"]
    assert await events.next() == {}


async def test_a_shutdown_is_announced(start_gateway: MakeGateway, watch: Watch) -> None:
    """With a later time to come back than usual, spread over clients."""
    gateway = await start_gateway()
    events = await watch(gateway)
    gateway.pipelines.close()
    error = await events.next()
    assert error["event"] == "error"
    assert '"SERVER_SHUTDOWN"' in error["data"]
    assert "retry" in error
    assert await events.next() == {}


async def test_more_streams_than_allowed_are_refused(start_gateway: MakeGateway, watch: Watch) -> None:
    """With 503 and a time to come back."""
    gateway = await start_gateway(limits=Limits(sessions_max=1))
    await watch(gateway)
    response = (await watch(gateway)).response
    await response.aread()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "SERVER_FULL")
    assert int(response.headers["retry-after"]) > 0


async def test_a_client_that_goes_away_leaves_nothing(start_gateway: MakeGateway) -> None:
    """Neither does a HEAD request."""
    gateway = await start_gateway(pipeline_limits=PipelineLimits(heartbeat_seconds=0.01))
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        assert (await http.head(PATH.format("p"))).status_code == 200
        assert gateway.hub.admission.active == 0
        async with http.stream("GET", PATH.format("p")) as response:
            await Events(response).next()
            session = gateway.pipelines.sessions[0]
    while session.reason is None:
        await asyncio.sleep(0)
    assert gateway.hub.admission.active == 0
