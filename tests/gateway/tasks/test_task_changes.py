"""Deleting and pinning tasks over HTTP, on both databases, and what readers receive."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_process import running_gateway
from tests.support.postgres_server import PostgresServer
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.waiting import WAIT_SECONDS_MAX

LIVE = "/api/v1/log-streaming"
pytestmark = pytest.mark.xdist_group("postgres")

TOKEN = bearer(make_token(scopes=["logs:read", "logs:write", "tasks:write"]))
READER = bearer(make_token(scopes=["logs:read"]))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
async def http(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    changes = {"JWT_SECRET": SECRET}
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        changes["DATABASE_URL"] = await server.add_schema()
    async with (
        running_gateway(tmp_path, **changes) as gateway,
        httpx2.AsyncClient(base_url=gateway.url, timeout=WAIT_SECONDS_MAX, headers=TOKEN) as client,
    ):
        yield client


async def listed(http: httpx2.AsyncClient) -> dict[str, bool]:
    tasks = (await http.get(f"{LIVE}/tasks")).json()["tasks"]
    return {task["taskId"]: task["isPinned"] for task in tasks}


async def test_a_task_is_pinned_unpinned_and_deleted(http: httpx2.AsyncClient) -> None:
    """A pinned one is not deleted; a deleted one has no lines and no rows, and is not listed; lines continue after."""
    for task in ("a/1", "b"):
        await http.post(f"/api/v1/ingest/{task.replace('/', '%2F')}", content=b"one\ntwo")
    path = "/api/v1/tasks/a%2F1"
    assert (await http.post(f"{path}/pin")).json() == {"taskId": "a/1", "pinned": True}
    assert await listed(http) == {"a/1": True, "b": False}
    refused = await http.delete(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "CONFLICT")
    assert (await http.delete(f"{path}/pin")).json() == {"taskId": "a/1", "pinned": False}
    assert (await http.delete(path)).json() == {"taskId": "a/1", "lines": 2}
    assert await listed(http) == {"b": False}
    assert (await http.get("/api/automation/logs?jobId=a/1")).json() == {"logs": []}
    assert len((await http.get("/api/automation/logs?jobId=b")).json()["logs"]) == 2
    more = await http.post("/api/v1/ingest/a%2F1", content=b"three")
    assert more.json()["firstSequence"] == 3
    assert (await http.delete("/api/v1/tasks/unknown")).status_code == 404


async def test_readers_are_told_of_a_deletion(http: httpx2.AsyncClient) -> None:
    """The stream of the task ends for good with `TASK_DELETED`, and lists hear of it."""
    await http.post("/api/v1/ingest/a", content=b"one")
    paths = (f"{LIVE}/updates", f"{LIVE}/logs/a/stream")
    started = [asyncio.Event() for _ in paths]
    reading = [asyncio.create_task(_read(http, *each)) for each in zip(paths, started, strict=True)]
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await asyncio.gather(*(each.wait() for each in started))
        await http.delete("/api/v1/tasks/a")
        updates, log = await asyncio.gather(*reading)
    assert 'event: taskChanged\ndata: {"type":"deleted","taskId":"a"}' in updates
    assert "TASK_DELETED" in log


async def _read(http: httpx2.AsyncClient, path: str, started: asyncio.Event) -> str:
    """What a stream says until it has said that the task is gone."""
    text = ""
    async with http.stream("GET", path) as response:
        started.set()
        async for piece in response.aiter_text():
            text += piece
            if "deleted" in text:
                break
    return text


async def test_the_list_says_who_may_change_it(http: httpx2.AsyncClient) -> None:
    """A token without the scope is shown no buttons, and refused."""
    for headers, may in ((TOKEN, True), (READER, False)):
        assert (await http.get(f"{LIVE}/tasks", headers=headers)).json()["mayChange"] is may
    assert (await http.delete("/api/v1/tasks/a", headers=READER)).status_code == 403
