"""Deleting old rows of ``task_logs``."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.automation.retention import TASK_LOGS
from components.automation.tables import AutomationDatabase, TaskLine, TaskRepository
from components.automation.tables.log import append, save_progress
from gateway.app import Gateway
from gateway.commands.prune import prune
from gateway.settings.model import Settings
from storage.polling import PollingTable
from storage.retention.policy import RetentionPolicy
from storage.retention.rules import parse_rules
from storage.retention.table_sweep import RetentionSweep
from storage.sqlite.files import migrate
from tests.support.job_logs import sqlite
from tests.support.waiting import until

DAY = 86400.0
NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)


class Rows:
    """A queue with tasks and rows of some age; ``sent`` says how many of them are in the stream."""

    def __init__(self, path: Path) -> None:
        self.database = AutomationDatabase(path)
        self.database.prepare()
        self.tasks = TaskRepository(self.database, lambda: NOW.replace(tzinfo=None))

    def task(self) -> str:
        return self.tasks.create("a", "shortform")

    def add(self, task_id: str, **days: int) -> None:
        now = NOW.replace(tzinfo=None)
        lines = [TaskLine(task_id, text, created_at=now - timedelta(days=age)) for text, age in days.items()]
        with self.database.transaction() as connection:
            append(connection, now, lines)

    def sent(self, all_but: int = 0) -> None:
        last = int(sqlite(self.database.path, "SELECT max(id) FROM task_logs"))
        with self.database.transaction() as connection:
            save_progress(connection, "stream", last - all_but)

    def left(self) -> Sequence[str]:
        return sqlite(self.database.path, "SELECT message FROM task_logs ORDER BY id").split()

    def swept(self, policy: RetentionPolicy) -> RetentionSweep:
        sweep = RetentionSweep(PollingTable(self.database.path), policy, TASK_LOGS, rows_max=2)
        while sweep.step(NOW.timestamp()):
            pass
        return sweep


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(tmp_path / "otto.db")


def test_old_rows_go_and_the_rest_stays(rows: Rows) -> None:
    """By their own time, wherever they stand; counting them first changes nothing."""
    rows.add(rows.task(), old=8, new=6, older=9, oldest=99, newest=0)
    rows.sent()
    policy = RetentionPolicy(age_seconds=7 * DAY)
    assert (
        RetentionSweep(PollingTable(rows.database.path), policy, TASK_LOGS, rows_max=2).rows_to_go(NOW.timestamp(), ())
        == 3
    )
    assert len(rows.left()) == 5
    assert rows.swept(policy).deleted == 3
    assert rows.left() == ["new", "newest"]


def test_a_rule_gives_its_tasks_an_age_of_their_own(rows: Rows) -> None:
    """Among the same rows."""
    kept, short, other = (rows.task() for _ in range(3))
    for task_id in (kept, short, other):
        rows.add(task_id, **{f"{task_id[-6:]}-2": 2, f"{task_id[-6:]}-9": 9})
    rows.sent()
    rows.swept(RetentionPolicy(age_seconds=7 * DAY, rules=parse_rules(f"{kept}=keep,{short}=1d")))
    assert rows.left() == [f"{kept[-6:]}-2", f"{kept[-6:]}-9", f"{other[-6:]}-2"]


def test_what_was_not_sent_to_the_stream_stays(rows: Rows) -> None:
    """However old it is; all of it if nothing forwards rows."""
    rows.add(rows.task(), a=8, b=8, c=8)
    policy = RetentionPolicy(age_seconds=DAY)
    assert rows.swept(policy).deleted == 0
    rows.sent(all_but=1)
    assert rows.swept(policy).deleted == 2
    assert rows.left() == ["c"]


def test_the_rows_of_one_task_go_in_steps(rows: Rows) -> None:
    """Up to a row; later ones, unsent ones and those of others stay."""
    mine, other = rows.task(), rows.task()
    rows.add(mine, a=0, b=0, c=0)
    rows.add(other, d=0)
    rows.add(mine, e=0)
    rows.sent(all_but=1)
    sweep = RetentionSweep(PollingTable(rows.database.path), RetentionPolicy(tasks_max=1), TASK_LOGS, rows_max=2)
    last = sweep.last_rows([mine])
    assert [sweep.remove_jobs(last) for _ in range(2)] == [True, False]
    assert (rows.left(), sweep.last_rows([mine]), sweep.deleted) == (["d", "e"], {}, 3)


def test_a_database_without_a_queue_has_nothing_to_remove(tmp_path: Path) -> None:
    """And gets no tables for it; neither does one in which another program has a table of that name."""
    sqlite(tmp_path / "old.db", "CREATE TABLE task_logs (id INTEGER, task_id TEXT, created_at TEXT)")
    sqlite(tmp_path / "old.db", "INSERT INTO task_logs VALUES (1, 'a', '1999-01-01 00:00:00')")
    sweep = RetentionSweep(PollingTable(tmp_path / "old.db"), RetentionPolicy(age_seconds=DAY), TASK_LOGS)
    assert (sweep.step(NOW.timestamp()), sweep.rows_to_go(NOW.timestamp(), ()), sweep.last_rows(["a"])) == (
        False,
        0,
        {},
    )
    assert sqlite(tmp_path / "old.db", "SELECT count(*) FROM sqlite_master").strip() == "1"
    assert sqlite(tmp_path / "old.db", "SELECT count(*) FROM task_logs").strip() == "1"


@pytest.mark.parametrize("policy", [RetentionPolicy(), RetentionPolicy(age_seconds=1e15)])
def test_an_age_beyond_all_dates_keeps_everything(rows: Rows, policy: RetentionPolicy) -> None:
    """As no age does."""
    rows.add(rows.task(), a=9999)
    rows.sent()
    assert rows.swept(policy).deleted == 0


async def test_prune_removes_old_rows_of_the_queue(rows: Rows) -> None:
    """Also while the queue is off."""
    rows.add(rows.task(), old=400, new=0)
    rows.sent()
    settings = Settings(database_url=f"sqlite:///{rows.database.path}", retention_days=30)
    migrate(settings.database_url)
    await (await PollingTable.open(rows.database.path)).close()
    assert await prune(settings, is_dry=True) == [
        "would remove 0 lines of 0 tasks, 0 bytes, and 1 rows of job_logs and task_logs"
    ]
    await prune(settings, is_dry=False)
    assert rows.left() == ["new"]


async def test_a_gateway_removes_old_rows_of_the_queue(rows: Rows) -> None:
    """Also while the queue is off."""
    rows.add(rows.task(), old=400, new=0)
    rows.sent()
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    url = f"sqlite:///{rows.database.path}"
    gateway = await Gateway.start(Settings(**ports, database_url=url, retention_days=30))  # type: ignore[arg-type]
    try:
        await until(lambda: rows.left() == ["new"], "the old row is gone")
    finally:
        await gateway.stop()
