"""Copying the journal into job_logs."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from filters.entry import LogEntry
from storage.errors import StorageUnavailableError
from storage.journal.interface import Ancestor, DamagedLines, LineBatch, Record, WorkerReport
from storage.journal.sqlite import SqliteJournal
from storage.polling import ClosingRows, PollingSink, PollingTable
from storage.polling.epoch_handover import IDS_SKIPPED
from tests.support.job_logs import SCHEMA, messages, rows, sqlite
from tests.support.record_list import FIRST_SECOND, RecordList
from tests.support.waiting import WAIT_SECONDS_MAX, until


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[PollingTable]:
    opened = await PollingTable.open(tmp_path / "polling.db")
    yield opened
    await opened.close()


async def _copy(journal: RecordList, table: PollingTable, **settings: object) -> PollingSink:
    """Start a sink, let it copy everything, and stop it."""
    sink = PollingSink(journal, table, **settings)  # type: ignore[arg-type]
    await sink.start()
    await sink.close()
    return sink


async def test_every_line_is_a_row_in_the_tasks_order(table: PollingTable) -> None:
    """Job id, message and time are those of the entry; the time is written as SQLite writes it."""
    journal = RecordList()
    journal.add("build", "한국어 \x1b[1mbold\x1b[0m", "b", timestamp="2025-01-02T23:59:59.999999999Z")
    journal.add("other", "x")
    journal.add("build", "c")
    await _copy(journal, table)
    assert messages(table.path, "build") == ["한국어 \x1b[1mbold\x1b[0m", "b", "c"]
    assert rows(table.path, "build")[0] == {
        "id": 1,
        "job_id": "build",
        "log_message": "한국어 \x1b[1mbold\x1b[0m",
        "created_at": "2025-01-02 23:59:59",
    }


async def test_what_comes_later_is_copied_when_woken(table: PollingTable) -> None:
    """A running sink continues as long as there are records, and reads no more often than it must."""
    journal = RecordList()
    sink = PollingSink(journal, table, linger_seconds=0.001)
    await sink.start()
    for number in range(50):
        journal.add("t", f"{number}")
        sink.wake()
    await until(lambda: sink.statistics.rows == 50, "all is copied")
    assert sink.statistics.lag_records == 0
    assert journal.reads < 10
    await sink.close()
    await sink.close()
    assert messages(table.path, "t") == [str(number) for number in range(50)]


async def test_commits_one_after_the_other_share_a_transaction(table: PollingTable) -> None:
    """After a copy that reached the end, the next one waits: a steady flow of commits costs few transactions."""
    journal = RecordList()
    sink = PollingSink(journal, table, linger_seconds=WAIT_SECONDS_MAX)
    journal.add("t", "first")
    await sink.start()
    await until(lambda: sink.statistics.rows == 1, "the first line is copied")
    before, reads = sink.statistics.transactions, journal.reads
    for number in range(10):
        journal.add("t", f"{number}")
        sink.wake()
        await asyncio.sleep(0)
    assert journal.reads == reads
    await sink.close()
    assert sink.statistics.rows == 11
    assert sink.statistics.transactions == before + 1


async def test_a_second_life_goes_on_where_the_first_ended(table: PollingTable) -> None:
    """Nothing is copied twice, nothing is left out."""
    journal = RecordList()
    journal.add("t", "1", "2")
    await _copy(journal, table)
    journal.add("t", "3")
    assert (await _copy(journal, table)).statistics.rows == 1
    assert messages(table.path, "t") == ["1", "2", "3"]


async def test_another_epoch_starts_over_and_the_first_one_is_remembered(table: PollingTable) -> None:
    """A recreated journal is copied from its beginning; two journals never take each other's progress for their own."""
    first, second = RecordList("0000000a"), RecordList("0000000b")
    first.add("t", "a1")
    second.add("t", "b1")
    for journal in (first, second, first, second):
        await _copy(journal, table)
    assert messages(table.path, "t") == ["a1", "b1"]


async def test_a_journal_that_lost_its_end_gets_its_new_lines_copied(table: PollingTable) -> None:
    """After a backup was put back, numbers are given out a second time, for other lines."""
    journal = RecordList()
    for message in ("1", "2", "3"):
        journal.add("t", message)
    await _copy(journal, table)
    del journal.all[1:]
    sink = PollingSink(journal, table)
    await sink.start()
    await until(lambda: sink.statistics.record == 1, "record 1 is copied")
    journal.add("t", "new 2")
    await sink.close()
    assert messages(table.path, "t") == ["1", "2", "3", "new 2"]


async def test_a_journal_that_went_back_in_time_is_copied_on_from_there(table: PollingTable) -> None:
    """Its new epoch continues from the old one's progress: no row again, none left out, and no id a second time."""
    journal = RecordList("0000000a")
    for message in ("1", "2", "3"):
        journal.add("t", message)
    await _copy(journal, table)
    del journal.all[2:]
    journal.epoch = "0000000b"
    journal.add("t", "new 3")
    await _copy(journal, table, lineage=[Ancestor("0000000b", 2), Ancestor("0000000a", 2)])
    assert messages(table.path, "t") == ["1", "2", "3", "new 3"]
    assert rows(table.path, "t")[-1]["id"] > IDS_SKIPPED


async def test_an_ancestor_that_was_not_copied_to_its_end_is_copied_on(table: PollingTable) -> None:
    """What the table has of it is what counts, closing rows that wait included."""
    journal = RecordList("0000000a")
    journal.add("t", "1")
    await _copy(journal, table)
    sqlite(table.path, "INSERT INTO otto_sink_closings VALUES ('0000000a', 't', 'bye', '2025-01-01 00:00:00')")
    journal.add("u", "2")
    journal.epoch = "0000000b"
    await _copy(journal, table, lineage=[Ancestor("0000000a", 2)])
    assert messages(table.path, "t") == ["1", "bye"]
    assert messages(table.path, "u") == ["2"]


async def test_damaged_lines_get_a_row_that_says_so(table: PollingTable) -> None:
    """The copy continues after them, and the table does not look whole."""
    journal = RecordList()
    journal.add("t", "1")
    journal.all.append(Record(2, "t", 2, damaged=DamagedLines(2, 9, "their checksum does not match")))
    journal.all.append(Record(3, "t", 0, damaged=DamagedLines(10, 9, "its end")))
    journal.add("t", "10")
    sink = await _copy(journal, table)
    marker = "⚠️ otto-gateway: lines 2 to 9 are damaged on the disk and missing here (their checksum does not match)"
    assert messages(table.path, "t") == ["1", marker, "10"]
    assert sink.statistics.damaged_records == 2
    assert (await _copy(journal, table)).statistics.rows == 0


async def test_two_sinks_of_one_journal_write_every_line_once(table: PollingTable) -> None:
    """While one gateway takes over from another, both may copy for a moment."""
    journal = RecordList()
    for number in range(60):
        journal.add("t", *(f"{number}.{index}" for index in range(50)))
    sinks = [PollingSink(journal, table, rows_max=20) for _ in range(2)]
    for sink in sinks:
        await sink.start()
    await asyncio.gather(*(sink.close() for sink in sinks))
    assert sum(sink.statistics.rows for sink in sinks) == 3000
    assert messages(table.path, "t") == [f"{number}.{index}" for number in range(60) for index in range(50)]


async def test_what_was_committed_before_the_end_is_copied(table: PollingTable) -> None:
    """Also if the last read has found nothing a moment before."""

    class Late(RecordList):
        async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
            found = await super().records(after, bytes_max=bytes_max)
            if not self.all:
                self.add("t", "a")
                closing.append(asyncio.create_task(sink.close()))
                await asyncio.sleep(0)
            return found

    closing: list[asyncio.Task[None]] = []
    sink = PollingSink(Late(), table)
    await sink.start()
    await until(lambda: bool(closing), "a closing row is written")
    await closing[0]
    assert messages(table.path, "t") == ["a"]


async def test_the_tables_may_be_in_the_journals_own_file(tmp_path: Path) -> None:
    """The sink writes between the journal's commits, and neither gets in the other's way."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path)
    table = await PollingTable.open(path)
    sink = PollingSink(journal, table, rows_max=20, linger_seconds=0)
    journal.set_commit_listener(lambda _: sink.wake())
    await sink.start()
    for number in range(200):
        entries = [LogEntry("t", "w", 0, FIRST_SECOND, "INFO", "stdout", f"{number}.{index}") for index in range(10)]
        await journal.append(LineBatch("t", "w", entries, 1000, time.monotonic()))
    await journal.append(WorkerReport("t", "w", "FAILED", FIRST_SECOND, "exit code 3"))
    await sink.close()
    assert sink.statistics.lag_records == 0
    assert sink.statistics.failures == 0
    await table.close()
    await journal.close()
    expected = [f"{number}.{index}" for number in range(200) for index in range(10)]
    assert messages(path, "t") == [*expected, "❌ 오류: exit code 3"]


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_other_programs_read_and_write_meanwhile(tmp_path: Path, mode: str) -> None:
    """An existing table with rows keeps them; the command line inserts and reads while the sink writes."""
    database = tmp_path / "old.db"
    sqlite(database, f"PRAGMA journal_mode = {mode}; {SCHEMA}")
    sqlite(database, "INSERT INTO job_logs (job_id, log_message) VALUES ('task-0', 'from before')")
    journal = RecordList()
    for number in range(400):
        journal.add("task-0", *(f"{number}.{index}" for index in range(20)))
    table = await PollingTable.open(database)
    sink = PollingSink(journal, table, rows_max=40)
    await sink.start()
    for number in range(5):
        insert = (
            f"INSERT INTO job_logs (job_id, log_message, created_at) VALUES ('task-0', 'mine {number}', datetime())"
        )
        await asyncio.to_thread(sqlite, database, insert)
        assert "from before" in await asyncio.to_thread(messages, database, "task-0")
    await sink.close()
    await table.close()
    found = messages(database, "task-0")
    assert [text for text in found if text.startswith("mine")] == [f"mine {number}" for number in range(5)]
    expected = [f"{number}.{index}" for number in range(400) for index in range(20)]
    assert [text for text in found if not text.startswith(("mine", "from"))] == expected


async def test_a_foreign_lock_delays_and_loses_nothing(table: PollingTable) -> None:
    """The error is shown while it lasts and gone afterwards; the rows follow, once."""
    other = sqlite3.connect(table.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = RecordList()
    journal.add("t", "1", "2")
    sink = PollingSink(journal, table)
    await sink.start()
    await until(lambda: sink.statistics.failures == 1, "the sink has failed once")
    assert sink.statistics.error == ""  # a short lock is no news
    await until(lambda: "locked by another program" in sink.statistics.error, "the lock is told")
    assert sink.statistics.lag_records == 1
    other.execute("ROLLBACK")
    other.close()
    await until(lambda: sink.statistics.rows == 2 and not sink.statistics.error, "all is copied")
    assert "locked" in sink.statistics.last_error
    await sink.close()
    assert messages(table.path, "t") == ["1", "2"]


async def test_closing_under_a_lock_is_bounded_and_the_rest_follows_at_the_next_start(table: PollingTable) -> None:
    """A stopped gateway waits for nobody; its next life copies what is left."""
    other = sqlite3.connect(table.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = RecordList()
    journal.add("t", "1")
    sink = PollingSink(journal, table)
    await sink.start()
    await sink.close(timeout_seconds=0.05)
    assert not sink.statistics.is_running
    other.execute("ROLLBACK")
    other.close()
    await _copy(journal, table)
    assert messages(table.path, "t") == ["1"]


async def test_a_full_disk_delays_and_loses_nothing(table: PollingTable) -> None:
    """Once there is room again, everything follows."""
    journal = RecordList()
    journal.add("t", *("x" * 4000 for _ in range(300)))
    sink = PollingSink(journal, table, rows_max=50)
    connect = table.connect

    def connect_full(**settings: float) -> sqlite3.Connection:
        connection = connect(**settings)
        connection.execute("PRAGMA max_page_count = 60")
        return connection

    table.connect = connect_full  # type: ignore[method-assign, assignment]
    await sink.start()
    await until(lambda: "the disk is full" in sink.statistics.error, "the full disk is told")
    table.connect = connect  # type: ignore[method-assign]
    await sink.close()
    assert len(messages(table.path, "t")) == 300
    assert sink.statistics.error == ""


async def test_a_table_dropped_or_a_file_replaced_is_made_anew(table: PollingTable) -> None:
    """Nobody has to restart the gateway: a dropped table comes back, and a new file gets everything."""
    journal = RecordList()
    journal.add("t", "1")
    sink = PollingSink(journal, table, linger_seconds=0)
    await sink.start()
    await until(lambda: sink.statistics.record == 1, "record 1 is copied")
    sqlite(table.path, "DROP TABLE job_logs")
    journal.add("t", "2")
    sink.wake()
    await until(lambda: sink.statistics.record == 2, "record 2 is copied")
    assert messages(table.path, "t") == ["2"]
    for suffix in ("", "-wal", "-shm"):
        Path(f"{table.path}{suffix}").unlink(missing_ok=True)
    journal.add("t", "3")
    sink.wake()
    await until(lambda: sink.statistics.record == 3, "record 3 is copied")
    await sink.close()
    assert messages(table.path, "t") == ["1", "2", "3"]


async def test_a_journal_that_cannot_be_read_is_read_again(table: PollingTable) -> None:
    """Its error is the sink's error for as long as it lasts."""
    journal = RecordList()
    journal.add("t", "1")
    journal.error = StorageUnavailableError("the journal is locked")
    sink = PollingSink(journal, table)
    await sink.start()
    await until(lambda: sink.statistics.error == "the journal is locked", "the locked journal is told")
    journal.error = None
    await sink.close()
    assert messages(table.path, "t") == ["1"]


async def test_an_end_is_closed_once_and_each_life_of_a_task_has_its_own(table: PollingTable) -> None:
    """The row comes after the last line; a task that was opened again gets another one after its new lines."""
    journal = RecordList()
    journal.add("t", "1")
    journal.end("t")
    journal.end("t")
    await _copy(journal, table, closing_delay_seconds=0)
    assert messages(table.path, "t") == ["1", "🎉 작업 완료"]
    assert rows(table.path, "t")[1]["created_at"] == "2025-01-02 03:04:09"
    journal.add("t", "2")
    journal.end("t", "FAILED", "exit code 1")
    journal.end("t", "FAILED", "exit code 1")
    journal.end("native", through_status=False)
    sink = await _copy(journal, table, closing_delay_seconds=0)
    assert messages(table.path, "t") == ["1", "🎉 작업 완료", "2", "❌ 오류: exit code 1"]
    assert sink.statistics.closing_rows == 1
    assert messages(table.path, "native") == []


async def test_lines_overtaken_by_a_status_stand_before_the_closing_row(table: PollingTable) -> None:
    """The row waits until the task has been quiet, and a kill in between does not lose it."""
    journal = RecordList()
    journal.add("t", "1")
    journal.end("t")
    sink = PollingSink(journal, table, closing_delay_seconds=60, linger_seconds=0)
    await sink.start()
    await until(lambda: sink.statistics.record == 2, "record 2 is copied")
    await sink.close(timeout_seconds=0)  # as a kill would
    journal.add("t", "2")
    journal.end("t", "FAILED")
    journal.end("u")
    sink = PollingSink(journal, table, closing_delay_seconds=60, linger_seconds=0)
    await sink.start()
    await until(lambda: sink.statistics.record == 5, "record 5 is copied")
    assert messages(table.path, "t") == ["1", "2"]
    await sink.close(timeout_seconds=0)
    sink = PollingSink(journal, table, closing_delay_seconds=0.05)
    await sink.start()
    await until(lambda: sink.statistics.closing_rows == 2, "both closing rows are written")
    await sink.close()
    assert messages(table.path, "t") == ["1", "2", "❌ 오류: FAILED"]
    assert messages(table.path, "u") == ["🎉 작업 완료"]


async def test_what_waits_is_written_when_the_sink_closes(table: PollingTable) -> None:
    """A UI must not poll on because the gateway was stopped."""
    journal = RecordList()
    journal.end("t")
    await _copy(journal, table, closing_delay_seconds=3600)
    assert messages(table.path, "t") == ["🎉 작업 완료"]


async def test_rows_of_other_programs_count_as_the_last_message(table: PollingTable) -> None:
    """A program that says so itself, in the table, spares the closing row."""
    sqlite(table.path, "INSERT INTO job_logs (job_id, log_message) VALUES ('t', '🎉 작업 완료')")
    journal = RecordList()
    journal.end("t")
    await _copy(journal, table, closing_rows=ClosingRows.ALWAYS)
    assert messages(table.path, "t") == ["🎉 작업 완료"]
