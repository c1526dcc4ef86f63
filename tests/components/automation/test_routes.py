"""The automation queue over HTTP, as the old UI asks for it."""

import json
import shlex
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.app import Gateway
from gateway.polling.routes import TASK_LOGS_MAX
from gateway.settings.model import Settings
from tests.support.old_ui import AutomationPage
from tests.support.waiting import attempts, until
from tests.support.worker import publish

pytestmark = pytest.mark.slow  # whole gateways whose stages are processes

OPEN: dict[str, Any] = {"http_port": 0, "websocket_port": 0, "grpc_port": 0, "durability": "process"}
SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def settings(tmp_path: Path, **more: Any) -> Settings:
    place = {"database_url": f"sqlite:///{tmp_path}/otto.db", "tasks_dir": tmp_path / "tasks"}
    return Settings(**OPEN, **place, **{"automation_enabled": True, **more})


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    command = shlex.join([sys.executable, "-S", "-c", SLEEPS])
    gateway = await Gateway.start(settings(tmp_path, automation_script_command=command))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        yield client
    await gateway.stop()


@pytest.fixture
def page(http: httpx2.AsyncClient) -> AutomationPage:
    return AutomationPage(http)


async def pid_of(page: AutomationPage, task_id: str) -> int:
    """The process of the script stage, once it has said something."""
    async for _ in attempts("the script stage has said its process"):
        for row in await page.logs(task_id, queueType="script"):
            if row["message"].isdigit():
                assert int(row["message"]) == row["pid"]
                return int(row["pid"])
    raise AssertionError


async def test_tabs_and_counts(page: AutomationPage) -> None:
    """A task is in the tab of the queue where it waits or runs."""
    running = await page.add("now")
    await page.add("later", schedule={"scheduled_time": "2099-01-31T09:00:00", "timezone": "Asia/Seoul"})
    await page.until(running, "script", "processing")
    titles, counts = await page.tab("scheduled")
    assert titles == ["later"]
    assert counts == dict.fromkeys(("image", "video", "youtube", "failed", "completed"), 0) | {
        "scheduled": 1,
        "script": 1,
    }
    assert (await page.tab("script"))[0] == ["now"]


async def test_a_stop_ends_the_stage_and_a_retry_begins_it_anew(page: AutomationPage) -> None:
    """The counts tell what was ended; the process is gone, and the next one is another."""
    task_id = await page.add("now")
    pid = await pid_of(page, task_id)
    assert await page.stop(task_id) == {
        "success": True,
        "stoppedProcessing": 1,
        "deletedWaiting": 0,
        "killedProcesses": [Path(sys.executable).name],
    }
    await until(lambda: not Path(f"/proc/{pid}").exists(), "the stage's process is gone")
    task = await page.task(task_id)
    assert task["task"]["last_error"] == task["queue"][-1]["error_message"] == "사용자가 작업을 중지했습니다"
    assert [row["action_type"] for row in await page.logs(task_id, actionType="stop")] == ["stop"]
    assert (await page.tab("failed"))[0] == ["now"]
    retried = await page.retry(task_id)
    assert (retried["queueType"], retried["queueId"] > task["queue"][-1]["id"]) == ("script", True)
    await page.until(task_id, "script", "processing")
    assert (await page.tab("failed"))[0] == []


async def test_a_deleted_task_leaves_no_process(page: AutomationPage, http: httpx2.AsyncClient) -> None:
    """Nothing of it runs, its rows are gone, and its stream says that it ended."""
    task_id = await page.add("now")
    pid = await pid_of(page, task_id)
    await page.delete(task_id)
    await until(lambda: not Path(f"/proc/{pid}").exists(), "the stage's process is gone")
    assert (await http.get(f"/api/automation/tasks/{task_id}")).status_code == 404
    assert await page.logs(task_id) == []
    async with http.stream("GET", f"/api/v1/log-streaming/logs/{task_id}/stream") as response:
        text = "".join([line async for line in response.aiter_lines()])
    assert "🛑 사용자에 의해 작업이 중지되었습니다" in text
    assert "event: complete" in text


async def test_a_line_of_another_producer_is_a_row_of_the_task(tmp_path: Path) -> None:
    """Anyone who sends it over gRPC; it is in the stream once."""
    command = shlex.join([sys.executable, "-S", "-c", SLEEPS])
    gateway = await Gateway.start(settings(tmp_path, automation_script_command=command))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        page = AutomationPage(client)
        task_id = await page.add("now")
        await pid_of(page, task_id)
        await publish(f"127.0.0.1:{gateway.ports[-1]}", task_id, ["drawn by hand"])
        async for _ in attempts("the line is a row"):
            row = (await page.logs(task_id))[0]
            if row["message"] == "drawn by hand":
                break
        await page.stop(task_id)
        async with client.stream("GET", f"/api/v1/log-streaming/logs/{task_id}/stream") as response:
            told = [line async for line in response.aiter_lines() if '"drawn by hand"' in line]
    await gateway.stop()
    assert len(told) == 1
    assert "stream_position" in json.loads(row["metadata"])


async def test_logs_are_newest_first_and_filtered(page: AutomationPage, http: httpx2.AsyncClient) -> None:
    """By level, queue and action; ``limit`` keeps the newest."""
    task_id = await page.add("now")
    await pid_of(page, task_id)
    rows = await page.logs(task_id)
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert [row["queue_type"] for row in await page.logs(task_id, actionType="start")] == ["script", "schedule"]
    assert [row["id"] for row in await page.logs(task_id, limit="1")] == [rows[0]["id"]]
    assert await page.logs(task_id, limit=str(TASK_LOGS_MAX)) == rows
    assert await page.logs(task_id, level="error") == []
    assert (
        await page.logs(task_id, level="debug")
        == await page.logs(task_id, queueType="film")
        == await page.logs(task_id, actionType="0")
        == []
    )
    assert await page.logs(task_id, level="") == await page.logs(task_id)
    url = f"/api/automation/logs?taskId={task_id}"
    tag = (await http.get(url)).headers["etag"]
    assert (await http.get(url, headers={"If-None-Match": tag})).status_code == 304
    too_many = str(TASK_LOGS_MAX + 1)
    for name, value in (("limit", "0"), ("limit", too_many)):
        answer = await http.get("/api/automation/logs", params={"taskId": task_id, name: value})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, name)


async def test_tasks_that_are_refused(http: httpx2.AsyncClient) -> None:
    """With 400, and the field that is wrong."""
    for wrong, field in (
        ({"title": None}, "title"),
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"type": "film"}, "type"),
        ({"settings": {"mediaMode": "magic"}}, "settings.mediaMode"),
        ({"schedule": {"scheduled_time": "soon"}}, "schedule.scheduled_time"),
        ({"schedule": {"scheduled_time": "1066-10-14"}}, "schedule.scheduled_time"),
        ({"schedule": {"timezone": "Mars/Base"}}, "schedule.timezone"),
        ({"schedule": {"repeat_config": {"timezone": 9}}}, "schedule.timezone"),
    ):
        answer = await http.post("/api/automation/tasks", json={"title": "a", "type": "product", **wrong})
        assert (answer.status_code, answer.json()["error"].get("field")) == (400, field), answer.text


async def test_tasks_that_are_not_there(page: AutomationPage, http: httpx2.AsyncClient) -> None:
    """404 for unknown ones; 400 for a retry of what has not failed."""
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry")):
        assert (await http.request(method, f"/api/automation/tasks/nobody{path}")).status_code == 404
    assert (await http.post("/api/automation/stop", json={"taskId": "nobody"})).status_code == 404
    task_id = await page.add("later", schedule={"scheduled_time": "2099-01-31T09:00:00Z"})
    answer = await http.post(f"/api/automation/tasks/{task_id}/retry")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "taskId")


async def test_off_by_default(tmp_path: Path) -> None:
    """404 says what to set, and the tables' rows are nobody's business."""
    gateway = await Gateway.start(settings(tmp_path, automation_enabled=False))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        answer = await client.get("/api/automation/tasks")
    await gateway.stop()
    assert answer.status_code == 404
    assert "set AUTOMATION_ENABLED=true" in answer.json()["error"]["message"]


async def test_a_stage_that_a_shutdown_ended_is_taken_up_again(tmp_path: Path) -> None:
    """Its process is gone with the gateway; the next start counts it as a retry."""
    command = shlex.join([sys.executable, "-S", "-c", SLEEPS])
    wanted = settings(tmp_path, automation_script_command=command)
    pids = []
    for _ in range(2):
        gateway = await Gateway.start(wanted)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
            page = AutomationPage(client)
            if not pids:
                task_id = await page.add("now")
                pids.append(await pid_of(page, task_id))
            else:
                async for _ in attempts("the stage is tried again"):
                    if retries := await page.logs(task_id, actionType="retry"):
                        break
        await gateway.stop()
        await until(lambda: not Path(f"/proc/{pids[0]}").exists(), "the stage's process is gone")
    assert "the scheduler that ran this stage died" in retries[0]["message"]


async def test_from_http_to_the_stream(tmp_path: Path) -> None:
    """A task passes through all demonstration stages; its lines are on SSE as in task_logs, its stages on progress."""
    gateway = await Gateway.start(settings(tmp_path))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as client:
        page = AutomationPage(client)
        task_id = await page.add("A walk", settings={"mediaMode": "crawl"})
        async with client.stream("GET", f"/api/v1/log-streaming/logs/{task_id}/stream") as response:
            lines = [line async for line in response.aiter_lines()]
        entries = [json.loads(line[6:]) for line in lines if line.startswith('data: {"taskId"') and '"message"' in line]
        rows = list(reversed(await page.logs(task_id)))
        task = await page.task(task_id)
        metrics = (await client.get("/metrics")).text.split("\n")
        latest: dict[str, tuple[str, int]] = {}
        async with client.stream("GET", f"/api/v1/log-streaming/pipelines/{task_id}/progress") as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and "stageId" in line:
                    stage = json.loads(line[6:])
                    latest[stage["stageId"]] = (stage["status"], stage["progressPercentage"])
                if len(latest) == 5:
                    break
    await gateway.stop()
    assert [entry["message"] for entry in entries] == [row["message"] for row in rows]
    assert [int(entry["metadata"]["task_log_id"]) for entry in entries] == [row["id"] for row in rows]
    assert latest == dict.fromkeys(("schedule", "script", "image", "video", "youtube"), ("STAGE_COMPLETED", 100))
    assert task["progress"]["percent"] == 100
    assert 'otto_automation_items_total{result="completed",stage="image"} 1.0' in metrics
    assert 'otto_automation_try_seconds_count{stage="video"} 1.0' in metrics
    assert "otto_automation_holds_lock 1.0" in metrics
    assert [stage["status"] for stage in task["progress"]["stages"]] == ["COMPLETED"] * 5
    assert task["content"]["published"] == 1
    assert Path(task["task"]["youtube_url"].removeprefix("file://")).exists()


async def test_pages_show_tasks_with_times_that_cannot_be_read(
    page: AutomationPage, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """Such a time is null, wherever another program has stored it, and the rest of the row is there."""
    task_id = await page.add("now")
    await pid_of(page, task_id)
    with closing(sqlite3.connect(tmp_path / "otto.db", timeout=60, isolation_level=None)) as connection:
        for table in ("tasks", "task_queue", "task_schedules", "task_logs"):
            connection.execute(f"UPDATE {table} SET created_at = 'yesterday'")
        connection.execute("UPDATE task_schedules SET next_run_at = '2027-01-31T03:00:00.000Z', is_active = 0")
        connection.execute("INSERT INTO task_logs (task_id, message, metadata) VALUES (?, 'm', '{')", (task_id,))
    task = await page.task(task_id)
    assert (task["task"]["created_at"], task["queue"][0]["created_at"]) == (None, None)
    assert task["schedule"]["next_run_at"] == "2027-01-31 03:00:00"
    assert (await page.tab("script"))[0] == ["now"]
    assert (await http.get(f"/api/automation/logs?taskId={task_id}")).json()["logs"][-1]["created_at"] is None
