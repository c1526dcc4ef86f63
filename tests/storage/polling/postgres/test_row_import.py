"""Rows that other programs insert on PostgreSQL become lines."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from filters.entry import decode_lines
from storage.journal.interface import Journal
from storage.polling import PollingSink, RowImporter, TableRows
from storage.polling.postgres_table import PostgresPollingTable
from tests.support.journal_items import batch
from tests.support.memory_journal import MemoryJournal
from tests.support.psql import messages, psql
from tests.support.waiting import attempts, until


class Pair:
    """A sink and a watcher on one table and one journal, as in the gateway."""

    def __init__(self, journal: Journal, table: PostgresPollingTable, url: str) -> None:
        self.journal = journal
        self._url = url
        self.sink = PollingSink(journal, table, table_rows=TableRows.NEW, linger_seconds=0.001, closing_delay_seconds=0)
        self.looks = 0
        self.watcher = RowImporter(journal, table, interval_seconds=0.005, is_leader=self._look)
        journal.set_commit_listener(lambda _: self.sink.wake())

    def _look(self) -> bool:
        self.looks += 1
        return True

    async def lines(self, task: str) -> list[str]:
        records = await self.journal.records(0, bytes_max=1 << 30)
        found = [entry for record in records if record.lines for entry in decode_lines(record.lines)]
        return [entry.message for entry in found if entry.task_id == task]

    async def settled(self) -> None:
        """Everything that is in the table has been looked at, and everything in the journal copied."""
        async for _ in attempts("table and journal agree"):
            high = int(await psql(self._url, "SELECT coalesce(max(id), 0) FROM job_logs"))
            if self.watcher.statistics.row >= high and not self.sink.statistics.lag_records:
                return


@contextlib.asynccontextmanager
async def watched(journal: Journal, table: PostgresPollingTable, url: str) -> AsyncIterator[Pair]:
    pair = Pair(journal, table, url)
    await pair.sink.start()
    pair.watcher.start()
    try:
        yield pair
    finally:
        await pair.watcher.close()
        await pair.sink.close()


async def test_neither_side_echoes_the_other(table: PostgresPollingTable, url: str) -> None:
    """Rows of ours are not taken over, lines from the table become no rows; a second life repeats nothing."""
    journal = MemoryJournal()
    for life in range(2):
        async with watched(journal, table, url) as pair:
            for number in range(5):
                pair.journal.append(batch(f"line {life}.{number}", task="job"))
                await psql(url, f"INSERT INTO job_logs (job_id, log_message) VALUES ('job', 'row {life}.{number}')")
            await pair.settled()
            lines, rows = await pair.lines("job"), await messages(url, "job")
    assert len(lines) == 20
    assert sorted(lines) == sorted(rows)


async def test_a_row_that_commits_late_is_neither_missed_nor_overtaken(table: PostgresPollingTable, url: str) -> None:
    """A transaction that has inserted and not committed holds up ids after its own: a poller would not see it later."""
    slow = await asyncpg.connect(url)
    async with watched(MemoryJournal(), table, url) as pair:
        async with slow.transaction():
            await slow.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('job', 'late')")
            await psql(url, "INSERT INTO job_logs (job_id, log_message) VALUES ('job', 'early')")
            await pair.journal.append(batch("line", task="job"))
            looks = pair.looks
            await until(lambda: pair.looks >= looks + 3, "the importer has looked twice, from beginning to end")
            assert await pair.lines("job") == ["line"]
            assert await messages(url, "job") == ["early"]
        await pair.settled()
        assert await pair.lines("job") == ["line", "late", "early"]
    await slow.close()
    assert await messages(url, "job") == ["late", "early", "line"]


async def test_a_table_made_anew_is_watched_from_its_beginning_on(table: PostgresPollingTable, url: str) -> None:
    """Ids that begin again are noticed; deleted rows alone are no new beginning."""
    async with watched(MemoryJournal(), table, url) as pair:
        await psql(url, "INSERT INTO job_logs (job_id, log_message) SELECT 'job', n FROM generate_series(0, 4) AS n")
        await pair.settled()
        await psql(url, "DELETE FROM job_logs")
        await psql(url, "INSERT INTO job_logs (job_id, log_message) VALUES ('job', '5')")
        await pair.settled()
        await psql(url, "TRUNCATE job_logs RESTART IDENTITY")
        async for _ in attempts("the watcher begins anew"):
            if pair.watcher.statistics.row == 0:
                break
        await psql(url, "INSERT INTO job_logs (job_id, log_message) VALUES ('job', 'fresh')")
        await pair.settled()
        assert await pair.lines("job") == ["0", "1", "2", "3", "4", "5", "fresh"]
