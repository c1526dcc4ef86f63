"""Comparing job_logs with the journal."""

from pathlib import Path

from storage.polling import Comparison, PollingSink, PollingTable, compare
from tests.support.job_logs import sqlite
from tests.support.record_list import RecordList


async def test_lines_without_their_row_are_named(tmp_path: Path) -> None:
    """Rows of others are in nobody's way; a deleted, changed or exchanged row is."""
    journal = RecordList()
    journal.add("a", "1", "2", "2", "3")
    journal.add("b", "x")
    journal.end("a")
    table = await PollingTable.open(tmp_path / "a.db")
    sqlite(table.path, "INSERT INTO job_logs (job_id, log_message) VALUES ('a', '1'), ('b', 'y')")
    sink = PollingSink(journal, table)
    await sink.start()
    await sink.close()
    assert await compare(journal, table) == Comparison(lines=5, other_rows=3, missing=[])
    sqlite(table.path, "DELETE FROM job_logs WHERE id = (SELECT max(id) FROM job_logs WHERE log_message = '2')")
    sqlite(table.path, "UPDATE job_logs SET created_at = '2001-01-01 00:00:00' WHERE log_message = 'x'")
    found = await compare(journal, table)
    assert found.missing == ["task 'a', line 3", "task 'b', line 1"]
    assert not found.is_equal
    await table.close()
