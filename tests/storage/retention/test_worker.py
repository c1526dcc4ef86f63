"""Retention beside a journal, its sink, and readers."""

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from components.automation.retention import TASK_LOGS
from components.automation.tables import AutomationDatabase, TaskLine, TaskRepository
from components.automation.tables.log import append, save_progress
from filters.model import LogFilter
from sessions.hub import Hub
from sessions.limits import Limits
from sessions.notices import Gap
from sessions.subscription import FromStart, Subscription
from storage.errors import StorageClosedError, StorageUnavailableError
from storage.journal.interface import TaskEnding
from storage.journal.inventory import RemovedTasks
from storage.journal.sqlite import SqliteJournal
from storage.polling import PollingSink, PollingTable
from storage.retention.pins import Pins
from storage.retention.policy import RetentionPolicy
from storage.retention.rules import parse_rules
from storage.retention.worker import PRODUCER_SECONDS, Retention, sweeps_of
from tests.support.job_logs import messages as rows
from tests.support.job_logs import sqlite
from tests.support.journal_items import AT, batch, messages, number
from tests.support.moved_clock import pass_time
from tests.support.scripted_history import RecordingTransport, TextEncoding, settle
from tests.support.waiting import until

DAY = 86400.0


class Shop:
    """A journal with its sink, and a clock; ``retention`` makes a retention for it."""

    def __init__(self, journal: SqliteJournal, table: PollingTable, sink: PollingSink) -> None:
        self.journal, self.table, self.sink = journal, table, sink
        self.now = 1e9
        self.made: list[Retention] = []

    def retention(self, policy: RetentionPolicy, *, pass_seconds: float = 0.001, pins: Pins | None = None) -> Retention:
        retention = Retention(
            *(self.journal, sweeps_of(self.table.path, self.table, policy, (TASK_LOGS,)), policy),
            copied=lambda: self.sink.copied,
            pass_seconds=pass_seconds,
            pause_seconds_max=0,
            clock=lambda: self.now,
            pins=pins,
        )
        self.made.append(retention)
        return retention

    async def store(self, *texts: str, task: str = "build") -> None:
        """Store lines, note when, and wait until they have their rows."""
        await self.journal.append(batch(*texts, task=task))
        await self.journal.mark(self.now)
        self.sink.wake()
        await until(lambda: self.sink.copied == self.journal.statistics.last_record, "the lines have their rows")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    table = await PollingTable.open(tmp_path / "otto.db")
    sink = PollingSink(journal, table, linger_seconds=0)
    await sink.start()
    shop = Shop(journal, table, sink)
    yield shop
    for retention in shop.made:
        await retention.close()
    await sink.close()
    await table.close()
    await journal.close()


async def test_lines_go_when_their_time_is_over(shop: Shop) -> None:
    """By the journal's clock, whatever the lines say; a rule gives some tasks a time of their own."""
    for text in "abc":
        await shop.store(text)
        await shop.store(text, task="nightly-1")
        shop.now += DAY
    await shop.retention(RetentionPolicy(2.5 * DAY, rules=parse_rules("nightly-*=1.5d"))).run_once()
    assert await messages(shop.journal) == ["b", "c"]
    assert await messages(shop.journal, "nightly-1") == ["c"]
    statistics = shop.made[0].statistics
    assert (statistics.lines, statistics.tasks, statistics.bytes > 0) == (3, 0, True)


async def test_a_task_that_goes_for_a_limit_takes_its_rows_with_it(shop: Shop) -> None:
    """Those of the others stay, and so do the task's later ones."""
    for task in "abc":
        await shop.store(f"{task}1", f"{task}2", task=task)
    await shop.retention(RetentionPolicy(tasks_max=1)).run_once()
    assert [rows(shop.table.path, task) for task in "abc"] == [[], [], ["c1", "c2"]]
    assert [(await shop.journal.task_state(task)).first for task in "abc"] == [3, 3, 1]
    await shop.store("a3", task="a")
    assert rows(shop.table.path, "a") == ["a3"]
    assert shop.made[0].statistics.rows == 4


async def test_small_tasks_go_together(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many in a step with their rows, not one by one; one that a user has pinned meanwhile stays."""
    for task in [f"t{index}" for index in range(100)]:
        await shop.journal.append(batch("1", "2", task=task))
    await shop.store("new", task="t100")
    remove_whole, steps = shop.journal.remove_whole, list[int]()

    async def counted(through: Mapping[str, int], *, copied: int) -> RemovedTasks:
        removed = await remove_whole(through, copied=copied)
        steps.append(len(removed.task_ids))
        return removed

    monkeypatch.setattr(shop.journal, "remove_whole", counted)
    pins = Pins(shop.table.path)
    monkeypatch.setattr(pins, "all", AsyncMock(return_value=frozenset()))  # what the plan is made with
    await pins.pin("t7", by="a", at=1.0)
    await shop.retention(RetentionPolicy(tasks_max=1), pins=pins).run_once()
    assert max(steps) >= 60
    assert len(steps) <= 6
    tasks = await shop.journal.stored_tasks("", count_max=10)
    assert [task.task_id for task in tasks] == ["t100", "t7"]
    assert sqlite(shop.table.path, "SELECT DISTINCT job_id FROM job_logs ORDER BY 1").split() == ["t100", "t7"]
    assert (shop.made[0].statistics.tasks, shop.made[0].statistics.lines, shop.made[0].statistics.rows) == (
        99,
        198,
        198,
    )
    await pins.close()


async def test_a_pass_that_has_much_to_do_remembers_more_of_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each plan is a look at all tasks; and the rows of what is gone go before the next, or it would look at them."""
    monkeypatch.setattr("storage.retention.worker.CANDIDATES", 2)
    seen = list[int]()
    stored_tasks = shop.journal.stored_tasks

    async def counted(after: str, *, count_max: int) -> object:
        seen.append(int(sqlite(shop.table.path, "SELECT count(*) FROM journal_tasks")))
        return await stored_tasks(after, count_max=count_max)

    monkeypatch.setattr(shop.journal, "stored_tasks", counted)
    for task in [f"t{index}" for index in range(9)]:
        await shop.journal.append(batch("1", task=task))
        await shop.journal.append(TaskEnding(task, failed=False, timestamp=AT))
    await shop.store("new")
    await shop.retention(RetentionPolicy(tasks_max=1)).run_once()
    assert shop.made[0].statistics.tasks == 9
    assert seen == [10, 10, 8, 8]  # two plans, of a page and the empty one after it


async def test_rows_of_the_queue_go_as_those_of_the_stream_do(shop: Shop) -> None:
    """For a limit, and by their age."""
    queue = AutomationDatabase(shop.table.path)
    queue.prepare()
    now = datetime(2027, 1, 1)  # noqa: DTZ001 - UTC, as the table has it
    tasks = TaskRepository(queue, lambda: now)
    gone, stays = (tasks.create("a", "shortform") for _ in range(2))
    with queue.transaction() as connection:
        append(connection, now, [TaskLine(gone, "a"), TaskLine(stays, "a")])
        save_progress(connection, "stream", 2)
    for task in (gone, stays):
        await shop.store("a", task=task)
    await shop.retention(RetentionPolicy(tasks_max=1)).run_once()
    assert [len(tasks.logs(task)) for task in (gone, stays)] == [0, 1]
    shop.now = datetime(2027, 1, 3, tzinfo=UTC).timestamp()
    await shop.retention(RetentionPolicy(age_seconds=DAY)).run_once()
    assert tasks.logs(stays) == []


async def test_a_task_that_has_a_new_line_meanwhile_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the plan and the removal: it is not idle any more, and none of its rows is touched."""
    for task in "ab":
        await shop.store(f"{task}1", task=task)
    last_sequences = shop.journal.last_sequences

    async def late(task_ids: Collection[str]) -> object:
        if "a" in task_ids:
            await shop.store("a2", task="a")
        return await last_sequences(task_ids)

    monkeypatch.setattr(shop.journal, "last_sequences", late)
    await shop.retention(RetentionPolicy(tasks_max=1)).run_once()
    assert rows(shop.table.path, "a") == ["a1", "a2"]
    monkeypatch.undo()
    assert await messages(shop.journal, "a") == ["a1", "a2"]


async def test_nothing_goes_that_has_no_row_yet(shop: Shop) -> None:
    """The sink is locked out; what it has not copied waits for it."""
    await shop.store("copied")
    await shop.sink.close()
    await shop.journal.append(batch("waits"))
    shop.now += 2 * DAY
    retention = shop.retention(RetentionPolicy(age_seconds=DAY))
    await shop.journal.mark(1e9)
    await retention.run_once()
    assert retention.is_held_up
    assert await messages(shop.journal) == ["waits"]


async def test_readers_are_told_of_what_is_gone(shop: Shop) -> None:
    """A gap with its sequences for anyone who is behind; a live reader notices nothing."""
    hub = Hub(shop.journal, Limits(window_bytes_per_task=1, buffer_lines=1))
    shop.journal.set_commit_listener(hub.publish)
    live, behind = RecordingTransport(), RecordingTransport(is_writable=False)
    for transport in (live, behind):
        hub.open(Subscription("build", TextEncoding(), LogFilter(), FromStart()), transport)
    for last, text in enumerate("abcdef", 1):
        await shop.store(text)
        await until(lambda last=last: live.sequences == list(range(1, last + 1)), "the line is there")  # type: ignore[misc]
    assert behind.sequences == [1]
    shop.now += 2 * DAY
    await shop.retention(RetentionPolicy(age_seconds=DAY)).run_once()
    behind.is_writable = True
    for session in hub.sessions:
        session.resume()
    await shop.store("g")
    await until(lambda: live.sequences[-1] == behind.sequences[-1] == 7, "both have the last line")
    assert [notice.payload for notice in behind.notices] == [Gap(2, 6, "retention")]
    assert (live.events, behind.sequences) == ([], [1, 7])
    await hub.close()


async def test_retention_runs_by_itself_and_shows_what_hinders_it(shop: Shop, tmp_path: Path) -> None:
    """What broke off a pass is tried again with the next."""
    await shop.store("a")
    shop.now += 2 * DAY
    sqlite(tmp_path / "otto.db", "ALTER TABLE journal_marks RENAME TO hidden")
    retention = shop.retention(RetentionPolicy(age_seconds=DAY))
    retention.start()
    await until(lambda: "journal_marks" in retention.statistics.error, "the pass has failed")
    sqlite(tmp_path / "otto.db", "ALTER TABLE hidden RENAME TO journal_marks")
    await until(lambda: retention.statistics.lines == 1 and not retention.statistics.error, "the next one has not")
    await retention.close()


async def test_silent_producers_are_forgotten_also_without_a_policy(shop: Shop) -> None:
    """After a time that is documented."""
    await shop.journal.append(batch("a", producer=number(1)))
    retention = shop.retention(RetentionPolicy())
    shop.now = 1e12
    await retention.run_once()
    assert await shop.journal.last_number("p") == 0
    assert retention.statistics.producers == 1
    assert PRODUCER_SECONDS == 90 * DAY


async def test_producers_are_remembered_for_as_long_as_is_documented(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted back from the moment of the pass."""
    asked: list[float] = []

    async def forget(before: float) -> int:
        asked.append(before)
        return 0

    monkeypatch.setattr(shop.journal, "forget_producers", forget)
    await shop.retention(RetentionPolicy()).run_once()
    assert asked == [shop.now - 90 * DAY]


async def test_a_task_that_goes_by_its_age_leaves_its_rows_to_theirs(shop: Shop) -> None:
    """Rows have a time of their own; only a limit takes them along."""
    await shop.store("a")
    shop.now += 2 * DAY
    await shop.retention(RetentionPolicy(age_seconds=DAY)).run_once()
    assert await messages(shop.journal) == []
    assert rows(shop.table.path, "build") == ["a"]
    assert (shop.made[0].statistics.tasks, shop.made[0].statistics.rows) == (1, 0)


@pytest.mark.parametrize(("is_held_up", "seconds"), [(False, 600), (True, 30)])
async def test_the_next_pass_comes_sooner_where_this_one_left_something(
    shop: Shop, is_held_up: bool, seconds: float
) -> None:
    """In a while where the sink is behind, and else at its time."""
    retention = shop.retention(RetentionPolicy(), pass_seconds=600)
    retention.is_held_up = is_held_up
    assert retention.next_pass_seconds == seconds


@pytest.mark.parametrize("error", [StorageUnavailableError("locked"), ZeroDivisionError("a mistake")])
async def test_a_pass_that_failed_is_tried_again_soon(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """After 2 s, not at the time of the next pass; and what hinders it is shown at once."""
    retention = shop.retention(RetentionPolicy(), pass_seconds=600)
    passes: list[None] = []

    async def run_once() -> None:
        passes.append(None)
        raise error

    monkeypatch.setattr(retention, "run_once", run_once)
    retention.start()
    await until(lambda: str(error) in retention.statistics.error, "the error is shown")
    pass_time(2.0)
    await until(lambda: len(passes) == 2, "the pass is tried again")


async def test_a_pass_removes_the_rows_of_tasks_that_have_ended(shop: Shop) -> None:
    """Only where there is a limit; what is stored of a task that is written again goes on behind its numbers."""
    for task in ("a", "b"):
        await shop.store("1", "2", task=task)
        await shop.journal.append(TaskEnding(task, failed=False, timestamp=AT))
    await shop.store("new")
    shop.now += 2 * DAY
    tasks = "SELECT group_concat(task_id) FROM journal_tasks"
    await shop.retention(RetentionPolicy()).run_once()
    assert sqlite(shop.table.path, tasks).strip() == "a,b,build"
    await shop.retention(RetentionPolicy(age_seconds=DAY)).run_once()
    assert sqlite(shop.table.path, tasks).strip() == "build"
    await shop.store("3", task="a")
    assert await messages(shop.journal, "a", after=2) == ["3"]


async def test_retention_ends_with_the_journal(shop: Shop) -> None:
    """And closing twice is harmless."""
    await shop.sink.close()
    await shop.journal.close()
    retention = shop.retention(RetentionPolicy())
    retention.start()
    await settle()
    await retention.close()
    await retention.close()
    with pytest.raises(StorageClosedError):
        await shop.journal.mark(0)
