"""What the database does for each door: nothing goes through all tasks, or through all chunks."""

import re
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from storage.journal.interface import StageProgress, StreamClosed, TaskEnding, WorkerRegistered
from storage.journal.sqlite import SqliteJournal
from storage.polling import PollingSink, PollingTable
from storage.retention.policy import RetentionPolicy
from storage.retention.rules import parse_rules
from storage.retention.worker import Retention, sweeps_of
from storage.summaries import SummarySweep
from tests.support.history_server import BASE, History, history_of
from tests.support.journal_items import AT, batch, number, report

DOORS = (
    *("/tasks", "/tasks?status=RUNNING", "/tasks?status=COMPLETED&limit=1", "/tasks?search=b", "/search?q=rareword"),
    *("/search?q=rareword&taskId=b*", "/logs/b1", "/logs/b1?keyword=rareword", "/logs/b1?tail=1", "/logs/b4"),
    *("/logs/b1?level=ERROR", "/logs/b1/counts", "/logs/b1/matches?keyword=rareword"),
    *("/logs/b1/summary", "/logs/b1/comparison"),
)

SMALL = "json_each|otto_sink_rows|sqlite_master|[0-9]* ?CONSTANT ROW|job VIRTUAL|changed|page|ends|sqlite_sequence|\\("
"""What a statement makes itself, no larger than the page or the commit that it is for; and ranges of rows."""


class Recording(sqlite3.Connection):
    """Keeps the texts of statements."""

    seen: ClassVar[set[str]] = set()

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.seen.add(sql)
        return super().execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.seen.add(sql)
        return super().executemany(sql, *parameters)


async def use_everything(history: History, path: Path) -> None:
    journal = history.journal
    for task in ("b1", "b2"):
        journal.append(WorkerRegistered(task, "w1", {"os": "linux"}))
        for _ in range(3):
            await journal.append(batch("a rareword", "b", task=task, producer=number(1, task)))
        journal.append(report("FAILED", task=task, reason="r"))
        journal.append(StreamClosed(task))
        await journal.append(StageProgress("p", "s", b"{}"))
    await journal.append(TaskEnding("b3", failed=False, timestamp=AT))
    await journal.append(batch("later", task="b4"))
    await SummarySweep(journal, pause_seconds_max=0).run_once()
    for door in DOORS:
        assert (await history.http.get(BASE + door)).status_code == 200, door
    for status in ({}, {"status": "RUNNING"}, {"status": "COMPLETED"}, {"status": "FAILED"}):
        for search in ({}, {"search": "b"}):
            page = await history.get("/tasks", limit=1, **status, **search)
            if "next" in page:
                await history.get("/tasks", limit=1, cursor=page["next"], **status, **search)
    await journal.mark(1.0)
    for task in await journal.stored_tasks("", count_max=10):
        await journal.stored_chunks(task.task_id, 0, count_max=10)
    while not (await journal.remove_through("b1", 6, copied=1 << 40)).is_done:
        pass
    await remove_all_tasks_but_one(journal, path)
    await journal.records(0, bytes_max=1 << 20)
    await journal.append(batch("again", task="b1"))
    await journal.task_state("b1")


async def remove_all_tasks_but_one(journal: SqliteJournal, path: Path) -> None:
    """A pass of retention, with the rows of ``job_logs``."""
    table = await PollingTable.open(path)
    sink = PollingSink(journal, table)
    await sink.start()
    await sink.close()
    policy = RetentionPolicy(age_seconds=1e12, tasks_max=1, rules=parse_rules("nightly-*=1d"))
    sweeps = sweeps_of(path, table, policy)
    retention = Retention(journal, sweeps, policy, copied=lambda: 1 << 40, pause_seconds_max=0)
    await retention.run_once()
    assert retention.statistics.tasks > 0
    assert retention.statistics.rows > 0
    await retention.close()
    await table.close()


async def test_no_statement_goes_through_all_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every statement that the doors, the writer, summaries and retention use: each seeks in an index."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Recording))
    async with history_of(tmp_path / "otto.db") as history:
        Recording.seen.clear()
        await use_everything(history, tmp_path / "otto.db")
    about = re.compile("journal_(tasks|records|summaries|workers|removed)|job_logs")
    asked = [sql for sql in Recording.seen if about.search(sql) and not sql.strip().startswith(("CREATE", "PRAGMA"))]
    assert len(asked) > 40
    monkeypatch.undo()
    with closing(sqlite3.connect(tmp_path / "otto.db")) as connection:
        assert not {sql: plan for sql in asked if (plan := scans(connection, sql))}


def scans(connection: sqlite3.Connection, sql: str) -> list[str]:
    numbered = [int(place) for place in re.findall(r"\?(\d+)", sql)]
    named = dict.fromkeys(re.findall(r":([a-z]\w*)", sql))
    given = named or [None] * (max(numbered) if numbered else sql.count("?"))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)
    return [step for *_, step in plan if re.match(f"SCAN (?!{SMALL})", step)]
