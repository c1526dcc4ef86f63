"""Removing from the database beside everything else that continues in it."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from filters.matching import Matcher
from filters.model import LogFilter
from storage.errors import StorageUnavailableError
from storage.journal.inventory import RemovedTasks
from storage.journal.removed_tasks import IDLE_SECONDS
from storage.journal.sqlite import SqliteJournal
from storage.journal.sqlite.queries import SqliteQueries
from tests.support.crash import WatchedConnection, crash
from tests.support.journal_items import batch, messages, report
from tests.support.sqlite_connections import reading_connection, replace_removing

EVERYTHING = 1 << 40
NINE = Matcher(LogFilter(keywords=("9",)))


async def fill(journal: SqliteJournal, chunks: int, *, task: str = "build") -> None:
    for number in range(chunks):
        await journal.append(batch(str(number), task=task))


async def remove(journal: SqliteJournal, sequence: int, *, task: str = "build") -> int:
    steps = 1
    while not (await journal.remove_through(task, sequence, copied=EVERYTHING)).is_done:
        steps += 1
    return steps


async def test_a_step_is_small(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks and in bytes; a single large chunk goes all the same."""
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_CHUNKS", 4)
    await fill(journal, 10)
    assert [(await journal.remove_through("build", 9, copied=EVERYTHING)).lines for _ in range(4)] == [4, 4, 1, 0]
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_BYTES", 1)
    await fill(journal, 2)
    assert [(await journal.remove_through("build", 12, copied=EVERYTHING)).lines for _ in range(4)] == [1, 1, 1, 0]


async def test_whole_tasks_go_together_as_many_as_a_step_takes(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In chunks, bytes and workers; what is too large for any step is left to those of ``remove_through``."""
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_CHUNKS", 4)
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_ROWS", 3)
    for task, chunks in (("a", 2), ("b", 3), ("c", 1), ("large", 5), ("d", 1)):
        await fill(journal, chunks, task=task)
    for number in range(4):
        await journal.append(report("COMPLETED", f"w{number}", task="d"))
    left = {"a": 2, "b": 3, "c": 1, "large": 5, "d": 1, "unknown": 1}
    taken = []
    while (removed := await journal.remove_whole(left, copied=EVERYTHING)).task_ids:
        taken.append(([*removed.task_ids], removed.lines))
        left = {task: through for task, through in left.items() if task not in removed.task_ids}
    assert (taken, [*left]) == ([(["a", "c"], 3), (["b"], 3)], ["large", "d", "unknown"])
    assert [(await journal.task_state(task)).first for task in ("a", "b", "c", "large", "d")] == [3, 4, 2, 1, 1]
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_CHUNKS", 9)
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_BYTES", 1)
    assert await journal.remove_whole({"large": 5}, copied=EVERYTHING) == RemovedTasks()


async def test_a_step_waits_for_a_commit(journal: SqliteJournal) -> None:
    """The journal's own commits go first: a removal that finds one waiting begins after it."""
    await fill(journal, 3)
    with journal.write_lock.urgent():
        removal = asyncio.ensure_future(journal.remove_through("build", 2, copied=EVERYTHING))
        appended = journal.append(batch("late"))
        while not journal.write_lock.is_wanted:
            await asyncio.sleep(0)
        assert (await journal.task_state("build")).first == 1
    assert (await appended).last == 4
    assert (await removal).lines == 2


async def test_another_programs_lock_is_an_error_and_changes_nothing(journal: SqliteJournal, tmp_path: Path) -> None:
    """Anyone who removes comes back later."""
    await fill(journal, 3)
    with closing(sqlite3.connect(tmp_path / "otto.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError, match="locked by another program"):
            await journal.remove_through("build", 3, copied=EVERYTHING)
        other.execute("ROLLBACK")
    assert await messages(journal) == ["0", "1", "2"]
    assert (await journal.remove_through("build", 3, copied=EVERYTHING)).lines == 3


async def test_what_is_removed_while_it_is_read_is_no_damage(
    journal: SqliteJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a reader has seen of it before: it starts after what was removed."""
    await fill(journal, 20)
    look, removed_after = SqliteQueries.task, list[int]()

    def removing(queries: SqliteQueries, task_id: str) -> tuple[int, int, int] | None:
        found = look(queries, task_id)
        if found is not None and not removed_after:  # between the look at the task and that at its chunks
            removed_after.append(found[1])
            asyncio.run_coroutine_threadsafe(remove(journal, 15), loop).result(10)
        return found

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(SqliteQueries, "task", removing)
    selection = await journal.read("build", 0, 20, Matcher(), lines_max=100, bytes_max=1000)
    assert (selection.start, selection.end) == (15, 20)
    await fill(journal, 10)
    removed_after.clear()
    assert await journal.tail_start("build", 5, 30, NINE) == 15


async def test_a_large_chunk_removed_before_it_is_opened_is_no_damage(journal: SqliteJournal) -> None:
    """Its bounds were seen, its payload is gone: the reader looks again."""
    texts = [str(n) for n in range(3000)]
    await journal.append(batch(*texts))
    await journal.append(batch("last"))
    loop, take = asyncio.get_running_loop(), SqliteQueries.payload

    def removing(queries: SqliteQueries, record_id: int) -> bytes | None:
        asyncio.run_coroutine_threadsafe(remove(journal, 3000), loop).result(10)
        return take(queries, record_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteQueries, "payload", removing)
        selection = await journal.read("build", 0, 3001, Matcher(), lines_max=10, bytes_max=1000)
    assert (selection.start, selection.end) == (3000, 3001)


async def test_many_workers_go_in_steps(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task may have had any number of them."""
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_ROWS", 2)
    for number in range(5):
        journal.append(report("COMPLETED", f"w{number}"))
    await journal.append(batch("a", worker="w0"))
    await journal.append(report("COMPLETED", "w0"))
    assert await remove(journal, 1) >= 4
    connection = reading_connection(journal)
    assert connection.execute("SELECT count(*) FROM journal_workers").fetchone() == (0,)
    connection.close()


async def test_keys_of_removed_tasks_are_not_given_again(journal: SqliteJournal) -> None:
    """A reader may have looked one up, and would find another task's lines by it; the newest row stays for it."""
    for task in "abc":
        await journal.append(batch("1", task=task, worker="w"))
        await journal.append(report("COMPLETED", "w", task=task))
        await remove(journal, 1, task=task)
    assert await journal.forget_tasks(1e9, copied=EVERYTHING) == 2
    await journal.append(batch("1", task="d"))
    connection = reading_connection(journal)
    keys = connection.execute("SELECT task_id, task_key FROM journal_tasks ORDER BY task_key").fetchall()
    assert keys == [("c", 3), ("d", 4)]
    connection.close()


async def test_an_idle_task_goes_with_its_workers_in_steps(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not ended, so it stays for 90 days; then its many workers go a few at a time."""
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_ROWS", 2)
    for number in range(5):
        await journal.append(report("RUNNING", f"w{number}"))
    await fill(journal, 1, task="newer")
    assert await journal.forget_tasks(time.time() + IDLE_SECONDS - 10, copied=EVERYTHING) == 0
    idle = time.time() + IDLE_SECONDS + 1
    assert [await journal.forget_tasks(idle, copied=EVERYTHING) for _ in range(4)] == [1, 1, 1, 0]
    connection = reading_connection(journal)
    rows = "SELECT (SELECT count(*) FROM journal_tasks), (SELECT count(*) FROM journal_workers)"
    assert connection.execute(rows).fetchone() == (1, 1)
    assert connection.execute("SELECT count(*) FROM journal_removed_tasks").fetchone() == (0,)
    connection.close()


async def test_freed_pages_are_used_again(tmp_path: Path) -> None:
    """Storing and removing at the same pace does not make the file grow."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path, durability="process")
    sizes = []
    for number in range(1, 9):
        await journal.append(batch(*[f"{n} {number * n:x}" for n in range(5000)]))
        await remove(journal, 5000 * (number - 1))
        connection = reading_connection(journal)
        sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.close()
    assert sizes[-1] <= sizes[2]
    await journal.close()


async def test_an_old_database_is_counted_when_it_is_migrated(tmp_path: Path) -> None:
    """Bytes of what is there, and no line older than the moment of the migration."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path)
    await fill(journal, 3)
    (before,) = await journal.stored_tasks("", count_max=10)
    await journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP INDEX journal_tasks_by_activity")
        connection.execute("DROP INDEX journal_tasks_removable")
        connection.execute("DROP TABLE journal_removed_tasks")
        connection.execute("ALTER TABLE journal_tasks DROP COLUMN removable_at")
        connection.execute("ALTER TABLE journal_tasks DROP COLUMN last_record")
        connection.execute("ALTER TABLE journal_tasks DROP COLUMN stored_bytes")
        connection.execute("DROP TABLE journal_marks")
        connection.execute("DROP TABLE journal_summaries")
        connection.execute("UPDATE otto_schema_version SET version_num = '0001'")
    journal = await SqliteJournal.open(path)
    (task,) = await journal.stored_tasks("", count_max=10)
    assert task.bytes == before.bytes > 0
    assert task.oldest_at == task.newest_at > 1e9
    await journal.close()


@pytest.mark.parametrize("point", ["before", "after"])
async def test_killed_in_a_step_it_is_done_or_not(
    journal: SqliteJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Lines, sequences and bytes fit together either way, and the next pass continues."""
    monkeypatch.setattr("storage.journal.sqlite.remover.STEP_CHUNKS", 2)
    await fill(journal, 6)
    await journal.remove_through("build", 2, copied=EVERYTHING)
    left: list[Path] = []

    def at(place: str) -> None:
        if place == point:
            left.append(crash(tmp_path / "otto.db"))

    replace_removing(journal, lambda found: WatchedConnection(found, lambda: at("before"), lambda: at("after")))
    await journal.remove_through("build", 4, copied=EVERYTHING)
    after = await SqliteJournal.open(left[0], durability="process")
    assert await messages(after) == ["2", "3", "4", "5"][2 * (point == "after") :]
    (task,) = await after.stored_tasks("", count_max=1)
    assert task.bytes == sum(chunk.bytes for chunk in await after.stored_chunks("build", 0, count_max=10))
    assert (await after.append(batch("6"))).last == 7
    assert await remove(after, 7) >= 2
    assert (await after.task_state("build")).first == 8
    await after.close()
