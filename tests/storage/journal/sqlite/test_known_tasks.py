"""Lists of tasks: their order, and what they cost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal.interface import TaskEnding
from storage.journal.sqlite import SqliteJournal
from storage.journal.sqlite.known_tasks import count_queries, newest_tasks, queries
from tests.contracts.task_list_contract import FIRST, TaskListContract, names
from tests.support.journal_items import AT, batch


def connection_of(journal: SqliteJournal) -> sqlite3.Connection:
    return sqlite3.connect(journal.path, isolation_level=None)


def plan_of(journal: SqliteJournal, query: str) -> list[str]:
    with closing(connection_of(journal)) as connection:
        return [
            row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", (9,) * query.count("?3") * 3 or (9,))
        ]


@pytest.mark.parametrize("status", ["", "RUNNING", "COMPLETED"])
async def test_no_query_goes_through_all_tasks(journal: SqliteJournal, status: str) -> None:
    """Each seeks in the index by activity: a page costs the same however many tasks there are."""
    for query in (*queries(status), *count_queries(status)):
        plan = plan_of(journal, query)
        assert any("journal_tasks_by_activity (end_status=? AND last_record" in step for step in plan), plan
        assert not [step for step in plan if step.startswith("SCAN") and "subquery" not in step], plan
    assert "TEMP B-TREE" not in str(plan_of(journal, queries(status)[0]))


async def test_the_newest_chunk_is_stored_with_each_task_of_a_commit(journal: SqliteJournal) -> None:
    """Of many tasks with ends in between, more than one statement takes."""
    futures = [journal.append(batch("x" * 10, task=f"t{number % 50}")) for number in range(100)]
    futures += [journal.append(TaskEnding(f"t{number}", failed=False, timestamp=AT)) for number in range(0, 50, 7)]
    for future in futures:
        await future
    with closing(connection_of(journal)) as connection:
        wrong = connection.execute(
            "SELECT task_id FROM journal_tasks t WHERE last_record <> "
            "(SELECT max(record_id) FROM journal_records WHERE task_key = t.task_key AND kind = 0)"
        ).fetchall()
    assert wrong == []


async def test_a_database_of_an_older_version_gets_the_newest_chunks(tmp_path: Path) -> None:
    """The migration fills what the writer keeps from then on."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path)
    for task in "aba":
        await journal.append(batch("1", task=task))
    await journal.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX journal_tasks_by_activity")
        connection.execute("DROP INDEX journal_tasks_removable")
        connection.execute("DROP TABLE journal_removed_tasks")
        connection.execute("ALTER TABLE journal_tasks DROP COLUMN removable_at")
        connection.execute("ALTER TABLE journal_tasks DROP COLUMN last_record")
        connection.execute("DROP TABLE journal_summaries")
        connection.execute("UPDATE otto_schema_version SET version_num = '0005'")
    journal = await SqliteJournal.open(path)
    assert await names(journal, journal.newest_record) == ["a", "b"]
    await journal.close()


def steps_of(connection: sqlite3.Connection, below: int, snapshot: int) -> int:
    """Instructions of SQLite's machine for a page of ten."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    connection.set_progress_handler(count, 1)
    newest_tasks(connection, below, snapshot, "", 10)
    connection.set_progress_handler(None, 0)
    return steps


async def test_a_page_takes_the_same_work_however_many_tasks_there_are(journal: SqliteJournal) -> None:
    """The first one and one in the middle; the plan alone does not say by which condition SQLite seeks."""
    work: list[tuple[int, int]] = []
    with closing(connection_of(journal)) as connection:
        for total in (100, 3000):
            connection.executemany(
                "INSERT OR IGNORE INTO journal_tasks (task_key, task_id, last_record) VALUES (?, ?, ?)",
                ((key, f"t{key}", key) for key in range(1, total + 1)),
            )
            work.append((steps_of(connection, FIRST, total), steps_of(connection, total // 2, total)))
    assert work[1] == pytest.approx(work[0], rel=0.1)


class TestTaskList(TaskListContract):
    """SQLite keeps the contract."""
