"""What becomes of appends when the database does not do as it is told."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage.errors import StorageUnavailableError
from storage.journal.interface import Append, Committed, StageProgress, WorkerRegistered
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, messages, number, report
from tests.support.sqlite_connections import replace_writing, writing_connection
from tests.support.waiting import until


def path_of(tmp_path: Path) -> Path:
    return tmp_path / "otto.db"


def execute(tmp_path: Path, *statements: str) -> None:
    """Change the database from outside, as another program."""
    with closing(sqlite3.connect(path_of(tmp_path), isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement)


@contextmanager
def locked(tmp_path: Path) -> Iterator[None]:
    """Another program in the middle of a transaction."""
    with closing(sqlite3.connect(path_of(tmp_path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON {} BEGIN SELECT raise(ABORT, 'injected'); END"


@pytest.mark.parametrize("table", ["journal_records", "journal_producers", "journal_workers", "journal_stages"])
async def test_a_transaction_that_fails_leaves_no_trace(journal: SqliteJournal, tmp_path: Path, table: str) -> None:
    """Wherever it breaks off: what is sent again gets the sequences and numbers that it would have had."""
    await journal.append(batch("a", producer=number(1)))
    execute(tmp_path, REFUSE.format(table))
    items: list[Append] = [
        batch("b", "c", producer=number(2)),
        WorkerRegistered("build", "w2", {}, number(3)),
        StageProgress("pipe", "s", b"{}", producer=number(4)),
        batch("x", task="test", producer=number(5)),
    ]
    refused = await asyncio.gather(*[journal.append(item) for item in items], return_exceptions=True)
    assert all(isinstance(answer, StorageUnavailableError) for answer in refused)
    assert "injected" in journal.statistics.error
    assert await journal.last_number("p") == 1
    execute(tmp_path, "DROP TRIGGER refuse")
    answers = await asyncio.gather(*[journal.append(item) for item in items])
    assert [(answer.first, answer.last) for answer in answers] == [(2, 3), (0, 0), (0, 0), (1, 1)]
    assert [answer.duplicate for answer in answers] == [False] * 4
    assert answers[1].created
    assert journal.statistics.error == ""
    assert await messages(journal) == ["a", "b", "c"]
    assert [stage.number for stage in await journal.stages("pipe")] == [1]


async def test_a_failed_end_does_not_count_as_ended(journal: SqliteJournal, tmp_path: Path) -> None:
    """Workers and ends are known as the disk knows them."""
    await journal.append(batch("a"))
    execute(tmp_path, REFUSE.format("journal_records"))
    with pytest.raises(StorageUnavailableError):
        await journal.append(report("COMPLETED"))
    execute(tmp_path, "DROP TRIGGER refuse")
    assert (await journal.task_state("build")).ended is None
    await journal.append(report("COMPLETED"))
    assert (await journal.task_state("build")).ended is not None


async def test_nothing_is_published_of_a_failed_commit(journal: SqliteJournal, tmp_path: Path) -> None:
    """Visible means stored."""
    heard: list[Committed] = []
    journal.set_commit_listener(heard.append)
    execute(tmp_path, REFUSE.format("journal_records"))
    with pytest.raises(StorageUnavailableError):
        await journal.append(batch("a"))
    assert heard == []


async def test_a_commit_that_is_refused_is_rolled_back(journal: SqliteJournal, tmp_path: Path) -> None:
    """COMMIT itself may fail; a constraint that is checked there stands for the disk here."""
    await journal.append(batch("a"))
    connection = writing_connection(journal)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE c (p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)")
    connection.execute("CREATE TRIGGER t AFTER INSERT ON journal_records BEGIN INSERT INTO c VALUES (1); END")
    with pytest.raises(StorageUnavailableError, match="FOREIGN KEY"):
        await journal.append(batch("b"))
    assert await messages(journal) == ["a"]
    execute(tmp_path, "DROP TRIGGER t")
    assert (await journal.append(batch("b"))).last == 2
    assert await messages(journal) == ["a", "b"]


class LyingConnection:
    """Commits, and then reports that the disk failed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        cursor = self._connection.execute(sql, parameters)
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return cursor


async def test_a_commit_that_took_effect_counts_whatever_it_reported(journal: SqliteJournal) -> None:
    """The writer looks at the disk; lines without a number would be stored twice otherwise."""
    heard: list[Committed] = []
    journal.set_commit_listener(heard.append)
    await journal.append(batch("a"))
    replace_writing(journal, LyingConnection)
    assert (await journal.append(batch("b"))).last == 2
    assert (await journal.append(batch("c"))).last == 3
    assert [block.first for committed in heard for block in committed.blocks] == [1, 2, 3]
    assert await messages(journal) == ["a", "b", "c"]


async def test_a_lock_of_another_program_is_waited_for(journal: SqliteJournal, tmp_path: Path) -> None:
    """Lines are late, not lost."""
    with locked(tmp_path):
        future = journal.append(batch("a"))
        await until(lambda: "locked by another program" in journal.statistics.error, "it waits for the lock")
        assert not future.done()
    assert (await future).last == 1


async def test_a_lock_that_stays_is_an_error_that_says_so(tmp_path: Path) -> None:
    """The reason is shown while it lasts, and gone with the next success."""
    journal = await SqliteJournal.open(path_of(tmp_path), lock_seconds_max=0.05)
    with locked(tmp_path):
        with pytest.raises(StorageUnavailableError, match="locked by another program"):
            await journal.append(batch("a"))
        assert "locked by another program" in journal.statistics.error
    assert (await journal.append(batch("a"))).last == 1
    assert journal.statistics.error == ""
    await journal.close()


async def test_closing_does_not_wait_for_a_lock(tmp_path: Path) -> None:
    """What cannot be stored in the time that there is gets an error, and the file is let go."""
    journal = await SqliteJournal.open(path_of(tmp_path), lock_seconds_max=3600, retry_seconds_max=3600)
    with locked(tmp_path):
        futures = [journal.append(batch("a")) for _ in range(3)]
        await journal.close()
        for future in futures:
            with pytest.raises(StorageUnavailableError):
                await future
    again = await SqliteJournal.open(path_of(tmp_path))
    assert (await again.task_state("build")).last == 0
    await again.close()


async def test_a_full_disk_is_an_error_that_says_so(journal: SqliteJournal) -> None:
    """And everything continues when there is room again."""
    await journal.append(batch("a"))
    connection = writing_connection(journal)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageUnavailableError, match="full"):
        await journal.append(batch(*[random.randbytes(500).hex() for _ in range(100)]))
    assert await messages(journal) == ["a"]
    await journal.append(batch("b"))
    assert await messages(journal) == ["a", "b"]


async def test_a_full_disk_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the journal may wait, lines are late and not refused; the log says it once, with the path and the room."""
    journal = await SqliteJournal.open(path_of(tmp_path), retry_seconds_max=3600)
    await journal.append(batch("a"))
    connection = writing_connection(journal)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    large = journal.append(batch(*[random.randbytes(500).hex() for _ in range(100)]))
    later = journal.append(batch("b"))
    await until(
        lambda: "full" in journal.statistics.error, "the disk is full"
    )  # the next attempt opens the file anew, without the limit: there is room again
    assert ((await large).last, (await later).last) == (101, 102)
    assert journal.statistics.error == ""
    await journal.close()
    full, again = [record for record in caplog.records if "the disk" in record.message]
    assert full.message == "the disk is full: lines wait to be stored"
    assert str(path_of(tmp_path)) in full.__dict__["reason"]
    assert full.__dict__["bytes_free"] > 0
    assert again.message == "the disk has room again: lines are stored"


async def test_what_cannot_be_stored_is_not_tried_for_long(tmp_path: Path) -> None:
    """Waiting is for what the store may take later."""
    journal = await SqliteJournal.open(path_of(tmp_path), retry_seconds_max=3600)
    with pytest.raises(StorageUnavailableError, match="could not store"):
        await journal.append(batch("\ud800"))
    await journal.close()


async def test_what_cannot_be_stored_costs_nobody_else(journal: SqliteJournal) -> None:
    """A broken item in the middle of a group is refused, the others are stored in their order."""
    first, broken, last = journal.append(batch("a")), journal.append(batch("\ud800")), journal.append(batch("b"))
    assert [(await first).last, (await last).last] == [1, 2]
    with pytest.raises(StorageUnavailableError, match="could not store"):
        await broken
    assert await messages(journal) == ["a", "b"]


async def test_one_commit_takes_so_much(tmp_path: Path) -> None:
    """A backlog is stored in pieces; an append that is larger than a piece is one by itself."""
    journal = await SqliteJournal.open(path_of(tmp_path), durability="process", commit_bytes_max=10_000)
    sizes: list[int] = []
    journal.set_commit_listener(lambda committed: sizes.append(sum(len(block.lines) for block in committed.blocks)))
    futures = [journal.append(batch("x" * size)) for size in (4000, 4000, 4000, 20_000, 4000)]
    await asyncio.gather(*futures)
    assert sizes == [2, 1, 1, 1]
    await journal.close()


async def test_what_is_not_remembered_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More tasks, workers and producers than the writer keeps in mind change nothing."""
    monkeypatch.setattr("storage.journal.known_state.CACHED_MAX", 2)
    monkeypatch.setattr("storage.journal.known_state.WORKERS_MAX", 2)
    journal = await SqliteJournal.open(path_of(tmp_path), durability="process")
    for step in range(1, 4):
        for task in "abcde":
            item = batch(str(step), task=task, worker=f"w{step}", producer=number(step, task))
            assert (await journal.append(item)).last == step
    for task in "abcde":
        await asyncio.gather(*[journal.append(report("COMPLETED", f"w{n}", task=task)) for n in (1, 2)])
        assert (await journal.task_state(task)).ended is None
        await journal.append(report("COMPLETED", "w3", task=task))
        assert (await journal.task_state(task)).ended is not None
    assert all([(await journal.append(batch("2", task=t, producer=number(2, t)))).duplicate for t in "abcde"])
    await journal.close()


async def test_a_journal_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Epoch, sequences, numbers, workers, stages and ends outlive the process."""
    first = await SqliteJournal.open(path_of(tmp_path))
    epoch = first.epoch
    await asyncio.gather(
        first.append(batch("a", producer=number(1))),
        first.append(WorkerRegistered("build", "w2", {"node": "n1"})),
        first.append(StageProgress("pipe", "s", b"{}")),
        first.append(report("COMPLETED")),
    )
    await first.close()
    second = await SqliteJournal.open(path_of(tmp_path))
    assert second.epoch == epoch
    assert second.statistics.last_record == 1
    assert (await second.append(batch("a", producer=number(1)))).duplicate
    assert (await second.append(batch("b", producer=number(2)))).last == 2
    assert not (await second.append(WorkerRegistered("build", "w2", {}))).created
    await second.append(StageProgress("pipe", "s", b"{}"))
    assert [stage.number for stage in await second.stages("pipe")] == [2]
    await second.append(report("FAILED", "w2", reason="exit 2"))
    ended = (await second.task_state("build")).ended
    assert ended is not None
    assert (ended.last, ended.status, ended.reason) == (2, "FAILED", "exit 2")
    await second.close()
