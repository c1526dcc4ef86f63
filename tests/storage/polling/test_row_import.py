"""Rows of other programs become lines."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from filters.entry import LogEntry, decode_lines
from storage.journal.interface import Journal, WorkerReport
from storage.polling import PollingSink, PollingTable, RowImporter, TableRows
from tests.support.job_logs import SCHEMA, messages, sqlite
from tests.support.journal_items import AT, batch
from tests.support.memory_journal import MemoryJournal
from tests.support.waiting import attempts, time_limit, until


class Pair:
    """A sink and a watcher on one table and one journal, as in the gateway."""

    def __init__(self, journal: Journal, table: PollingTable, rows: TableRows, **settings: Any) -> None:
        self.journal = journal
        self.table = table
        self.sink = PollingSink(journal, table, table_rows=rows, linger_seconds=0.001, closing_delay_seconds=0)
        self.watcher = RowImporter(journal, table, interval_seconds=0.005, **settings)

    async def entries(self, task: str) -> list[LogEntry]:
        records = await self.journal.records(0, bytes_max=1 << 30)
        return [entry for record in records if record.task_id == task for entry in _decoded(record.lines)]

    async def lines(self, task: str) -> list[str]:
        return [entry.message for entry in await self.entries(task)]

    async def settled(self) -> None:
        """Everything that is in the table has been looked at, and everything in the journal copied."""
        async for _ in attempts("table and journal agree"):
            high = int(sqlite(self.table.path, "SELECT coalesce(max(id), 0) FROM job_logs"))
            if self.watcher.statistics.row >= high and not self.sink.statistics.lag_records:
                return


def _decoded(lines: Any) -> list[LogEntry]:
    return decode_lines(lines) if lines else []


@contextlib.asynccontextmanager
async def watched(
    journal: Journal, path: Path, rows: TableRows = TableRows.NEW, **settings: Any
) -> AsyncIterator[Pair]:
    table = await PollingTable.open(path)
    pair = Pair(journal, table, rows, **settings)
    journal.set_commit_listener(lambda _: pair.sink.wake())
    await pair.sink.start()
    assert bool(sqlite(path, "SELECT 1 FROM otto_table_watch")) == (rows is not TableRows.OFF)
    pair.watcher.start()
    try:
        async with time_limit("the test ends"):
            yield pair
    finally:
        await pair.watcher.close()
        await pair.watcher.close()
        await pair.sink.close()
        await table.close()


def insert(path: Path, *rows: tuple[str, str], created_at: str = "2025-01-02 03:04:05") -> None:
    values = ", ".join(f"('{job}', '{message}', '{created_at}')" for job, message in rows)
    sqlite(path, f"INSERT INTO job_logs (job_id, log_message, created_at) VALUES {values}")


async def test_a_row_of_another_program_becomes_a_line_of_its_task(tmp_path: Path) -> None:
    """Its message, its time, the source ``table``, and the row it came from."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", ("job", "하나"), ("job", "two"), ("other", "x"), ("job", "3"))
        await pair.settled()
        entry, *_ = await pair.entries("job")
        assert entry == LogEntry(
            "job", "table", 1, "2025-01-02T03:04:05.000000000Z", "INFO", "table", "하나", entry.metadata
        )
        assert entry.metadata is not None
        assert re.fullmatch("[0-9a-f]{8}-1", entry.metadata["rowId"])
        assert (await pair.lines("job"), await pair.lines("other")) == (["하나", "two", "3"], ["x"])
        assert pair.watcher.statistics.rows == 4


async def test_rows_have_the_level_that_they_show(tmp_path: Path) -> None:
    """A row has no level of its own; a trace in the rows of one job is one event, between rows of others."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        for job, text in (("job", "panic: no"), ("other", "a"), ("job", "goroutine 1 [running]:"), ("job", "")):
            insert(tmp_path / "a.db", (job, text))
        await pair.settled()
        first, second, third = await pair.entries("job")

    assert (first.level, second.level, third.level) == ("FATAL", "FATAL", "INFO")
    assert second.metadata is not None
    assert second.metadata["eventLine"] == "2"


async def test_neither_side_echoes_the_other(tmp_path: Path) -> None:
    """Rows of ours are not taken over, lines from the table become no rows, whatever the order they come in."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        for number in range(20):
            pair.journal.append(batch(f"line {number}", f"more {number}", task="job"))
            insert(tmp_path / "a.db", ("job", f"row {number}"))
        await pair.settled()
        lines, rows = await pair.lines("job"), messages(tmp_path / "a.db", "job")
    assert len(lines) == len(rows) == 60
    assert sorted(lines) == sorted(rows)
    assert pair.watcher.statistics.rows == 20
    assert pair.sink.statistics.rows == 40


@pytest.mark.parametrize(("rows", "taken"), [(TableRows.NEW, ["new"]), (TableRows.ALL, ["old", "new"])])
async def test_rows_from_before_are_taken_over_where_it_is_set(
    tmp_path: Path, rows: TableRows, taken: list[str]
) -> None:
    """By default the rows of years do not become lines at the first start."""
    sqlite(tmp_path / "a.db", SCHEMA)
    insert(tmp_path / "a.db", ("job", "old"))
    async with watched(MemoryJournal(), tmp_path / "a.db", rows) as pair:
        insert(tmp_path / "a.db", ("job", "new"))
        await pair.settled()
        assert await pair.lines("job") == taken


async def test_a_second_life_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    """What was inserted while nobody watched is taken over; what was taken over is not again."""
    journal = MemoryJournal()
    for number in range(3):
        async with watched(journal, tmp_path / "a.db") as pair:
            insert(tmp_path / "a.db", ("job", f"{number}a"))
            journal.append(batch("line", task="job"))
            await pair.settled()
        insert(tmp_path / "a.db", ("job", f"{number}b"))
    assert [line for line in await pair.lines("job") if line != "line"] == ["0a", "0b", "1a", "1b", "2a"]


async def test_switched_off_and_on_again_it_begins_with_that_time(tmp_path: Path) -> None:
    """Nothing of the meantime is taken over, and rows of ours from then are still known as ours."""
    journal = MemoryJournal()
    async with watched(journal, tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", ("job", "first"))
        await pair.settled()
    async with watched(journal, tmp_path / "a.db", TableRows.OFF) as pair:
        insert(tmp_path / "a.db", ("job", "meanwhile"))
        await journal.append(batch("line", task="job"))
    async with watched(journal, tmp_path / "a.db", TableRows.ALL) as pair:
        insert(tmp_path / "a.db", ("job", "again"))
        await pair.settled()
        assert await pair.lines("job") == ["first", "line", "again"]


async def test_a_journal_that_cannot_store_gets_each_row_once_in_the_end(tmp_path: Path) -> None:
    """An append that fails is made again from where the journal really is."""
    journal = MemoryJournal()
    async with watched(journal, tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", ("job", "1"))
        await pair.settled()
        journal.failure = "the disk is full"
        insert(tmp_path / "a.db", ("job", "2"), ("other", "x"), ("job", "3"))
        await until(lambda: pair.watcher.statistics.failures > 0, "the watcher has failed")
        journal.failure = ""
        await pair.settled()
        assert await pair.lines("job") == ["1", "2", "3"]
        assert pair.watcher.statistics.error == ""


async def test_rows_that_can_be_no_line_are_counted_and_passed(tmp_path: Path) -> None:
    """No task has an empty name or control characters in it."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", ("", "of nobody"), ("a\nb", "x"), ("job", "good"))
        await pair.settled()
        assert await pair.lines("job") == ["good"]
        assert pair.watcher.statistics.unusable_rows == 2


async def test_awkward_rows_arrive(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, blobs, numbers, NUL and times of any kind; a long message is cut and marked."""
    async with watched(MemoryJournal(), tmp_path / "a.db", message_bytes_max=64) as pair:
        sqlite(
            tmp_path / "a.db",
            """INSERT INTO job_logs (job_id, log_message, created_at) VALUES
            ('job', CAST(x'61ff62' AS TEXT), '2025-01-02T03:04:05.5+09:00'), ('job', x'eab080', NULL),
            ('job', 42, 1700000000), ('job', 'a' || char(0) || 'b', '2025-01-02 03:04:05'),
            ('job', printf('%.*c', 63, 'x') || '가나', '2025-01-02 03:04:05')""",
        )
        await pair.settled()
        found = await pair.entries("job")
    assert [entry.message for entry in found] == ["a\ufffdb", "가", "42", "a\0b", "x" * 63]
    assert found[0].timestamp == "2025-01-01T18:04:05.500000000Z"
    assert found[2].metadata is not None
    assert found[2].metadata["timestamp"] == "1700000000"
    assert (found[4].truncated, found[4].original_size) == (True, 69)


async def test_a_row_behind_the_end_leaves_the_task_ended(tmp_path: Path) -> None:
    """An old program's own closing row comes after the worker's last status; no second one follows it."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", ("job", "🎉 작업 완료"))
        await pair.settled()
        await asyncio.gather(
            pair.journal.append(batch("line", task="job")),
            pair.journal.append(WorkerReport("job", "w1", "COMPLETED", AT)),
        )
        await pair.settled()
        insert(tmp_path / "a.db", ("job", "❗ 작업 완료, late"))
        await pair.settled()
        state = await pair.journal.task_state("job")
        assert state.ended is not None
        assert state.ended.last == state.last == 3
    assert messages(tmp_path / "a.db", "job") == ["🎉 작업 완료", "line", "🎉 작업 완료", "❗ 작업 완료, late"]


async def test_a_table_made_anew_is_watched_from_its_beginning_on(tmp_path: Path) -> None:
    """Ids that begin again are noticed; the first rows that are seen of it are where it continues."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", *[("job", str(number)) for number in range(5)])
        await pair.settled()
        sqlite(tmp_path / "a.db", f"DROP TABLE job_logs;{SCHEMA}")
        await until(lambda: pair.watcher.statistics.row == 0, "the watcher begins anew")
        insert(tmp_path / "a.db", ("job", "fresh"))
        await pair.settled()
        assert (await pair.lines("job"))[5:] == ["fresh"]


async def test_deleted_rows_are_no_new_beginning(tmp_path: Path) -> None:
    """The ids of deleted rows are not given again, and their lines stay."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        insert(tmp_path / "a.db", ("job", "1"), ("job", "2"))
        await pair.settled()
        watch = sqlite(tmp_path / "a.db", "SELECT * FROM otto_table_watch")
        sqlite(tmp_path / "a.db", "DELETE FROM job_logs")
        insert(tmp_path / "a.db", ("job", "3"))
        await pair.settled()
        assert await pair.lines("job") == ["1", "2", "3"]
        assert sqlite(tmp_path / "a.db", "SELECT * FROM otto_table_watch") == watch


async def test_the_account_of_copies_stays_small(tmp_path: Path) -> None:
    """Copies that follow each other are one stretch, and say where in the journal they begin."""
    async with watched(MemoryJournal(), tmp_path / "a.db") as pair:
        for number in range(30):
            await pair.journal.append(batch(str(number), task="job"))
        await pair.settled()
        insert(tmp_path / "a.db", ("job", "row"))
        await pair.settled()
        await pair.journal.append(batch("x", "y", task="job"))
        await pair.settled()
    found = json.loads(
        sqlite(
            tmp_path / "a.db",
            "SELECT json_group_array(json_array(first_id, last_id, record, line)) FROM otto_sink_rows",
        )
    )
    assert found == [[1, 30, 1, 0], [32, 33, 32, 0]]
