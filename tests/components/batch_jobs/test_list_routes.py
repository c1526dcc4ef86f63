"""The list of batch jobs over HTTP, and their progress as it happens."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.app import Gateway
from gateway.settings.model import Settings
from tests.support.batch_ui import hand_over, poll
from tests.support.event_stream import parse_event
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, NaverApi, refusal
from tests.support.signed_tokens import SECRET, make_token
from tests.support.socket_io_client import Recorder
from tests.support.waiting import time_limit, until

TOKEN = make_token(scopes=["logs:read", "logs:write"])


@pytest.fixture
async def http(api: NaverApi, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    options: dict[str, Any] = {
        "http_port": 0,
        "websocket_port": 0,
        "grpc_port": 0,
        "durability": "process",
        "jwt_secret": SECRET,
        "naver_client_id": CLIENT_ID,
        "naver_client_secret": CLIENT_SECRET,
        "naver_api_url": api.url,
        "naver_categories": "blog",
        "batch_interval_seconds": 0,
        "shutdown_grace_seconds": 0,
    }
    gateway = await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/otto.db", **options))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}", headers=headers) as client:
        yield client
    await gateway.stop()


async def test_jobs_are_listed_page_by_page(http: httpx2.AsyncClient) -> None:
    """The newest first, each with what it came to; the last page says that there is no other."""
    older = await hand_over(http, ["one", "two"])
    await poll(http, older, interval_seconds=0.01)
    newer = await hand_over(http, ["three"], priority="high")
    await poll(http, newer, interval_seconds=0.01)
    first = (await http.get("/api/documents/jobs?limit=1&status=completed")).json()
    [job] = first["jobs"]
    assert (job["id"], job["status"], job["progress"]) == (newer, "completed", {"current": 1, "total": 1})
    assert (job["priority"], job["failed"]) == ("high", 0)
    assert job["createdAt"] <= job["startedAt"] <= job["completedAt"]
    second = (await http.get("/api/documents/jobs", params={"limit": 1, "cursor": first["next"]})).json()
    assert ([job["id"] for job in second["jobs"]], second["next"]) == ([older], None)


async def test_a_failed_job_says_when_it_is_tried_again(http: httpx2.AsyncClient, api: NaverApi) -> None:
    """In the list and by itself, 60 s later."""
    api.script.append(refusal(401, "024"))
    job_id = await hand_over(http, ["one"])
    job = await poll(http, job_id, interval_seconds=0.01)
    [listed] = (await http.get("/api/documents/jobs?status=failed")).json()["jobs"]
    assert job["retryAt"] == listed["retryAt"] == job["completedAt"] + 60_000


async def test_statistics_of_batch_jobs(http: httpx2.AsyncClient, api: NaverApi) -> None:
    """Jobs by status, keywords by result, and calls by API and day."""
    api.script.append(refusal(400, "SE01"))
    await poll(http, await hand_over(http, ["one", "two"]), interval_seconds=0.01)
    found = (await http.get("/api/documents/statistics")).json()
    assert found["jobs"] == {"pending": 0, "processing": 0, "completed": 1, "failed": 0}
    assert found["keywords"] == {"counted": 1, "failed": 1}
    assert [(call["api"], call["calls"], call["failed"]) for call in found["calls"]] == [("blog", 2, 1)]
    assert found["meanKeywordMilliseconds"] >= 0


async def test_a_token_sees_the_jobs_that_it_covers(http: httpx2.AsyncClient) -> None:
    """In the list no others, and not what all of them add up to."""
    job_id = await hand_over(http, ["one"])
    for tasks, seen in ((["batch_*"], [job_id]), (["other"], [])):
        headers = {"Authorization": f"Bearer {make_token(tasks=tasks)}"}
        listed = (await http.get("/api/documents/jobs", headers=headers)).json()["jobs"]
        assert [job["id"] for job in listed] == seen
        assert (await http.get("/api/documents/statistics", headers=headers)).status_code == 403


@pytest.mark.parametrize("query", ["status=done", "limit=0", "limit=201", "cursor=1-other", "cursor=batch_1_00000000"])
async def test_wrong_queries_of_the_list(http: httpx2.AsyncClient, query: str) -> None:
    """The answer names the parameter."""
    refused = await http.get(f"/api/documents/jobs?{query}")
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, query.partition("=")[0])


async def test_progress_is_sent_over_both_transports(http: httpx2.AsyncClient) -> None:
    """As the event ``progress``, to clients that may read the job and to no others, without being asked for it."""
    port = http.base_url.port
    watching = await Recorder().connect(f"http://127.0.0.1:{port}", auth={"token": TOKEN})
    other = await Recorder().connect(f"http://127.0.0.1:{port}", auth={"token": make_token(tasks=["other"])})
    async with http.stream("GET", "/api/v1/log-streaming/updates") as stream:
        job_id = await hand_over(http, ["one"])
        done = {"jobId": job_id, "status": "completed", "progress": {"current": 1, "total": 1}}
        await until(lambda: done in watching.named("progress"), "the last progress over Socket.IO")
        text = b""
        async with time_limit("the last progress over SSE"):
            async for piece in stream.aiter_bytes():
                text += piece
                events = [parse_event(block) for block in text.split(b"\n\n")[:-1]]
                if any(event is not None and event.data == done for event in events):
                    break
    assert other.named("progress") == []
    await watching.close()
    await other.close()
