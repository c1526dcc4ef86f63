"""The race of docs/architecture.md between the sink and other programs: the test forces every outcome."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from storage.polling import PollingSink, PollingTable
from tests.support.job_logs import messages
from tests.support.record_list import RecordList


@pytest.mark.parametrize("first", ["other program", "sink"])
async def test_sink_and_other_programs_inserts(tmp_path: Path, first: str) -> None:
    """Whoever has the write lock first has the lower id; both rows are there, once, in either order."""
    table = await PollingTable.open(tmp_path / "polling.db")
    journal = RecordList()
    journal.add("t", "ours")
    sink = PollingSink(journal, table)
    with sqlite3.connect(table.path, isolation_level=None) as other:
        if first == "other program":
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('t', 'theirs')")
        sink.start()
        async with asyncio.timeout(20):
            while not (sink.statistics.failures if first == "other program" else sink.statistics.rows):
                await asyncio.sleep(0.005)
        if first == "sink":
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('t', 'theirs')")
        other.execute("COMMIT")
    other.close()
    await sink.close()
    await table.close()
    assert messages(table.path, "t") == (["theirs", "ours"] if first == "other program" else ["ours", "theirs"])
