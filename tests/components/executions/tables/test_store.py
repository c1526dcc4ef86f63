"""Reports of nodes' runs, in any order, doubled and at the same time; rows and statistics against plain counts."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from components.executions.tables import (
    Change,
    ExecutionStore,
    LogStatistics,
    NodeFilter,
    NodeReport,
    NodeStatus,
    RunAllSummary,
    ScriptRecord,
    ScriptStatus,
)
from components.executions.tables.schema import create_missing
from components.executions.tables.writer import ExecutionWriter, StoreFullError
from storage.errors import DatabaseError, RecordRefusedError, StorageClosedError, StorageUnavailableError
from storage.sqlite.write_lock import write_lock
from storage.tables import DatabaseLocation, TableDatabase
from tests.support.psql import database_rows
from tests.support.waiting import WAIT_SECONDS_MAX, attempts
from tests.support.workflow import PlainRun, counted, workflow

ROWS = "SELECT execution_id, node_id, status, started_at, execution_time_ms FROM node_execution_logs ORDER BY 1, 4, 2"


@pytest.fixture
async def store(location: DatabaseLocation) -> AsyncIterator[ExecutionStore]:
    opened = await ExecutionStore.open(location)
    yield opened
    await opened.close()


@pytest.fixture
async def file_store(tmp_path: Path) -> AsyncIterator[ExecutionStore]:
    opened = await ExecutionStore.open(tmp_path / "a.db")
    yield opened
    await opened.close()


def sql(location: DatabaseLocation, statement: str) -> list[tuple[Any, ...]]:
    if isinstance(location, str):
        return database_rows(location, statement)
    with closing(sqlite3.connect(location, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def report(status: str, started_at: float | None = None, **fields: Any) -> NodeReport:
    given = {"execution_id": "e", "node_id": "n", **fields}
    return NodeReport(status=NodeStatus(status), started_at=started_at, **given)


def as_tuple(statistics: LogStatistics) -> tuple[Any, ...]:
    return statistics.total, statistics.completed, statistics.failed, statistics.average_execution_time


async def rows(store: ExecutionStore, **wanted: Any) -> list[Any]:
    pieces = await store.find(NodeFilter(**wanted), limit=1000, offset=0)
    return [row async for piece in pieces for row in piece]


async def test_one_run_is_one_row(store: ExecutionStore) -> None:
    """Its end updates the row of its beginning, which keeps what the end does not say."""
    began = await store.report(report("running", 5, script_id="s", parameters='{"a":1}', node_name="가"))
    ended = await store.report(report("completed", 5, finished_at=9, result="[]"))
    (row,) = await rows(store)
    assert began.log_id == ended.log_id == row.id
    assert row[1:] == ("e", "s", "n", None, "가", "completed", 5, 9, 4, '{"a":1}', "[]", None, None)


async def test_a_late_beginning_neither_adds_nor_reopens(store: ExecutionStore) -> None:
    """It only fills in what the end has not said."""
    await store.report(report("failed", 5, finished_at=9, error_message="x"))
    late = await store.report(report("running", 5, parameters="{}", error_message="never"))
    again = await store.report(report("running", 5, parameters="[1]"))
    (row,) = await rows(store)
    assert (row.status, row.parameters, row.error_message) == ("failed", "{}", "x")
    assert (late.is_repeat, again.is_repeat) == (False, True)


async def test_senders_without_start_times_are_matched_as_of_old(store: ExecutionStore) -> None:
    """The end goes to the newest running row; the same end again, or a late beginning, goes nowhere."""
    for each in (report("running"), report("completed", finished_at=9), report("completed", finished_at=9)):
        await store.report(each)
    await store.report(report("running"))
    assert [row.status for row in await rows(store)] == ["completed"]
    await store.report(report("running", 20))
    await store.report(report("running", 10))
    await store.report(report("failed", finished_at=30))
    assert [(row.started_at, row.status) for row in await rows(store)] == [
        (20, "failed"),
        (10, "running"),
        (None, "completed"),
    ]


async def test_runs_of_other_scripts_are_not_touched(store: ExecutionStore) -> None:
    """A report with another script's id makes a row of its own."""
    await store.report(report("running", 5, script_id="a"))
    await store.report(report("completed", 5, script_id="b"))
    assert sorted((row.script_id, row.status) for row in await rows(store)) == [("a", "running"), ("b", "completed")]


async def test_an_order_of_reports_is_as_good_as_any_other(store: ExecutionStore, location: DatabaseLocation) -> None:
    """200 nodes with loops and failures, shuffled and doubled, in one burst: rows and statistics as by hand."""
    source = random.Random()
    runs = workflow(source, "one") + workflow(source, "two", nodes=5)
    reports = [each for run in runs for each in run.reports() * 2]
    source.shuffle(reports)
    await asyncio.gather(*map(store.report, reports))
    assert sql(location, ROWS) == sorted((run.row for run in runs), key=lambda row: (row[0], row[3], row[1]))
    assert as_tuple(await store.log_statistics()) == pytest.approx(counted(runs))
    assert store.statistics.transactions < len(reports) / 4


async def test_racing_writers_agree(location: DatabaseLocation) -> None:
    """Four stores in threads of their own, as in four processes, given the same reports each in an order of its own."""
    runs = workflow(random.Random(1), "e", nodes=40)
    reports = [each for run in runs for each in run.reports()]
    barrier = threading.Barrier(4)

    def write(seed: int) -> None:
        async def main() -> None:
            store = await ExecutionStore.open(location, durability="process", lock_seconds_max=3600)
            mine = random.Random(seed).sample(reports, len(reports))
            await asyncio.to_thread(barrier.wait, WAIT_SECONDS_MAX)
            for start in range(0, len(mine), 5):
                await asyncio.gather(*map(store.report, mine[start : start + 5]))
            await store.close()

        asyncio.run(main())

    await asyncio.gather(*(asyncio.to_thread(write, seed) for seed in range(4)))
    assert sql(location, ROWS) == sorted((run.row for run in runs), key=lambda row: (row[0], row[3], row[1]))
    (statistics,) = sql(location, "SELECT total, completed, failed, average_execution_time FROM log_stats")
    assert statistics == pytest.approx(counted(runs))


@pytest.mark.parametrize("wanted", [{"execution_id": "e0"}, {"status": NodeStatus.FAILED}, {"node_id": "node-10"}])
async def test_deleting_keeps_the_statistics_right(store: ExecutionStore, wanted: dict[str, Any]) -> None:
    """An execution counts for as long as one of its rows is there."""
    source = random.Random(2)
    runs = [run for number in range(4) for run in workflow(source, f"e{number}", nodes=21)]
    await asyncio.gather(*(store.report(each) for run in runs for each in run.reports()))

    def is_meant(run: PlainRun) -> bool:
        return all(getattr(run, name) == value for name, value in wanted.items())

    assert await store.delete(NodeFilter(**wanted)) == sum(map(is_meant, runs))
    assert as_tuple(await store.log_statistics()) == pytest.approx(counted([run for run in runs if not is_meant(run)]))
    assert await rows(store, **wanted) == []


async def test_deleting_takes_what_was_there_when_it_was_asked_for(store: ExecutionStore) -> None:
    """A row that comes meanwhile stays, also if the filter means it."""
    await store.report(report("running", 1))
    deleting = asyncio.ensure_future(store.delete(NodeFilter(execution_id="e")))
    await asyncio.sleep(0)
    await store.report(report("running", 2))
    assert await deleting == 1
    assert [row.started_at for row in await rows(store)] == [2]


async def test_reading_gives_pages_the_newest_first(store: ExecutionStore) -> None:
    """By the start, whatever the order of arrival; large rows come in several pieces."""
    for start in (3, 1, 2):
        await store.report(
            report("completed", start, parameters='"' + "x" * (1 << 20) + '"', result='"' + "y" * 999_999 + '"')
        )
    pieces = [piece async for piece in await store.find(NodeFilter(), limit=3, offset=0)]
    assert [[row.started_at for row in piece] for piece in pieces] == [[3, 2], [1]]
    (piece,) = [piece async for piece in await store.find(NodeFilter(execution_id="e"), limit=1, offset=1)]
    assert [row.started_at for row in piece] == [2]


async def test_the_dashboard_adds_up(store: ExecutionStore, location: DatabaseLocation) -> None:
    """Executions of scripts, alone and in summaries; those of a run-all are counted once."""
    await store.record(ScriptRecord(script_id="s", status=ScriptStatus.SUCCESS, execution_time_ms=5))
    await store.record(ScriptRecord(script_id="s", status=ScriptStatus.ERROR, error_message="x"))
    await store.summarise(RunAllSummary(10, 3))
    statistics = await store.dashboard_statistics()
    assert (statistics.all_executions, statistics.all_failed_scripts) == (11, 3)
    assert sql(location, "SELECT script_id, status, error_message FROM otto_script_executions") == [
        ("s", "success", None),
        ("s", "error", "x"),
    ]
    assert sql(location, "SELECT total_executions, failed_count FROM otto_execution_summaries") == [(10, 3)]


async def test_listeners_hear_of_what_is_stored(store: ExecutionStore, location: DatabaseLocation) -> None:
    """After the commit, before the answer; of ends of runs and of records, not of beginnings and repeats."""
    heard: list[tuple[Change, int]] = []

    def listen(changes: Sequence[Change]) -> None:
        count = sql(location, "SELECT count(*) FROM node_execution_logs WHERE status = 'completed'")[0][0]
        heard.extend((change, count) for change in changes)

    store.set_listener(listen)
    await store.report(report("running", 5, script_id="s"))
    assert heard == []
    await store.report(report("completed", 5, result="[]"))
    await store.report(report("completed", 5, result="[]"))
    assert heard == [(report("completed", 5, script_id="s"), 1)]
    summary = RunAllSummary(1, 0)
    await store.summarise(summary)
    assert heard[-1] == (summary, 1)


OLD = """
CREATE TABLE node_execution_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, execution_id TEXT, script_id INTEGER NOT NULL, node_id TEXT, node_type TEXT,
  node_name TEXT, status TEXT CHECK (status <> 'never'), started_at INTEGER, finished_at INTEGER,
  execution_time_ms INTEGER, parameters TEXT, result TEXT, error_message TEXT, error_traceback TEXT, extra TEXT);
CREATE INDEX my_own ON node_execution_logs(script_id, status);
INSERT INTO node_execution_logs (execution_id, script_id, node_id, status, started_at, execution_time_ms, extra)
  VALUES ('old', 7, 'n', 'completed', 1, 30, 'x'), ('old', 7, 'n', 'running', 2, NULL, 'y');
CREATE TABLE log_stats (total INTEGER, completed INTEGER, failed INTEGER, average_execution_time REAL);
INSERT INTO log_stats VALUES (0, 0, 0, 0);
CREATE TABLE dashboard_stats (all_executions INTEGER, all_failed_scripts INTEGER);
INSERT INTO dashboard_stats VALUES (100, NULL);
"""


async def test_an_old_applications_tables_are_taken_as_they_are(tmp_path: Path) -> None:
    """Rows, columns and indexes stay; its rows count, are finished, and keep what we know nothing of."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD)
    before = sql(path, "SELECT sql FROM sqlite_master WHERE tbl_name = 'node_execution_logs' AND name <> 'x' LIMIT 2")
    store = await ExecutionStore.open(path)
    taken = await store.report(report("completed", 2, execution_id="old", script_id="7", finished_at=52))
    await store.summarise(RunAllSummary(5, 1))
    assert taken.log_id == 2
    assert as_tuple(await store.log_statistics()) == (1, 2, 0, 40.0)
    assert sql(path, "SELECT * FROM dashboard_stats") == [(105, 1)]
    assert sql(path, "SELECT status, extra FROM node_execution_logs") == [("completed", "x"), ("completed", "y")]
    assert sql(path, "PRAGMA journal_mode") == [("delete",)]
    assert [text for text in before if text not in sql(path, "SELECT sql FROM sqlite_master")] == []
    assert ("idx_node_logs_script_id",) not in sql(path, "SELECT name FROM sqlite_master")
    with pytest.raises(RecordRefusedError, match="NOT NULL") as refused:
        await asyncio.gather(*map(store.report, [report("running", 9), report("running", 8, script_id="7")]))
    assert refused.value.field == "script_id"
    assert len(await rows(store)) == 3
    await store.close()


async def test_rows_of_other_programs_are_counted_at_the_next_start(location: DatabaseLocation) -> None:
    """Whatever was inserted, finished or deleted while the gateway was not looking."""
    store = await ExecutionStore.open(location)
    await store.report(report("running", 1))
    await store.close()
    sql(location, "UPDATE node_execution_logs SET status = 'failed', execution_time_ms = 8")
    sql(location, "INSERT INTO node_execution_logs (execution_id, node_id, status) VALUES ('other', 'n', 'completed')")
    store = await ExecutionStore.open(location)
    await store.report(report("running", 2))
    assert as_tuple(await store.log_statistics()) == (2, 1, 1, 8.0)
    await store.close()


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("CREATE TABLE log_stats (name TEXT, value TEXT)", "log_stats exists without the columns total"),
        ("CREATE TABLE node_execution_logs (id INTEGER)", "without the columns execution_id"),
        ("CREATE VIEW dashboard_stats AS SELECT 1 AS id", "dashboard_stats is a view"),
    ],
)
async def test_tables_that_do_not_fit_are_named(tmp_path: Path, statement: str, text: str) -> None:
    """With the file, in one sentence."""
    sql(tmp_path / "other.db", statement)
    with pytest.raises(DatabaseError, match=text) as raised:
        await ExecutionStore.open(tmp_path / "other.db")
    assert "other.db" in str(raised.value)


async def test_another_programs_lock_is_waited_for(tmp_path: Path) -> None:
    """And a lock that stays is an error that trying again may mend."""
    path = tmp_path / "a.db"
    store = await ExecutionStore.open(path, lock_seconds_max=0.3)
    patient = await ExecutionStore.open(path, lock_seconds_max=WAIT_SECONDS_MAX)
    for each in (store, patient):  # and what a start counts is counted
        await each.report(report("running", 1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError, match="locked"):
            await store.report(report("completed", 1))
        assert "locked" in store.statistics.error
        waiting = asyncio.ensure_future(patient.report(report("completed", 1, finished_at=2)))
        await asyncio.sleep(0)
        other.execute("COMMIT")
    await waiting
    assert as_tuple(await store.log_statistics()) == (1, 1, 0, 1.0)
    await store.report(report("completed", 1, finished_at=2))
    assert store.statistics.error == ""
    await patient.close()
    await store.close()


def _wait(condition: Callable[[], bool]) -> None:
    for _ in attempts("the journal wants the lock, or has had it"):
        if condition():
            break


async def test_the_journal_goes_first(tmp_path: Path) -> None:
    """A group of reports is committed in parts where the journal waits for the file."""
    lock = write_lock(tmp_path / "a.db")
    database = TableDatabase(tmp_path / "a.db", create=create_missing)
    writer = ExecutionWriter(database, listener=lambda _: None)
    began, done = threading.Event(), threading.Event()

    def commit_of_the_journal() -> None:
        began.wait()
        with lock.urgent():
            done.set()

    thread = threading.Thread(target=commit_of_the_journal)
    thread.start()
    slow: Callable[[Any], Any] = lambda _: (began.set(), _wait(lambda: lock.is_wanted or done.is_set()))  # noqa: E731
    late: Callable[[Any], bool] = lambda _: done.is_set()  # noqa: E731
    results = await asyncio.gather(writer.submit(slow), writer.submit(late))
    assert results[1] is True
    await asyncio.to_thread(thread.join)
    await writer.close()


async def test_a_replaced_file_is_noticed(file_store: ExecutionStore, tmp_path: Path) -> None:
    """The new file gets the tables, and what comes from then on."""
    await file_store.report(report("running", 1))
    for file in tmp_path.iterdir():
        file.unlink()
    await file_store.report(report("running", 2))
    assert sql(tmp_path / "a.db", "SELECT started_at FROM node_execution_logs") == [(2,)]
    assert as_tuple(await file_store.log_statistics()) == (1, 0, 0, 0)


async def test_too_much_waiting_is_refused(tmp_path: Path) -> None:
    """In bytes; and a closed store takes nothing, but stores what it has taken."""
    store = await ExecutionStore.open(tmp_path / "a.db", pending_bytes_max=10_000)
    large = asyncio.ensure_future(store.report(report("running", 1, parameters="x" * 8_000)))
    await asyncio.sleep(0)
    with pytest.raises(StoreFullError):
        await store.report(report("running", 2, parameters="x" * 8_000))
    await store.close()
    assert (await large).log_id == 1
    with pytest.raises(StorageClosedError):
        await store.report(report("running", 3))
    await store.close()


async def test_a_report_of_any_size_is_taken_alone(tmp_path: Path) -> None:
    """One that is larger than all that may wait would otherwise be refused for ever."""
    store = await ExecutionStore.open(tmp_path / "a.db", pending_bytes_max=2_000)
    await store.report(report("running", 1))  # after the count that a start begins with, nothing waits
    await store.report(report("running", 2, parameters="x" * 8_000))
    assert len(await rows(store)) == 2
    await store.close()
