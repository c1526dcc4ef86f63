"""Rows and output that nobody expects: each fails its own item at most, and every other task is finished."""

import asyncio
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from components.automation.coroutines import CoroutineStage, StageRun
from components.automation.scheduler import AnyStage, Scheduler, utc_now
from components.automation.stages import Stage
from components.automation.tables import AutomationDatabase, TaskOverview, TaskRepository
from components.automation.tables.overview import StageOverview
from tests.support.waiting import attempts

KINDS = ("script", "video", "youtube")


async def works(_stage: StageRun) -> Mapping[str, Any]:
    return {}


class Bench:
    """A queue with a task ``bad``, whose items are tried once, and a task ``good``, which comes after it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = AutomationDatabase(path / "otto.db")
        self.database.prepare()
        self.tasks = TaskRepository(self.database, utc_now)
        self.ids = ("bad", "good")
        for task_id in self.ids:
            self.tasks.create(task_id, "shortform", task_id=task_id, max_retry=0)

    def spoil(self, statement: str) -> None:
        """Change the tables as a program without any rules does."""
        with closing(sqlite3.connect(self.database.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(statement)

    async def run(self, stages: Mapping[str, AnyStage]) -> dict[str, Any]:
        """Run the queue until the good task is finished and the bad one has no open item; the bad one's last item."""
        work = asyncio.create_task(Scheduler(self.database, stages, self.path / "tasks").run())
        async for _ in attempts("both tasks have ended", shown=lambda: [self.tasks.queue(each) for each in self.ids]):
            items = {each: await asyncio.to_thread(self.tasks.queue, each) for each in self.ids}
            if not any(item["status"] in ("waiting", "processing") for each in items.values() for item in each):
                break
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert [item["queue_type"] for item in items["good"] if item["status"] == "completed"] == ["schedule", *KINDS]
        return items[self.ids[0]][-1]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def printing(text: str) -> dict[str, AnyStage]:
    """Stages of which the script of the bad task prints a text."""
    program = f"import os\nif os.path.basename(os.getcwd()) == 'bad': print({text!r})"
    script = Stage((sys.executable, "-I", "-S", "-c", program), 60.0)
    return {"script": script, "video": CoroutineStage(works), "youtube": CoroutineStage(works)}


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"title": "\\ud800", "content": {"a": "\\udfff"}}',
        '{"title": {"a": 1}, "video_path": ["x"], "script_path": 5}',
        '{"progress": {"a": 1}, "total": "x"}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 100_000,
    ],
)
async def test_a_line_of_a_stage_cannot_stop_others(bench: Bench, text: str) -> None:
    """Whatever a stage prints, its task passes, too: what is no result is a line."""
    last = await bench.run(printing(text))
    assert (last["queue_type"], last["status"]) == ("youtube", "completed")


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("UPDATE tasks SET settings = '[1]' WHERE id = 'bad'", "failed"),
        ("UPDATE tasks SET settings = 'no JSON' WHERE id = 'bad'", "failed"),
        ("UPDATE tasks SET settings = '" + '{"a":' * 5000 + "1" + "}" * 5000 + "' WHERE id = 'bad'", "failed"),
        ("UPDATE tasks SET settings = '{\"mediaMode\": {}}', title = x'ff' WHERE id = 'bad'", "completed"),
        ("UPDATE tasks SET created_at = 'yesterday', updated_at = 5 WHERE id = 'bad'", "completed"),
        ("UPDATE task_queue SET created_at = 'soon', next_retry_at = 'later' WHERE task_id = 'bad'", "completed"),
        ("UPDATE task_queue SET retry_count = NULL, max_retry = 'x' WHERE task_id = 'bad'", "completed"),
        ("UPDATE task_schedules SET next_run_at = '2020-01-31T03:00:00.000Z' WHERE task_id = 'bad'", "completed"),
        ("UPDATE task_schedules SET repeat_type = 'daily', repeat_config = '[]' WHERE task_id = 'bad'", "failed"),
    ],
)
async def test_a_row_of_another_program_cannot_stop_others(bench: Bench, statement: str, status: str) -> None:
    """It fails its item if it cannot be used, and the pages show the rest of it."""
    bench.spoil(statement)
    last = await bench.run({kind: CoroutineStage(works) for kind in KINDS})
    assert last["status"] == status
    overview = TaskOverview(bench.database)
    assert overview.detail("bad") is not None
    assert overview.page(None, 10, 0).total == 2


async def test_an_item_without_a_task_leaves_its_queue(bench: Bench) -> None:
    """It has failed, and says why."""
    bench.spoil("UPDATE task_queue SET task_id = 'nobody' WHERE task_id = 'bad'")
    bench.ids = ("nobody", "good")
    last = await bench.run({kind: CoroutineStage(works) for kind in KINDS})
    assert (last["status"], last["error_message"]) == ("failed", "there is no such task")


async def test_an_error_of_the_stage_runner_fails_its_item(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody foresaw is logged, and it is the reason of the item."""

    async def broken(_stage: object, item: Any, *_: object, **__: object) -> Mapping[str, Any]:
        if item.task_id == "bad":
            raise KeyError("x")
        return {}

    monkeypatch.setattr("components.automation.scheduler.run_coroutine", broken)
    last = await bench.run({kind: CoroutineStage(works) for kind in KINDS})
    assert (last["queue_type"], last["status"], last["error_message"]) == ("script", "failed", "script: KeyError: 'x'")


def test_a_status_that_is_none_is_shown_as_pending(bench: Bench) -> None:
    """Older tables have no check of it."""
    bench.spoil("UPDATE task_queue SET status = 'paused' WHERE task_id = 'bad'")
    detail = TaskOverview(bench.database).detail("bad")
    assert detail is not None
    assert detail.stages[0] == StageOverview(name="schedule", status="PENDING")
