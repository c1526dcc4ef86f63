"""Each way in which a journal can be wrong is found, and said in the words of that way."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import DatabaseError
from storage.journal.chunks import pack
from storage.journal.sqlite.journal import SqliteJournal
from storage.polling import PollingTable
from storage.verification import Kind, verify
from tests.storage.verification.conftest import Databases
from tests.support.journal_items import entry


def test_a_sound_database_has_no_findings(databases: Databases) -> None:
    """Everything was looked at: lines, tasks, producers, rows, and lines that were rows of others."""
    report = databases.verify()
    assert databases.found(report) == {}
    assert report.notes == []
    assert (report.records, report.lines, report.tasks, report.producers) == (14, 183, 4, 2)
    assert (report.rows, report.foreign_lines, report.waiting_records) == (180, 3, 0)


async def test_a_database_without_a_line_has_no_findings(tmp_path: Path) -> None:
    """As a gateway leaves it that nobody has sent anything to."""
    journal = await SqliteJournal.open(tmp_path / "a.db")
    await journal.close()
    table = await PollingTable.open(tmp_path / "a.db")
    assert (await asyncio.to_thread(verify, tmp_path / "a.db", table)).findings.counts == {}


_SECOND = "(SELECT record_id FROM journal_records WHERE first_sequence = 21 AND kind = 0 ORDER BY record_id LIMIT 1)"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"UPDATE journal_records SET payload = zeroblob(9) WHERE record_id = {_SECOND}", {"chunk_damaged": 1}),
        (f"UPDATE journal_records SET checksum = checksum + 1 WHERE record_id = {_SECOND}", {"chunk_damaged": 1}),
        (f"UPDATE journal_records SET raw_size = raw_size + 1 WHERE record_id = {_SECOND}", {"chunk_damaged": 1}),
        (f"UPDATE journal_records SET codec = 1 - codec WHERE record_id = {_SECOND}", {"chunk_damaged": 1}),
        (f"UPDATE journal_records SET levels = 1 WHERE record_id = {_SECOND}", {"chunk_index_wrong": 1}),
        (f"UPDATE journal_records SET latest = '3' WHERE record_id = {_SECOND}", {"chunk_index_wrong": 1}),
        (f"UPDATE journal_records SET task_key = 99 WHERE record_id = {_SECOND}",
         {"record_wrong": 1, "line_wrong": 20, "sequence_missing": 20}),
        (f"DELETE FROM journal_records WHERE record_id = {_SECOND}", {"sequence_missing": 20}),
        ("UPDATE journal_tasks SET last_sequence = 55 WHERE task_id = 'c'", {"task_wrong": 5}),
        ("UPDATE journal_tasks SET last_sequence = 65 WHERE task_id = 'c'", {"sequence_missing": 5}),
        ("UPDATE journal_tasks SET end_status = 'FAILED' WHERE task_id = 'a'", {"task_wrong": 1}),
        ("UPDATE journal_tasks SET end_reason = 'none' WHERE task_id = 'b'", {"task_wrong": 1}),
        ("UPDATE journal_tasks SET end_status = 'COMPLETED' WHERE task_id = 'c'", {"task_wrong": 1}),
        ("DELETE FROM journal_tasks WHERE task_id = 'c'", {"record_wrong": 3, "line_wrong": 60}),
        ("UPDATE journal_records SET kind = 7 WHERE kind = 1 AND last_sequence = 60 AND task_key = 1",
         {"record_wrong": 1, "task_wrong": 1}),
        ("UPDATE journal_producers SET number = 0 WHERE producer_id = 'p'", {"producer_wrong": 1}),
        ("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'journal_records'", {"record_wrong": 1}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(databases: Databases, statement: str, expected: dict[str, int]) -> None:
    """The kind of the finding and the number of lines or records that it is about are exact."""
    databases.sql("journal", statement)
    report = databases.verify()
    rows = {"row_altered", "row_missing", "row_doubled", "progress_wrong"}
    assert {kind: count for kind, count in databases.found(report).items() if kind not in rows} == expected


def test_a_chunk_stored_twice_is_named_with_its_lines(databases: Databases) -> None:
    """A sequence belongs to one line."""
    columns = (
        "task_key, kind, first_sequence, last_sequence, levels, earliest, latest, codec, raw_size, checksum, payload"
    )
    databases.sql(
        "journal",
        f"INSERT INTO journal_records ({columns}) SELECT {columns} FROM journal_records WHERE record_id = {_SECOND}",
    )
    report = databases.verify()
    assert databases.found(report) == {"sequence_doubled": 20}
    assert report.findings.kept[Kind.SEQUENCE_DOUBLED][0].text.endswith("lines 21 to 40: they are stored twice")


def test_lines_that_are_no_entries_or_not_theirs_are_named(databases: Databases) -> None:
    """A chunk can be whole and yet hold what does not belong there."""
    (chunk,) = pack([entry("x", task="elsewhere")])
    with closing(sqlite3.connect(databases.journal)) as connection, connection:
        connection.execute(
            "UPDATE journal_records SET codec = 0, raw_size = ?, checksum = ?, payload = ?, first_sequence = 60, "
            "levels = ?, earliest = ?, latest = ? WHERE task_key = 3 AND last_sequence = 60 AND kind = 0",
            (chunk.raw_size, chunk.checksum, chunk.payload, chunk.levels, chunk.earliest, chunk.latest),
        )
    counts = databases.found(databases.verify())
    assert counts.pop("line_wrong") == 1
    assert counts.pop("sequence_missing") == 19
    assert set(counts) <= {"row_altered", "row_missing"}


def test_a_damaged_file_is_a_finding_and_not_an_error(databases: Databases) -> None:
    """Pages written over by something else: SQLite says so, and what can be read is still checked."""
    data = bytearray(databases.journal.read_bytes())
    page = int(databases.sql("journal", "SELECT rootpage FROM sqlite_master WHERE name = 'journal_records_by_task'"))
    size = int(databases.sql("journal", "PRAGMA page_size"))
    data[(page - 1) * size : page * size] = b"\x5a" * size
    databases.journal.write_bytes(data)
    assert databases.found(databases.verify())["file_damaged"] > 0


def test_what_is_no_journal_cannot_be_checked(databases: Databases) -> None:
    """That is another answer than findings."""
    with pytest.raises(DatabaseError, match="is no journal"):
        Databases(databases.polling, databases.polling).verify()
    databases.journal.write_bytes(b"not a database at all, and long enough to be looked at as one" * 20)
    with pytest.raises(DatabaseError, match="is not an SQLite database"):
        databases.verify()
    databases.journal.unlink()
    with pytest.raises(DatabaseError, match="does not exist"):
        databases.verify()
