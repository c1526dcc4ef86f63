"""Copying the journal into job_logs on PostgreSQL."""

import asyncpg
import pytest

from storage.journal.statistics import JournalStatistics
from storage.polling import PollingSink
from storage.polling.postgres_table import PostgresPollingTable
from tests.support.psql import messages, psql, rows
from tests.support.record_list import RecordList
from tests.support.waiting import until


def _sink(journal: RecordList, table: PostgresPollingTable, **settings: object) -> PollingSink:
    return PollingSink(journal, table, linger_seconds=0.001, closing_delay_seconds=0, **settings)  # type: ignore[arg-type]


async def _copy(journal: RecordList, table: PostgresPollingTable, **settings: object) -> PollingSink:
    """Start a sink, let it copy everything, and stop it."""
    sink = _sink(journal, table, **settings)
    await sink.start()
    await sink.close()
    assert not sink.statistics.error
    return sink


async def test_every_line_is_a_row_in_the_tasks_order(table: PostgresPollingTable, url: str) -> None:
    """As on SQLite, except that a NUL, which PostgreSQL does not take, is U+FFFD; an end has its closing row."""
    journal = RecordList()
    journal.add("build", "한국어 \x1b[1mbold\x1b[0m", "b\0c", timestamp="2025-01-02T23:59:59.999999999Z")
    journal.add("other", "x")
    journal.end("build")
    await _copy(journal, table)
    found = await rows(url, "build")
    assert [row["log_message"] for row in found] == ["한국어 \x1b[1mbold\x1b[0m", "b\ufffdc", "🎉 작업 완료"]
    assert found[0] == {
        "id": 1,
        "job_id": "build",
        "log_message": "한국어 \x1b[1mbold\x1b[0m",
        "created_at": "2025-01-02T23:59:59",
    }


async def test_a_second_life_continues_where_the_first_ended(table: PostgresPollingTable, url: str) -> None:
    """Its progress is stored in the transaction of the rows."""
    journal = RecordList()
    for number in range(3):
        journal.add("t", str(number))
        await _copy(journal, table)
    assert await messages(url, "t") == ["0", "1", "2"]


async def test_a_leader_that_has_not_followed_the_others_yet_copies_nothing_again(
    table: PostgresPollingTable, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is how far the journal is, not how far this gateway knows it."""
    journal = RecordList()
    journal.add("t", "0")
    journal.add("t", "1")
    await _copy(journal, table)
    monkeypatch.setattr(RecordList, "statistics", JournalStatistics(last_record=1))
    await _copy(journal, table)
    assert await messages(url, "t") == ["0", "1"]


async def test_sinks_whose_connections_are_cut_write_every_line_once(table: PostgresPollingTable, url: str) -> None:
    """Two gateways that both believe to lead, and a server that ends their connections at any time."""
    journal = RecordList()
    sinks = [_sink(journal, table, rows_max=7) for _ in range(2)]
    for sink in sinks:
        await sink.start()
    cutter = await asyncpg.connect(url)
    for number in range(40):
        journal.add("t", *(f"{number}.{index}" for index in range(10)))
        for sink in sinks:
            sink.wake()
        if number % 8 == 4:
            await cutter.execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE locktype = 'advisory' "
                "AND classid = hashtext('otto job_logs')::oid AND pid <> pg_backend_pid()"
            )
        await until(lambda wanted=number: max(s.statistics.record for s in sinks) > wanted - 5, "rows are written")
    await cutter.close()
    for sink in sinks:
        await sink.close()
    assert await messages(url, "t") == [f"{number}.{index}" for number in range(40) for index in range(10)]


async def test_a_gateway_that_does_not_lead_copies_nothing_and_knows_the_place(
    table: PostgresPollingTable, url: str
) -> None:
    """It takes over where the other one stopped."""
    journal = RecordList()
    leads = False
    journal.add("t", "1")
    other = _sink(journal, table, is_leader=lambda: leads)
    await other.start()
    assert await messages(url, "t") == []
    await _copy(journal, table)
    await until(lambda: other.statistics.record == 1, "the place is known")
    leads = True
    journal.add("t", "2")
    await until(lambda: other.statistics.record == 2, "it has taken over")
    await other.close()
    assert await messages(url, "t") == ["1", "2"]


async def test_a_table_that_was_dropped_is_made_anew(table: PostgresPollingTable, url: str) -> None:
    """What was copied before stays away; what comes is written."""
    journal = RecordList()
    journal.add("t", "1")
    await _copy(journal, table)
    await psql(url, "DROP TABLE job_logs")
    journal.add("t", "2")
    await _copy(journal, table)
    assert await messages(url, "t") == ["2"]
