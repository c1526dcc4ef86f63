from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.schedules import next_due
from storage.automation import AutomationDatabase, LockLostError, QueueRepository, SchedulerLock, TaskRepository


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2027, 1, 31, 3, 0, 0, 900_000)  # noqa: DTZ001 - UTC, as the tables hold it

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Bench:
    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.database = AutomationDatabase(path / "otto.db")
        self.database.prepare()
        self.tasks = TaskRepository(self.database, self.clock)
        self.queue = self.scheduler()

    def scheduler(self) -> QueueRepository:
        lock = SchedulerLock(self.database, self.clock, expiry_seconds=1000)
        lock.take()
        return QueueRepository(lock)

    def pass_all(self, settings: dict[str, Any]) -> list[str]:
        task_id = self.tasks.create("t", "shortform", settings=settings)
        for kind in ("schedule", "script", "image", "video", "youtube"):
            item = self.queue.dequeue(kind)
            if item is not None:
                self.queue.complete(item, {})
        return [row["queue_type"] for row in self.tasks.queue(task_id)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


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
