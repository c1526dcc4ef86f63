"""Lists of tasks: their order, and what they cost."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from filters.matching import Matcher
from filters.model import LogFilter
from storage.journal.interface import TaskEnding
from storage.journal.sqlite import SqliteJournal
from storage.journal.sqlite.known_tasks import count_queries, queries
from tests.support.journal_items import AT, batch

FIRST = 1 << 62


def connection_of(journal: SqliteJournal) -> sqlite3.Connection:
    return sqlite3.connect(journal._path, isolation_level=None)


async def names(journal: SqliteJournal, snapshot: int, *, count_max: int = 3, status: str = "") -> list[str]:
    """All pages of a ranking."""
    seen: list[str] = []
    below = FIRST
    while page := await journal.newest_tasks(below, snapshot, status=status, count_max=count_max):
        seen += [task.task_id for task in page]
        below = page[-1].record
    return seen


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


async def test_a_ranking_is_of_one_moment(journal: SqliteJournal) -> None:
    """Against a list: lines and ends that come while it is read move no task from one page to another."""
    chance = random.Random(1)
    order: list[str] = []
    for _ in range(40):
        task = f"t{chance.randrange(12)}"
        await journal.append(batch("x", task=task))
        order = [task, *(each for each in order if each != task)]
    snapshot = journal.newest_record
    for task in ("t1", "t2", "t3"):
        await journal.append(batch("y", "z", task=task))
    await journal.append(batch("new", task="new"))
    await journal.append(TaskEnding("t4", failed=True, timestamp=AT))
    assert await names(journal, snapshot) == order
    assert await names(journal, snapshot, status="FAILED") == ["t4"]
    assert sorted(await names(journal, snapshot, status="RUNNING")) == sorted(set(order) - {"t4"})
    assert (await names(journal, journal.newest_record))[:4] == ["new", "t3", "t2", "t1"]


async def test_a_task_without_lines_is_in_no_list(journal: SqliteJournal) -> None:
    """Neither one that only ended nor one whose lines retention took; a line that comes later brings it back."""
    for task in "abc":
        await journal.append(batch("1", task=task))
    await journal.append(TaskEnding("empty", failed=False, timestamp=AT))
    while not (await journal.remove_through("b", 1, copied=FIRST)).is_done:
        pass
    assert await names(journal, journal.newest_record) == ["c", "a"]
    assert (await journal.count_tasks(count_max=9), await journal.count_tasks(count_max=1)) == (2, 1)
    await journal.append(batch("2", task="b"))
    assert await names(journal, journal.newest_record) == ["b", "c", "a"]


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


async def test_tasks_without_a_match_are_passed_in_one_step(journal: SqliteJournal) -> None:
    """Up to the first that has one, wherever it is in it."""
    for number in range(20):
        await journal.append(batch("needle" if number == 5 else "hay", "hay", task=f"t{number}"))
    tasks = await journal.newest_tasks(FIRST, FIRST - 1, count_max=100)
    assert await journal.without_match(tasks, Matcher(LogFilter(keywords=("needle",)))) == 14
    assert await journal.without_match(tasks, Matcher(LogFilter(keywords=("none",)))) == 20
    assert await journal.without_match(tasks, Matcher()) == 0


async def test_a_database_of_an_older_version_gets_the_newest_chunks(tmp_path: Path) -> None:
    """The migration fills what the writer keeps from then on."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path)
    for task in "aba":
        await journal.append(batch("1", task=task))
    await journal.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX journal_tasks_by_activity")
        connection.execute("ALTER TABLE journal_tasks DROP COLUMN last_record")
        connection.execute("UPDATE otto_schema_version SET version_num = '0005'")
    journal = await SqliteJournal.open(path)
    assert await names(journal, journal.newest_record) == ["a", "b"]
    await journal.close()
