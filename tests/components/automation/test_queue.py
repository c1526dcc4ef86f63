import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from components.automation.scheduler import Scheduler
from components.automation.schedules import next_due
from components.automation.tables import (
    AutomationDatabase,
    LockLostError,
    QueueRepository,
    SchedulerLock,
    TaskLine,
    TaskOverview,
    TaskRepository,
)
from components.automation.tables.schema import contents
from storage.tables import DatabaseLocation
from tests.support.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2027, 1, 31, 3, 0, 0, 900_000)  # noqa: DTZ001 - UTC, as the tables hold it

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Bench:
    def __init__(self, location: DatabaseLocation) -> None:
        self.clock = Clock()
        self.database = AutomationDatabase(location)
        self.database.prepare()
        self.tasks = TaskRepository(self.database, self.clock)
        self.queue = self.scheduler()

    def scheduler(self) -> QueueRepository:
        self.lock = SchedulerLock(self.database, self.clock, expiry_seconds=1000)
        self.lock.take()
        return QueueRepository(self.lock)

    def content(self, task_id: str) -> dict[str, Any]:
        with self.database.reading() as connection:
            row = connection.execute(select(contents).where(contents.c.task_id == task_id)).mappings().one()
            return dict(row)

    def complete(self, *kinds: str, **arguments: Any) -> None:
        """Pass the oldest item of each of these stages."""
        for kind in kinds:
            item = self.queue.dequeue(kind)
            assert item is not None
            assert self.queue.complete(item, {}, **arguments)

    def fail(self, kind: str) -> None:
        """Let the oldest item of a stage fail."""
        item = self.queue.dequeue(kind)
        assert item is not None
        self.queue.fail(item, "no")

    def pass_all(self, settings: dict[str, Any]) -> list[str]:
        task_id = self.tasks.create("t", "shortform", settings=settings)
        for kind in ("schedule", "script", "image", "video", "youtube"):
            item = self.queue.dequeue(kind)
            if item is not None:
                self.queue.complete(item, {})
        return [row["queue_type"] for row in self.tasks.queue(task_id)]


@pytest.fixture
def bench(location: DatabaseLocation) -> Iterator[Bench]:
    made = Bench(location)
    yield made
    made.database.close()


@pytest.mark.parametrize("mode", ["crawl", "upload", "dalle3", "imagen3", "sora2", None])
def test_only_crawl_has_a_stage_for_images(bench: Bench, mode: str | None) -> None:
    """After script comes image where mediaMode is crawl, and video everywhere else."""
    middle = ["image"] if mode == "crawl" else []
    assert bench.pass_all({"mediaMode": mode}) == ["schedule", "script", *middle, "video", "youtube"]


def test_retries_come_after_5_10_and_30_seconds_and_never_early(bench: Bench) -> None:
    """A stage that always fails runs four times, then the item has failed and the task says why."""
    task_id = bench.tasks.create("t", "shortform")
    for seconds in (5, 10, 30):
        item = bench.queue.dequeue("schedule")
        assert item is not None
        assert bench.queue.fail(item, "no")
        bench.clock.advance(seconds - 0.01)
        assert bench.queue.dequeue("schedule") is None
        bench.clock.advance(1.0)  # columns hold whole seconds, rounded up
    item = bench.queue.dequeue("schedule")
    assert item is not None
    assert bench.queue.fail(item, "no") is False
    task = bench.tasks.task(task_id)
    assert task is not None
    assert task["last_error"] == "no"
    levels = [row["level"] for row in reversed(bench.tasks.logs(task_id)) if row["action_type"] != "start"]
    assert levels == ["warn", "warn", "warn", "error"]


def test_one_item_at_a_time_per_queue_type(bench: Bench) -> None:
    """While one item is processing nobody gets another of its type."""
    bench.tasks.create("a", "shortform")
    bench.tasks.create("b", "shortform")
    assert bench.queue.dequeue("schedule") is not None
    assert bench.queue.dequeue("schedule") is None


def test_a_holder_that_lost_its_lock_cannot_write(bench: Bench) -> None:
    """Once the lock has expired the old holder stores nothing, before and after somebody else has it."""
    task_id = bench.tasks.create("a", "shortform")
    item = bench.queue.dequeue("schedule")
    assert item is not None
    bench.clock.advance(1002)
    with pytest.raises(LockLostError):
        bench.queue.complete(item, {})
    bench.scheduler()
    with pytest.raises(LockLostError):
        bench.queue.complete(item, {})
    assert [row["status"] for row in bench.tasks.queue(task_id)] == ["processing"]


def test_a_stop_in_the_middle_is_kept_by_the_end_of_the_stage(bench: Bench) -> None:
    """What was stopped stays failed, deactivates its schedules, and enqueues nothing."""
    task_id = bench.tasks.create("a", "shortform")
    item = bench.queue.dequeue("schedule")
    assert item is not None
    report = bench.tasks.stop(task_id)
    assert report is not None
    assert (report.processing, report.deleted_waiting) == ((item.id,), 0)
    assert bench.queue.complete(item, {}) is False
    assert [row["error_message"] for row in bench.tasks.queue(task_id)] == ["사용자가 작업을 중지했습니다"]
    assert bench.tasks.retry(task_id) == ("schedule", item.id + 1)


def test_a_repeating_schedule_enqueues_its_next_run(bench: Bench) -> None:
    """The run and the item of the next due time are one transaction."""
    first = bench.clock.now.replace(microsecond=0)
    row = {"scheduled_time": first, "repeat_type": "monthly"}
    task_id = bench.tasks.create("a", "shortform", schedule=row, due_at=first)
    item = bench.queue.dequeue("schedule")
    assert item is not None
    schedule = bench.tasks.schedule(item.schedule_id or 0)
    assert schedule is not None
    bench.queue.complete(item, {}, next_run_at=next_due(schedule, bench.clock.now))
    waiting = [row for row in bench.tasks.queue(task_id) if row["status"] == "waiting"]
    assert [(row["queue_type"], row["next_retry_at"]) for row in waiting] == [
        ("script", None),
        ("schedule", datetime(2027, 2, 28, 3, 0)),  # noqa: DTZ001
    ]
    assert bench.tasks.stop(task_id) is not None
    assert bench.tasks.delete(task_id)


def test_a_retry_waits_for_the_processes_of_the_stopped_try(bench: Bench) -> None:
    """Nothing of the queue begins while they may run; a new scheduler ends them first."""
    task_id = bench.tasks.create("a", "shortform")
    item = bench.queue.dequeue("schedule")
    assert item is not None
    assert bench.queue.started(item, "boot", 7, 1)
    bench.tasks.stop(task_id)
    assert bench.tasks.retry(task_id) is not None
    assert bench.queue.dequeue("schedule") is None
    assert bench.queue.orphans() == [(item, ("boot", 7, 1))]
    bench.queue.ended(item)
    assert bench.queue.orphans() == []
    assert bench.queue.dequeue("schedule") is not None


def test_lines_of_a_deleted_task_are_dropped(bench: Bench) -> None:
    """What its processes say at their end is nobody's row."""
    task_id = bench.tasks.create("a", "shortform")
    item = bench.queue.dequeue("schedule")
    assert item is not None
    bench.tasks.delete(task_id)
    bench.queue.write([TaskLine(task_id, "bye", queue_id=item.id)])
    assert bench.queue.fail(item, "gone") is None


def test_a_failed_run_of_a_repeating_schedule_can_be_tried_again(bench: Bench) -> None:
    """The item of the next run, which waits, does not stand in its way."""
    task_id = bench.tasks.create("a", "shortform", schedule={"repeat_type": "daily"}, max_retry=0)
    item = bench.queue.dequeue("schedule")
    assert item is not None
    bench.queue.complete(item, {}, next_run_at=bench.clock.now + timedelta(days=1))
    script = bench.queue.dequeue("script")
    assert script is not None
    assert bench.queue.fail(script, "no") is False
    retried = bench.tasks.retry(task_id)
    assert retried is not None
    assert retried[0] == "script"


@pytest.mark.parametrize(("passed", "expected"), [(0, "schedule"), (1, "script"), (2, "image"), (3, "video")])
def test_a_task_that_was_stopped_while_it_waited_can_be_tried_again(bench: Bench, passed: int, expected: str) -> None:
    """It continues with the stage that the stop took out of the queue; a task that waits has nothing to try again."""
    task_id = bench.tasks.create("a", "shortform", settings={"mediaMode": "crawl"})
    for kind in ("schedule", "script", "image")[:passed]:
        item = bench.queue.dequeue(kind)
        assert item is not None
        bench.queue.complete(item, {})
    assert bench.tasks.retry(task_id) is None
    report = bench.tasks.stop(task_id)
    assert report is not None
    assert (report.processing, report.deleted_waiting) == ((), 1)
    found = bench.tasks.retry(task_id)
    assert found is not None
    assert found[0] == expected
    assert bench.queue.dequeue(expected) is not None
    task = bench.tasks.task(task_id)
    assert task is not None
    assert task["last_error"] is None


def test_a_content_whose_video_failed_once_is_completed_in_the_end(bench: Bench) -> None:
    """The failure is in its row as long as it is the last word, and no longer."""
    task_id = bench.tasks.create("a", "shortform", max_retry=0)
    for kind in ("schedule", "script", "video", "video", "youtube"):
        item = bench.queue.dequeue(kind)
        assert item is not None
        if kind == "video" and bench.content(task_id)["status"] == "completed":
            assert bench.queue.fail(item, "no disk") is False
            assert (bench.content(task_id)["status"], bench.content(task_id)["error"]) == ("failed", "no disk")
            assert bench.tasks.retry(task_id) is not None
        else:
            bench.queue.complete(item, {"youtube_url": "u"} if kind == "youtube" else {})
    content = bench.content(task_id)
    assert (content["status"], content["error"], content["format"]) == ("completed", None, "shortform")
    assert (content["type"], content["published"], content["youtube_url"]) == ("video", 1, "u")


def test_deleting_keeps_the_content_and_deleting_a_content_clears_the_task(bench: Bench) -> None:
    """Anyone who deletes either, in whatever program: the other one stays."""
    first, second = (bench.tasks.create(name, "shortform") for name in "ab")
    for kind in ("schedule", "schedule", "script", "script"):
        item = bench.queue.dequeue(kind)
        assert item is not None
        bench.queue.complete(item, {})
    made = bench.content(first)["id"]
    bench.tasks.stop(first)
    assert bench.tasks.delete(first)
    with bench.database.transaction() as connection:
        kept = connection.execute(select(contents.c.task_id).where(contents.c.id == made)).scalar_one()
        assert kept is None
        connection.execute(delete(contents).where(contents.c.task_id == second))
    task = bench.tasks.task(second)
    assert task is not None
    assert task["content_id"] is None


def test_an_error_stays_until_a_later_run_has_reached_its_end(bench: Bench) -> None:
    """Of a repeating schedule: a run that is under way has not shown yet that it goes better."""
    task_id = bench.tasks.create("a", "shortform", schedule={"repeat_type": "daily"}, max_retry=0)
    bench.complete("schedule", next_run_at=bench.clock.now)
    bench.fail("script")
    errors = []
    for kind in ("schedule", "script", "video", "youtube"):
        bench.complete(kind)
        task = bench.tasks.task(task_id)
        assert task is not None
        errors.append(task["last_error"])
    assert errors == ["no", "no", "no", None]


@pytest.mark.parametrize(("passed", "status"), [(4, "completed"), (3, "failed")])
def test_a_stop_leaves_what_is_published(bench: Bench, passed: int, status: str) -> None:
    """A content that was not published yet has failed with its task."""
    task_id = bench.tasks.create("a", "shortform", schedule={"repeat_type": "daily"})
    bench.complete("schedule", next_run_at=bench.clock.now + timedelta(days=1))
    bench.complete(*("script", "video", "youtube")[: passed - 1])
    bench.tasks.stop(task_id)
    assert bench.content(task_id)["status"] == status


def test_a_schedule_that_was_stopped_is_not_due_again(bench: Bench, tmp_path: Path) -> None:
    """Trying its last run again is one run."""
    task_id = bench.tasks.create("a", "shortform", schedule={"repeat_type": "daily"})
    bench.tasks.stop(task_id)
    assert bench.tasks.retry(task_id) is not None
    bench.lock.release()

    async def is_passed() -> bool:
        rows = await asyncio.to_thread(bench.tasks.queue, task_id)
        return any(row["queue_type"] == "script" for row in rows)

    async def pass_one() -> None:
        work = asyncio.create_task(Scheduler(bench.database, {}, tmp_path, now=bench.clock).run())
        await until(is_passed, "the run is followed by its next stage")
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(pass_one())
    assert [row["queue_type"] for row in bench.tasks.queue(task_id) if row["status"] != "completed"] == ["script"]


def test_a_failed_stage_is_shown_as_failed_until_it_is_tried_again(bench: Bench) -> None:
    """Items of other stages do not hide it, such as the next run of a repeating schedule."""
    overview = TaskOverview(bench.database)
    task_id = bench.tasks.create("a", "shortform", schedule={"repeat_type": "daily"}, max_retry=0)
    bench.complete("schedule", next_run_at=bench.clock.now + timedelta(days=1))
    bench.fail("script")
    page = overview.page("failed", 10, 0)
    assert ([listed.task["id"] for listed in page.tasks], page.total) == ([task_id], 1)
    assert (page.counts["failed"], page.counts["scheduled"]) == (1, 1)
    bench.tasks.retry(task_id)
    page = overview.page("failed", 10, 0)
    assert (page.tasks, page.counts["failed"], page.counts["script"], page.total) == ([], 0, 1, 0)


@pytest.mark.parametrize("tab", [None, "scheduled"])
def test_a_page_for_a_token_that_names_tasks_has_those_alone(bench: Bench, tab: str | None) -> None:
    """Rows, counts and total; a page has its place among the rows that may be read."""
    named = set()
    for number in range(6):
        task_id = bench.tasks.create(str(number), "shortform")
        bench.clock.advance(1)
        if number % 2:
            named.add(task_id)
    overview = TaskOverview(bench.database)
    page = overview.page(tab, 1, 1, may_read=named.__contains__)
    assert ([listed.task["title"] for listed in page.tasks], page.counts["scheduled"], page.total) == (["3"], 3, 3)
    page = overview.page(tab, 1, 1)
    assert ([listed.task["title"] for listed in page.tasks], page.total) == (["4"], 6)
