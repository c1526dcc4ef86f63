"""The race of docs/architecture.md between the sink and other programs: the test forces every outcome."""

import sqlite3
from pathlib import Path

import pytest

from storage.polling import PollingSink, PollingTable
from tests.support.job_logs import messages
from tests.support.record_list import RecordList
from tests.support.waiting import until


@pytest.mark.parametrize("first", ["other program", "sink"])
async def test_sink_and_other_programs_inserts(tmp_path: Path, first: str) -> None:
    """Anyone who has the write lock first has the lower id; both rows are there, once, in either order."""
    table = await PollingTable.open(tmp_path / "polling.db")
    journal = RecordList()
    journal.add("t", "ours")
    sink = PollingSink(journal, table)
    with sqlite3.connect(table.path, isolation_level=None) as other:
        if first == "other program":
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('t', 'theirs')")
        await sink.start()
        if first == "other program":
            await until(lambda: sink.statistics.failures, "the sink meets the lock")
        else:
            await until(lambda: sink.statistics.rows, "the sink's row is there")
        if first == "sink":
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('t', 'theirs')")
        other.execute("COMMIT")
    other.close()
    await sink.close()
    await table.close()
    assert messages(table.path, "t") == (["theirs", "ours"] if first == "other program" else ["ours", "theirs"])
