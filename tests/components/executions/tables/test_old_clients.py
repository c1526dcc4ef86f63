"""Reports as the older workflow engine sends them, into our table and into tables as it made them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from components.executions.tables import ExecutionStore, NodeReport, RunAllSummary, ScriptRecord
from components.executions.tables.columns import milliseconds
from components.executions.tables.records import ScriptStatus
from tests.components.executions.tables.test_store import as_tuple, report, sql

COLUMNS = (
    "id INTEGER PRIMARY KEY, execution_id TEXT{0}, script_id INTEGER, node_id TEXT{0}, node_type TEXT, node_name TEXT,"
    " status TEXT, started_at {1}, finished_at {1}, execution_time_ms INTEGER, parameters TEXT, result TEXT,"
    " error_message TEXT, error_traceback TEXT"
)
MILLISECONDS = 1_767_225_600_250


def old_table(path: Path, times: str, found: str | None = None, ids: str = "") -> Path:
    """A database with the table of node runs, its times declared so, and one run of another node where given."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE node_execution_logs ({COLUMNS.format(ids, times)})")
        if found is not None:
            row = "INSERT INTO node_execution_logs (execution_id, node_id, status, started_at, finished_at)"
            connection.execute(f"{row} VALUES ('e', 'other', 'completed', ?, ?)", (found, found))
    return path


async def stored(path: Path, *reports: NodeReport) -> list[tuple[Any, ...]]:
    """The times and states of the rows that reports make."""
    store = await ExecutionStore.open(path, durability="process")
    for each in reports:
        await store.report(each)
    await store.close()
    return sql(path, "SELECT started_at, finished_at, status FROM node_execution_logs WHERE node_id = 'n'")


@pytest.mark.parametrize(
    ("declared", "found", "expected"),
    [
        ("INTEGER", None, MILLISECONDS),
        ("REAL", "2025-01-01T00:00:00", MILLISECONDS),
        ("TEXT", "2025-01-01T00:00:00.000Z", "2026-01-01T00:00:00.250Z"),
        ("TEXT", None, "2026-01-01T00:00:00.250Z"),
        ("DATETIME", "2025-01-01 00:00:00", "2026-01-01 00:00:00.250"),
        ("TIMESTAMP", "2025-01-01T00:00:00.123456", "2026-01-01T00:00:00.250000"),
        ("DATETIME", "2025-01-01T00:00:00+00:00", "2026-01-01T00:00:00.250+00:00"),
    ],
)
async def test_times_are_stored_in_the_form_of_the_column(
    tmp_path: Path, declared: str, found: str | None, expected: float | str
) -> None:
    """Numbers in a column of numbers, otherwise the text that its newest row has; a run is found again by it."""
    path = old_table(tmp_path / "a.db", declared, found)
    ended = report("completed", MILLISECONDS, finished_at=MILLISECONDS)
    assert await stored(path, report("running", MILLISECONDS), ended) == [(expected, expected, "completed")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00.250Z", MILLISECONDS),
        ("2026-01-01 00:00:00", MILLISECONDS - 250),
        ("2026-01-01T09:00:00.250000+09:00", MILLISECONDS),
        ("2026-01-01T00:00:00.250500", MILLISECONDS + 0.5),
        ("yesterday", None),
        (None, None),
        (5.5, 5.5),
    ],
)
def test_a_time_is_read_as_a_number_or_as_iso_8601(text: object, expected: float | None) -> None:
    """In UTC where it names no offset."""
    assert milliseconds(text) == expected


@pytest.mark.parametrize("ids", ["", " NOT NULL"])
@pytest.mark.parametrize(
    "missing", [{"execution_id": None}, {"node_id": None}, {"execution_id": None, "node_id": None}]
)
async def test_a_report_without_ids_is_a_row_of_its_own(tmp_path: Path, ids: str, missing: dict[str, Any]) -> None:
    """In a table that takes no NULL as well; it counts as a node's run, and its execution only if it names one."""
    store = await ExecutionStore.open(old_table(tmp_path / "a.db", "INTEGER", ids=ids), durability="process")
    keys = {(await store.report(report(status, 5, **missing))).log_id for status in ("running", "completed")}
    assert len(keys) == 2
    expected = (int("execution_id" not in missing), 1, 0)
    assert as_tuple(await store.log_statistics())[:3] == expected
    await store.close()
    store = await ExecutionStore.open(tmp_path / "a.db", durability="process")
    await store.report(report("running", 6, execution_id="f"))  # after the count that a start begins with
    assert as_tuple(await store.log_statistics())[:3] == (expected[0] + 1, 1, 0)
    await store.close()


@pytest.mark.parametrize(("began", "rows"), [(1, 1), (9, 2)])
async def test_an_end_with_another_start_ends_the_only_run(tmp_path: Path, began: int, rows: int) -> None:
    """A sender that takes the time twice has one row; a run that began after that end is another one."""
    reports = report("running", began), report("completed", 2, finished_at=5), report("completed", 2, finished_at=5)
    found = await stored(tmp_path / "a.db", *reports)
    assert (len(found), found[-1]) == (rows, (2, 5, "completed"))


async def test_a_run_all_is_counted_once(tmp_path: Path) -> None:
    """Ten records and their summary make ten, and so does the next run-all; an execution alone adds to them."""
    store = await ExecutionStore.open(tmp_path / "a.db", durability="process")
    alone = ScriptRecord(script_id="alone", status=ScriptStatus.ERROR)
    await store.record(alone)
    for number in range(1, 3):
        for script in range(10):
            status = ScriptStatus.ERROR if script == 4 else ScriptStatus.SUCCESS
            await store.record(ScriptRecord(script_id=str(script), status=status))
        await store.summarise(RunAllSummary(10, 1))
        statistics = await store.dashboard_statistics()
        assert (statistics.all_executions, statistics.all_failed_scripts) == (1 + 10 * number, 1 + number)
    await store.summarise(RunAllSummary(10, 1))  # without records: those before are of the run-all before
    assert (await store.dashboard_statistics()).all_executions == 31
    await store.close()
