"""Moving a database from SQLite to PostgreSQL."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.migration import move_databases
from storage.errors import DatabaseError, DatabaseInUseError
from storage.journal.interface import StageProgress, TaskEnding
from storage.journal.postgres import PostgresJournal
from storage.journal.sqlite import SqliteJournal
from storage.journal.stored_journal import StoredJournal
from storage.polling import PollingSink, PollingTable
from storage.polling.postgres_table import PostgresPollingTable
from storage.transfer import table_copy, transfer
from tests.support.job_logs import messages as sqlite_messages
from tests.support.journal_items import AT, batch, number
from tests.support.postgres_server import PostgresServer
from tests.support.psql import database_rows, messages

TABLES = """
INSERT INTO tasks (id, title, type, created_at) VALUES ('t', '제목', 'shortform', '2027-01-31T12:00:00+09:00');
INSERT INTO task_queue (id, task_id, queue_type, status) VALUES (7, 't', 'script', 'waiting');
INSERT INTO task_logs (task_id, queue_id, message) VALUES ('t', 7, 'NUL ' || char(0));
CREATE TABLE theirs (id INTEGER);
"""


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.add_schema()


async def _content(journal: StoredJournal) -> Sequence[Any]:
    """What readers, producers and sinks can ask for."""
    records = await journal.records(0, bytes_max=1 << 30)
    tasks = {record.task_id for record in records}
    states = [await journal.task_state(task) for task in sorted(tasks)]
    return records, states, await journal.last_number("p/1"), await journal.stages("pipe"), journal.epoch


async def _fill(path: Path) -> Sequence[Any]:
    journal = await SqliteJournal.open(path, durability="process")
    table = await PollingTable.open(path)
    sink = PollingSink(journal, table, closing_delay_seconds=0)
    await sink.start()
    for index in range(30):
        await journal.append(batch(f"한 {index}", "b", task=f"t{index % 3}", producer=number(index + 1, "p/1")))
    await journal.append(TaskEnding("t1", failed=True, timestamp=AT, reason="no"))
    await journal.append(StageProgress("pipe", "stage", b'{"status":"STAGE_RUNNING"}'))
    await sink.close()
    found = await _content(journal)
    await table.close()
    await journal.close()
    return found


async def test_a_moved_database_is_the_same_for_everybody(tmp_path: Path, url: str) -> None:
    """Records, sequences, epoch, numbers, rows with their ids; the journal and the copy continue where they were."""
    path = tmp_path / "otto.db"
    before = await _fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM job_logs WHERE id = (SELECT max(id) FROM job_logs)")
        connection.commit()
    moved = await asyncio.to_thread(move_databases, f"sqlite:///{path}", url, lambda _, __: None)
    assert (moved.rows["job_logs"], moved.left_out) == (59, [])
    journal = await PostgresJournal.open(url)
    after = await _content(journal)
    assert after == before
    table = await PostgresPollingTable.open(url)
    await journal.append(batch("new", task="t0"))
    sink = PollingSink(journal, table, epoch="journal")
    await sink.start()
    await sink.close()
    state = await journal.task_state("t0")
    await journal.close()
    await table.close()
    assert state.last == 21
    assert await messages(url, "t0") == [*sqlite_messages(path, "t0"), "new"]
    assert database_rows(url, "SELECT max(id) FROM job_logs") == [(61,)]


async def test_a_move_that_was_broken_off_continues(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each transaction in turn; nothing is there twice."""
    path = tmp_path / "otto.db"
    before = await _fill(path)
    monkeypatch.setattr(table_copy, "ROWS_MAX", 13)
    reached: list[int] = []

    def stop(done: int, _total: int) -> None:
        reached.append(done)
        raise _StoppedError

    with pytest.raises(_StoppedError):
        await asyncio.to_thread(move_databases, f"sqlite:///{path}", url, stop)
    for _ in range(50):
        try:
            await asyncio.to_thread(transfer, path, url, stop)
            break
        except _StoppedError:
            pass
    assert reached == sorted(set(reached))
    assert len(reached) > 10
    journal = await PostgresJournal.open(url)
    after = await _content(journal)
    await journal.close()
    assert after == before


class _StoppedError(Exception):
    """In the place of a kill after a transaction."""


async def test_rows_of_components_are_moved_and_what_is_not_is_said(tmp_path: Path, url: str) -> None:
    """Times of any form are times in UTC; tables of other programs stay where they are."""
    from components.automation.tables import AutomationDatabase

    path = tmp_path / "otto.db"
    await _fill(path)
    AutomationDatabase(path).prepare()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
    moved = await asyncio.to_thread(move_databases, f"sqlite:///{path}", url, lambda _, __: None)
    assert moved.left_out == ["theirs"]
    assert database_rows(url, "SELECT title, created_at::text FROM tasks") == [("제목", "2027-01-31 03:00:00")]
    assert database_rows(url, "SELECT queue_id, message FROM task_logs") == [(7, "NUL \ufffd")]
    assert database_rows(
        url, "INSERT INTO task_queue (task_id, queue_type, status) VALUES ('t', 'video', 'failed') RETURNING id"
    ) == [(8,)]


async def test_what_cannot_be_moved_is_refused_in_one_sentence(tmp_path: Path, url: str) -> None:
    """A source that is missing or in use, a target that has something else, URLs the wrong way round."""
    path = tmp_path / "otto.db"
    nothing = lambda _, __: None  # noqa: E731
    with pytest.raises(DatabaseError, match="there is no database"):
        await asyncio.to_thread(move_databases, f"sqlite:///{path}", url, nothing)
    with pytest.raises(DatabaseError, match="--from sqlite"):
        await asyncio.to_thread(move_databases, url, f"sqlite:///{path}", nothing)
    journal = await SqliteJournal.open(path)
    with pytest.raises(DatabaseInUseError, match="a gateway is running"):
        await asyncio.to_thread(move_databases, f"sqlite:///{path}", url, nothing)
    await journal.append(batch("a", task="t"))
    await journal.close()
    await (await PostgresJournal.open(url)).close()
    with pytest.raises(DatabaseError, match="has rows in journal_lives already: make an empty schema"):
        await asyncio.to_thread(move_databases, f"sqlite:///{path}", url, nothing)
