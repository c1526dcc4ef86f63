"""Stages as coroutines."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.automation.coroutines import CoroutineStage, StageEndedError, StageRun, run_coroutine
from components.automation.queue import AutomationQueue
from components.automation.stages import StageFailedError
from components.automation.tables import AutomationDatabase, QueueItem, TaskLine
from tests.support.memory_journal import MemoryJournal

ITEM = QueueItem(1, "t", None, "script", 1, 3)
Lines = list[TaskLine]

DEEP: list[object] = []
for _ in range(500):
    DEEP = [DEEP]


async def run(
    work: Callable[[StageRun], Awaitable[Any]], directory: Path, lines: Lines | None = None, **limits: float
) -> dict[str, Any]:
    async def write(more: Sequence[TaskLine]) -> None:
        await asyncio.sleep(0)
        if lines is not None:
            lines.extend(more)

    stage = CoroutineStage(work, **limits)
    return await run_coroutine(stage, ITEM, directory / "t", {"id": "t"}, {"title": "A walk"}, write=write)


async def test_its_lines_and_its_progress_are_rows_as_those_of_a_command(tmp_path: Path) -> None:
    """With this process and the function as what said them; what it returns is the result."""

    async def write(stage: StageRun) -> dict[str, object]:
        stage.files.story.write_text("{}")
        await stage.log("one\ntwo", level="DEBUG", chapter=3)
        await stage.progress(3, 8)
        return {"content": stage.settings["title"], "attempt": stage.attempt}

    lines: Lines = []
    assert await run(write, tmp_path, lines) == {"content": "A walk", "attempt": 2}
    assert [(line.message, line.level, line.action_type) for line in lines] == [
        ("one", "DEBUG", None),
        ("two", "DEBUG", None),
        ("script 3/8 완료", "info", "progress"),
    ]
    assert [line.metadata for line in lines[1:]] == [{"chapter": 3}, {"current": 3, "total": 8}]
    assert {(line.pid, line.queue_id, line.queue_type) for line in lines} == {(os.getpid(), 1, "script")}
    assert (lines[0].process_name or "").endswith(".write")
    assert (tmp_path / "t" / "story.json").exists()


async def test_what_it_raises_fails_the_stage_and_its_traceback_is_in_the_log(tmp_path: Path) -> None:
    """As a command's standard error is."""

    async def fail(_stage: StageRun) -> None:
        raise ValueError("no ink")

    lines: Lines = []
    with pytest.raises(StageFailedError, match="script failed with ValueError: no ink"):
        await run(fail, tmp_path, lines)
    assert lines[-1].message == "ValueError: no ink"
    assert {(line.level, line.metadata["source"]) for line in lines} == {("error", "stderr")}


async def test_a_time_limit_cancels_it(tmp_path: Path) -> None:
    """It can clean up; what it says from then on is refused."""
    heard: list[object] = []

    async def sleep(stage: StageRun) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            heard.append(stage.cancelled.is_set())
            with pytest.raises(StageEndedError):
                await stage.log("too late")

    with pytest.raises(StageFailedError, match=r"took longer than 0\.05 s"):
        await run(sleep, tmp_path, timeout_seconds=0.05)
    assert heard == [True]


async def test_one_that_does_not_end_is_left_behind(tmp_path: Path) -> None:
    """The queue continues after the grace time."""
    release = asyncio.Event()

    async def stubborn(_stage: StageRun) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(StageFailedError, match="took longer"):
        await run(stubborn, tmp_path, timeout_seconds=0.05, grace_seconds=0.05)
    release.set()


@pytest.mark.parametrize("given", ["text", {"a": object()}, [1], {"a": DEEP}])
async def test_results_that_are_none(tmp_path: Path, given: object) -> None:
    """What cannot be stored as a JSON object fails the stage, and says so."""

    async def work(_stage: StageRun) -> object:
        return given

    with pytest.raises(StageFailedError, match="script has returned no JSON object"):
        await run(work, tmp_path)


async def test_a_stop_cancels_it_at_once(tmp_path: Path) -> None:
    """Its item has failed with the words of the stop, and a retry runs it anew."""
    runs: asyncio.Queue[StageRun] = asyncio.Queue()
    ended = asyncio.Event()

    async def write(stage: StageRun) -> None:
        runs.put_nowait(stage)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    database = AutomationDatabase(tmp_path / "otto.db")
    journal = MemoryJournal()
    queue = AutomationQueue(database, journal, {"script": CoroutineStage(write)}, tmp_path)
    await queue.start()
    try:
        task_id = await queue.create("t", "shortform")
        first = await runs.get()
        assert (first.task["id"], first.attempt) == (task_id, 1)
        report = await queue.stop(task_id)
        assert report is not None
        assert (report.stopped_processing, report.killed_processes) == (1, [])
        await ended.wait()
        assert await queue.retry(task_id) is not None
        await runs.get()
    finally:
        await queue.close()
