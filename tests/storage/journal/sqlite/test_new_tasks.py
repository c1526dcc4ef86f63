"""Tasks that begin in the same commit."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.journal.interface import Append, StreamClosed
from storage.journal.removed_tasks import name_hash
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, messages, number, report


async def together(journal: SqliteJournal, *items: Append) -> list[tuple[int, int]]:
    """First and last sequence of each."""
    receipts = await asyncio.gather(*(journal.append(item) for item in items))
    return [(receipt.first, receipt.last) for receipt in receipts]


async def test_stored_and_new_tasks_are_told_apart(tmp_path: Path) -> None:
    """A journal that was opened anew knows none of its tasks; each goes on where it was."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path)
    await together(journal, batch("1", task="a"), batch("1", "2", task="b", worker="w2"), report("COMPLETED", task="b"))
    await journal.close()
    journal = await SqliteJournal.open(path)
    items = [batch("x", task=task) for task in ("new", "a", "b", "other", "new")]
    assert await together(journal, *items) == [(1, 1), (2, 2), (3, 3), (1, 1), (2, 2)]
    assert await messages(journal, "b") == ["1", "2", "x"]
    await journal.close()


async def test_a_removed_task_goes_on_behind_its_numbers(journal: SqliteJournal, tmp_path: Path) -> None:
    """Its rows are gone, its last number is not; the others of the commit begin at 1."""
    with closing(sqlite3.connect(tmp_path / "otto.db", isolation_level=None)) as other:
        row = (name_hash("b"), 7, 0, 1_700_000_000)
        other.execute("INSERT INTO journal_removed_tasks VALUES (?, ?, ?, ?)", row)
    items = [batch("x", task=task) for task in "abc"]
    assert await together(journal, *items) == [(1, 1), (8, 8), (1, 1)]
    assert (await journal.task_state("b")).first == 8


async def test_a_new_task_ends_with_the_last_of_its_workers(journal: SqliteJournal) -> None:
    """Whether a worker came with the first line or after it: it counts once."""
    items = [batch("x", task="a"), batch("y", task="b"), batch("z", task="a", worker="w2"), batch("q", task="a")]
    await together(journal, StreamClosed("a"), *items, report("COMPLETED", task="a"))
    assert (await journal.task_state("a")).ended is None
    await journal.append(report("FAILED", "w2", task="a"))
    ended = (await journal.task_state("a")).ended
    assert ended is not None
    assert ended.status == "FAILED"


async def test_what_was_sent_twice_makes_no_task(journal: SqliteJournal) -> None:
    """A numbered batch that is stored already, beside lines of new tasks."""
    await journal.append(batch("x", producer=number(1)))
    again = batch("x", task="gone", producer=number(1))
    await together(journal, batch("a", task="a"), again, batch("b", task="b"))
    assert (await journal.task_state("gone")).last == 0
    with closing(sqlite3.connect(journal.path)) as connection:
        assert sorted(row[0] for row in connection.execute("SELECT task_id FROM journal_tasks")) == ["a", "b", "build"]
