"""Schedules that a UI of the older system stores directly in ``task_schedules``."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.automation.coroutines import CoroutineStage, StageRun
from components.automation.scheduler import Scheduler, utc_now
from components.automation.tables import AutomationDatabase, QueueRepository, SchedulerLock, TaskRepository
from tests.support.waiting import attempts

NOW = datetime(2027, 1, 31, 3, 0, 30)  # noqa: DTZ001 - UTC, as the tables hold it


class Bench:
    """A queue at a time, and another program's connection to its database."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.database = AutomationDatabase(path / "otto.db")
        self.database.prepare()
        self.tasks = TaskRepository(self.database, lambda: self.now)
        lock = SchedulerLock(self.database, lambda: self.now, expiry_seconds=10_000_000)
        assert lock.take()
        self.queue = QueueRepository(lock)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database.path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def store(self, time: str | None, repeat: str = "once", *, column: str = "scheduled_time") -> int:
        """A task and its schedule, as the UI inserts them."""
        count = self.sql("SELECT count(*) FROM tasks")[0][0]
        self.sql("INSERT INTO tasks (id, title, type) VALUES (?, 't', 'shortform')", f"t{count}")
        columns = f"INSERT INTO task_schedules (task_id, repeat_type, {column}) VALUES (?, ?, ?) RETURNING id"
        return int(self.sql(columns, f"t{count}", repeat, time)[0][0])

    def schedule(self, schedule_id: int) -> tuple[Any, ...]:
        return self.sql("SELECT next_run_at, is_active FROM task_schedules WHERE id = ?", schedule_id)[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("column", ["scheduled_time", "next_run_at"])
@pytest.mark.parametrize(
    ("time", "is_due"),
    [
        (None, True),
        ("", True),
        ("2027-01-31 03:00:00", True),
        ("2027-01-31T03:00:30.000Z", True),
        ("2027-01-31T12:00:30+09:00", True),
        ("2026-01-01", True),
        ("2027-01-31 03:00:31", False),
        ("2027-01-31T03:00:31Z", False),
        ("2027-01-31T03:00:31+09:00", True),
    ],
)
def test_a_schedule_is_queued_when_its_time_has_come(bench: Bench, column: str, time: str | None, is_due: bool) -> None:
    """In either form; without a time at once; and once only."""
    schedule_id = bench.store(time, column=column)
    assert [bench.queue.enqueue_due() for _ in range(2)] == [int(is_due), 0]
    item = bench.queue.dequeue("schedule")
    assert (item is not None and item.schedule_id == schedule_id) is is_due
    if not is_due:
        assert bench.queue.next_due() == datetime(2027, 1, 31, 3, 0, 31)  # noqa: DTZ001


def test_a_time_that_is_none_switches_its_schedule_off(bench: Bench) -> None:
    """Its task says why, and the others are queued."""
    bench.store("tomorrow")
    bench.store(None)
    assert bench.queue.enqueue_due() == 1
    assert bench.schedule(1) == (None, 0)
    assert bench.tasks.logs("t0")[0]["message"] == "task_schedules 1: 'tomorrow' is no time"


@pytest.mark.parametrize("status", ["waiting", "processing", "completed", "failed"])
def test_a_schedule_that_has_an_item_is_not_queued_again(bench: Bench, status: str) -> None:
    """One that repeats is, once its last run has ended."""
    for repeat in ("once", "daily"):
        schedule_id = bench.store("2027-01-31 03:00:00", repeat)
        bench.sql(
            "INSERT INTO task_queue (task_id, schedule_id, queue_type, status) "
            "SELECT task_id, id, 'youtube', ? FROM task_schedules WHERE id = ?",
            "waiting" if status == "processing" and repeat == "daily" else status,
            schedule_id,
        )
    assert bench.queue.enqueue_due() == (status in ("completed", "failed"))


def test_a_schedule_that_is_off_is_not_queued(bench: Bench) -> None:
    """And neither is one whose task is gone."""
    bench.store(None)
    bench.store(None)
    bench.sql("UPDATE task_schedules SET is_active = 0 WHERE id = 1")
    bench.sql("DELETE FROM tasks WHERE id = 't1'")
    assert bench.queue.enqueue_due() == 0


@pytest.mark.parametrize(
    ("time", "following"),
    [
        ("2027-01-31 03:00:00", "2027-02-28 03:00:00"),
        ("2027-01-31T03:00:00Z", "2027-02-28T03:00:00Z"),
        ("2027-01-31T03:00:00.000Z", "2027-02-28T03:00:00.000Z"),
        ("2027-01-31T03:00:00", "2027-02-28T03:00:00"),
    ],
)
async def test_a_run_sets_the_next_time_in_the_form_that_was_found(bench: Bench, time: str, following: str) -> None:
    """``once`` is switched off instead."""
    monthly, once = bench.store(time, "monthly"), bench.store(time)
    await run_until(bench, lambda: bench.schedule(once)[1] == 0 and bench.schedule(monthly)[0] is not None)
    assert (bench.schedule(monthly), bench.schedule(once)) == ((following, 1), (None, 0))


async def test_a_run_that_another_program_began_is_not_begun_again_at_its_end(bench: Bench) -> None:
    """A database is moved over while the last stage waits: its end sets the next time."""
    schedule_id = bench.store("2027-01-31T03:00:00.000Z", "daily")
    bench.sql(
        "INSERT INTO task_queue (task_id, schedule_id, queue_type, status) VALUES ('t0', ?, 'youtube', 'waiting')",
        schedule_id,
    )
    await run_until(bench, lambda: bench.schedule(schedule_id)[0] is not None)
    assert bench.schedule(schedule_id) == ("2027-02-01T03:00:00.000Z", 1)
    waiting = bench.sql("SELECT queue_type, next_retry_at FROM task_queue WHERE status = 'waiting'")
    assert waiting == [("schedule", "2027-02-01 03:00:00")]


def test_an_item_follows_its_schedule(bench: Bench) -> None:
    """If a UI moves the schedule, it moves; if one switches it off, it goes."""
    later = NOW + timedelta(days=1)
    for _ in range(2):
        bench.tasks.create("t", "shortform", schedule={"scheduled_time": later, "next_run_at": later}, due_at=later)
    bench.sql("UPDATE task_schedules SET next_run_at = '2027-01-31T03:00:30.000Z' WHERE id = 1")
    bench.sql("UPDATE task_schedules SET is_active = 0 WHERE id = 2")
    assert bench.queue.enqueue_due() == 0
    assert bench.sql("SELECT schedule_id, next_retry_at FROM task_queue") == [(1, "2027-01-31 03:00:30")]


async def test_a_database_that_was_moved_over_works_within_one_pass(tmp_path: Path) -> None:
    """Its due and late schedules run to their end, and the future ones wait."""
    bench = Bench(tmp_path)
    bench.queue.lock.release()
    due = [bench.store(time) for time in (None, "2020-01-01T00:00:00.000Z", "2021-01-01 00:00:00")]
    bench.store("2999-01-01T00:00:00.000Z")

    async def works(_stage: StageRun) -> None:
        return None

    stages = {kind: CoroutineStage(works) for kind in ("script", "video", "youtube")}
    work = asyncio.create_task(Scheduler(bench.database, stages, tmp_path / "tasks", now=utc_now).run())
    done = "SELECT schedule_id FROM task_queue WHERE queue_type = 'youtube' AND status = 'completed' ORDER BY 1"
    async for _ in attempts("the schedules that are due have run"):
        if [row[0] for row in await asyncio.to_thread(bench.sql, done)] == due:
            break
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert bench.sql("SELECT count(*) FROM task_queue WHERE schedule_id NOT IN (1, 2, 3)") == [(0,)]


async def run_until(bench: Bench, condition: Any) -> None:
    """Run a scheduler at the bench's time until a condition holds."""
    bench.queue.lock.release()

    async def works(_stage: StageRun) -> None:
        return None

    stages = {kind: CoroutineStage(works) for kind in ("script", "video", "youtube")}
    scheduler = Scheduler(bench.database, stages, bench.database.path.parent, now=lambda: bench.now)
    work = asyncio.create_task(scheduler.run())
    async for _ in attempts("the schedules have run"):
        if await asyncio.to_thread(condition):
            break
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
