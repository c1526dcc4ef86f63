import asyncio
import json
from pathlib import Path

import pytest

from components.automation.demonstration import demonstration_stages
from components.automation.scheduler import Scheduler, utc_now
from components.automation.stages import Stage
from components.automation.tables import AutomationDatabase, TaskRepository
from tests.support.waiting import attempts


async def _until_last(tasks: TaskRepository, task_id: str, queue_type: str, status: str) -> list[dict[str, object]]:
    async for _ in attempts(f"the task's last stage is {queue_type}, {status}"):
        rows = await asyncio.to_thread(tasks.queue, task_id)
        if rows[-1]["queue_type"] == queue_type and rows[-1]["status"] == status:
            return rows
    raise AssertionError


@pytest.mark.slow
async def test_a_task_passes_through_the_demonstration_stages(tmp_path: Path) -> None:
    """With mediaMode crawl a task has all five stages, and its files and its story in task_logs are there."""
    database = AutomationDatabase(tmp_path / "otto.db")
    await asyncio.to_thread(database.prepare)
    tasks = TaskRepository(database, utc_now)
    task_id = await asyncio.to_thread(tasks.create, "A walk", "shortform", settings={"mediaMode": "crawl"})
    work = asyncio.create_task(Scheduler(database, demonstration_stages(), tmp_path / "tasks").run())
    rows = await _until_last(tasks, task_id, "youtube", "completed")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert [row["queue_type"] for row in rows] == ["schedule", "script", "image", "video", "youtube"]
    task = await asyncio.to_thread(tasks.task, task_id)
    assert task
    assert Path(task["youtube_url"].removeprefix("file://")).stat().st_size > 0
    story = [(row["queue_type"], row["action_type"]) for row in reversed(await asyncio.to_thread(tasks.logs, task_id))]
    assert [each for each in story if each[1] == "complete"] == [(row["queue_type"], "complete") for row in rows]
    assert story.count(("image", "progress")) == 4
    assert json.loads(task["settings"]) == {"mediaMode": "crawl"}


@pytest.mark.slow
async def test_a_stopped_stage_is_ended_once_however_often_the_scheduler_wakes(tmp_path: Path) -> None:
    """Until nothing of it runs; then the next task's stage begins."""
    database = AutomationDatabase(tmp_path / "otto.db")
    await asyncio.to_thread(database.prepare)
    tasks = TaskRepository(database, utc_now)
    stubborn = Stage(("sh", "-c", "trap 'sleep 0.3; exit' TERM; echo here; while :; do sleep 0.05; done"), 60.0)
    scheduler = Scheduler(database, {"script": stubborn}, tmp_path / "tasks")
    work = asyncio.create_task(scheduler.run())
    for _ in range(3):
        task_id = await asyncio.to_thread(tasks.create, "a", "shortform")
        scheduler.wake()
        await _until_last(tasks, task_id, "script", "processing")
        async for _ in attempts("the stage runs"):
            if any(row["message"] == "here" for row in await asyncio.to_thread(tasks.logs, task_id)):
                break
        report = await asyncio.to_thread(tasks.stop, task_id)
        assert report
        async for _ in attempts("nothing of the stage runs"):
            if not await asyncio.to_thread(tasks.processes, report.processing):
                break
            scheduler.wake()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
