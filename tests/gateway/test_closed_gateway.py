"""A gateway that asks for tokens: what answers without one, and what is hidden."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import jwt
import pytest
from pydantic import SecretStr

from gateway.app import Gateway
from gateway.settings.model import Settings
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch

SECRET = "correct-horse-battery-staple-0123456789"


def bearer(**claims: object) -> dict[str, str]:
    token = jwt.encode({"sub": "somebody", "exp": int(time.time()) + 600} | claims, SECRET, "HS256")
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a closed gateway with a line in the tasks ``mine-1`` and ``other``."""
    closed = settings.model_copy(update={"jwt_secret": SecretStr(SECRET), "host": "127.0.0.1"})
    journal = await SqliteJournal.open(Path(settings.database_url.removeprefix("sqlite:///")))
    for task in ("mine-1", "other"):
        await journal.append(batch("line", task=task))
    await journal.close()
    gateway = await Gateway.start(closed)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        yield client
    await gateway.stop()


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/healthz/live", "/healthz/ready", "/api/v1/log-streaming/health", "/", "/logs/build", "/search"],
)
async def test_health_metrics_and_the_empty_page_need_no_token(path: str, http: httpx2.AsyncClient) -> None:
    """They show no name and no line."""
    answer = await http.get(path)
    assert answer.status_code == 200
    assert "mine-1" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/log-streaming/logs/other/stream",
        "/api/v1/log-streaming/pipelines/other/progress",
        "/api/v1/log-streaming/tasks",
        "/api/automation/logs?jobId=other",
    ],
)
async def test_everything_else_needs_one(path: str, http: httpx2.AsyncClient) -> None:
    """401 without a token; 403 with one that is for something else."""
    assert (await http.get(path)).status_code == 401
    answer = await http.get(path, headers=bearer(scope="logs:write"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PERMISSION_DENIED")


async def test_tasks_are_those_that_one_may_read(http: httpx2.AsyncClient) -> None:
    """The tasks claim hides the others, names included."""
    path = "/api/v1/log-streaming/tasks"
    tasks = (await http.get(path, headers=bearer(scope="logs:read", tasks=["mine-*"]))).json()["tasks"]
    assert [task["taskId"] for task in tasks] == ["mine-1"]
    assert len((await http.get(path, headers=bearer(scope="logs:read"))).json()["tasks"]) == 2


@pytest.mark.parametrize(("tasks", "shown"), [(["mine-*"], {"mine-1"}), (["*"], {"mine-1", "other"})])
async def test_an_administrator_sees_whose_sessions_they_are(
    tasks: list[str], shown: set[str], http: httpx2.AsyncClient
) -> None:
    """As far as the tasks claim goes; nobody else sees any name."""
    page = "/api/v1/log-streaming/health"
    readers = bearer(scope="logs:read")
    async with (
        http.stream("GET", "/api/v1/log-streaming/logs/mine-1/stream", headers=readers) as one,
        http.stream("GET", "/api/v1/log-streaming/logs/other/stream", headers=readers) as two,
    ):
        chunks = [one.aiter_raw(), two.aiter_raw()]
        for each in chunks:
            await anext(each)
        anonymous = (await http.get(page)).json()
        assert [set(session) for session in anonymous["sessions"]] == [{"transport", "lag", "lagging"}] * 2
        full = (await http.get(page, headers=bearer(scope="admin", tasks=tasks))).json()
        assert {session["taskId"] for session in full["sessions"] if "taskId" in session} == shown
