"""``kill -9`` of the gateway that does what is done once: another one continues, nothing is repeated or left out."""

import asyncio
import shlex
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, TaskRepository
from gateway.commands.verify import verify_databases
from gateway.settings.model import Settings
from tests.support.batch_ui import hand_over, poll
from tests.support.gateway_process import GatewayProcess
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, naver_api
from tests.support.postgres_server import PostgresServer
from tests.support.psql import database_rows, messages
from tests.support.stage_history import judge_stages
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

KILLS = 3
KEYWORDS = [f"키워드{number}" for number in range(1, 91)]
STAGES = ("script", "image", "video", "youtube")

# Says where two of a kind run at once; what it leaves behind is in the task's directory.
STAGE = """
import fcntl, pathlib, sys, time
directory, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
held = open(directory.parent / f"{kind}.running", "w")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    (directory.parent / "overlap").touch()
with open(directory / "done", "a") as done:
    print("works", flush=True)
    time.sleep(0.3)
    print(kind, file=done)
"""


@asynccontextmanager
async def three(directory: Path, **settings: str) -> AsyncIterator[list[GatewayProcess]]:
    gateways = [GatewayProcess(directory / name, **settings) for name in "abc"]
    try:
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        yield gateways
    finally:
        for gateway in gateways:
            gateway.kill()


async def leader_of(gateways: list[GatewayProcess]) -> GatewayProcess:
    """Wait until one leads."""
    async for _ in attempts("one of them leads"):
        for gateway in gateways:
            if gateway.is_running and (await gateway.metrics())["otto_gateway_leads"]:
                return gateway
    raise AssertionError


async def kill_leader(gateways: list[GatewayProcess]) -> float:
    """Kill the one that leads, and start it again once another one does; the seconds in between."""
    killed = await leader_of(gateways)
    killed.kill()
    at = time.monotonic()
    await leader_of(gateways)
    seconds = time.monotonic() - at
    await killed.start()
    return seconds


async def test_jobs_stages_and_rows_go_on_under_another_leader(postgres: PostgresServer, tmp_path: Path) -> None:
    """A keyword under way is asked for once more and counted; a stage is a retry; every line has one row, in order."""
    url, lines = await postgres.add_schema(), [f"line {number}" for number in range(1, 201)]
    (tmp_path / "stage.py").write_text(STAGE)
    commands = {
        f"AUTOMATION_{kind.upper()}_COMMAND": shlex.join(
            [sys.executable, "-S", str(tmp_path / "stage.py"), "{directory}", kind]
        )
        for kind in STAGES
    }
    async with naver_api() as api:
        settings = {
            "DATABASE_URL": url,
            "NAVER_CLIENT_ID": CLIENT_ID,
            "NAVER_CLIENT_SECRET": CLIENT_SECRET,
            "NAVER_API_URL": api.url,
            "NAVER_CATEGORIES": "blog,cafe",
            "BATCH_INTERVAL_SECONDS": "0.02",
            "AUTOMATION_ENABLED": "true",
            "TASKS_DIR": str(tmp_path / "tasks"),
            **commands,
        }
        async with three(tmp_path, **settings) as gateways, httpx2.AsyncClient() as client:
            client.base_url = httpx2.URL(gateways[0].url)
            job_id = await hand_over(client, KEYWORDS)
            added = [await client.post("/api/automation/tasks", json={"title": "t", "type": "shortform"}) for _ in "12"]
            seconds = []
            for kill in range(KILLS):
                async for _ in attempts("the job goes on"):
                    if len(api.asked) >= (kill + 1) * 20:
                        break
                asked = len(api.asked)
                part = lines[kill * 50 : kill * 50 + 50]
                leader = await leader_of(gateways)
                await publish(next(each for each in gateways if each is not leader).grpc_address, "build", part)
                seconds.append(await kill_leader(gateways))
                assert len(api.asked) >= asked
            await publish(gateways[0].grpc_address, "build", lines[150:])
            job = await poll(client, job_id, interval_seconds=0.05)
            database = AutomationDatabase(url)
            tasks = TaskRepository(database, utc_now)
            for answer in added:
                async for _ in attempts("the task is through"):
                    items = await asyncio.to_thread(tasks.queue, answer.json()["taskId"])
                    if items[-1]["queue_type"] == "youtube" and items[-1]["status"] in ("completed", "failed"):
                        break
                assert await asyncio.to_thread(judge_stages, tasks, answer.json()["taskId"], is_crawl=False) == (
                    "completed"
                )
            await asyncio.to_thread(database.close)
            async for _ in attempts("job_logs has every line"):
                if len(found := await messages(url, "build")) >= len(lines):
                    break
    print(f"{KILLS} kills, taken over after " + ", ".join(f"{each:.1f} s" for each in seconds))
    assert found == lines
    assert (job["status"], [result["keyword"] for result in job["results"]]) == ("completed", KEYWORDS)
    twice = Counter(api.asked.values())
    assert set(twice) <= {1, 2}
    assert twice[2] <= 2 * KILLS
    assert job["repeated"] <= KILLS
    assert not (tmp_path / "tasks" / "overlap").exists()


async def test_retention_goes_on_under_another_leader(postgres: PostgresServer, tmp_path: Path) -> None:
    """Killed in the middle of its passes: what is to stay is there whole, and all the rest is gone with its rows."""
    url, names = await postgres.add_schema(), [f"task-{number:03}" for number in range(80)]
    first = GatewayProcess(tmp_path / "first", DATABASE_URL=url)
    try:
        await first.start()
        for name in names:
            await publish(first.grpc_address, name, [f"{name} {number}" for number in range(10)], end=True)
        assert await first.stop() == 0
    finally:
        first.kill()

    def left() -> list[str]:
        query = "SELECT task_id FROM journal_tasks WHERE first_sequence <= last_sequence ORDER BY task_id"
        return [name for (name,) in database_rows(url, query)]

    kept = names[-8:]
    async with three(tmp_path, DATABASE_URL=url, RETENTION_TASKS=str(len(kept))) as gateways:
        for limit in (70, 40):
            async for _ in attempts("a part is removed", shown=left):
                if len(left()) <= limit:
                    break
            seconds = await kill_leader(gateways)
            print(f"{len(left())} tasks are left, taken over after {seconds:.1f} s")
        async for _ in attempts("all is removed that is not kept", shown=left):
            if left() == kept:
                break
    assert await asyncio.to_thread(verify_databases, Settings(database_url=url), as_json=True, repair=False) == 0
    rows = database_rows(url, "SELECT job_id, log_message FROM job_logs WHERE log_message LIKE 'task-%' ORDER BY id")
    assert rows == [(name, f"{name} {number}") for name in kept for number in range(10)]
