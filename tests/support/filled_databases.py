"""A journal and its polling tables with a bit of everything in them, made by the real parts and closed again."""

import time
from pathlib import Path

from filters.entry import LogEntry
from storage.journal.interface import LineBatch, ProducerNumber, TaskEnding, WorkerReport
from storage.journal.sqlite import SqliteJournal
from storage.polling import ClosingRows, PollingSink, PollingTable, RowImporter, TableRows
from tests.support.job_logs import SCHEMA, sqlite
from tests.support.waiting import attempts, until

__all__ = ["BASE", "fill"]

BASE = "2025-01-02T03:04:05.000000000Z"


def _batch(task: str, first: int, count: int, number: int) -> LineBatch:
    levels = ("INFO", "WARN", "ERROR")
    entries = [
        LogEntry(task, "w", 0, BASE, levels[index % 3], "stdout", f"line {index} of {task} " + "x" * (index % 50))
        for index in range(first, first + count)
    ]
    return LineBatch(task, "w", entries, 100 * count, time.monotonic(), ProducerNumber("p", number))


async def fill(journal_path: Path, polling_path: Path, *, rounds: int = 3, lines: int = 20) -> None:
    """Three tasks of ``rounds`` × ``lines`` lines each, rows of an old program in between, an end of each kind."""
    sqlite(polling_path, SCHEMA + "INSERT INTO job_logs (job_id, log_message) VALUES ('old', 'from before');")
    journal = await SqliteJournal.open(journal_path, durability="process")
    table = await PollingTable.open(polling_path)
    sink = PollingSink(
        *(journal, table),
        table_rows=TableRows.NEW,
        closing_rows=ClosingRows.ALWAYS,
        closing_delay_seconds=0,
        linger_seconds=0.001,
    )
    watcher = RowImporter(journal, table, interval_seconds=0.005)
    journal.set_commit_listener(lambda _: sink.wake())
    await sink.start()
    await until(lambda: sqlite(polling_path, "SELECT 1 FROM otto_table_watch"), "the watch is set")
    watcher.start()
    number = 0
    for index in range(rounds):
        for task in ("a", "b", "c"):
            number += 1
            await journal.append(_batch(task, index * lines + 1, lines, number))
        await until(lambda: not sink.statistics.lag_records, "all is copied")
        sqlite(polling_path, f"INSERT INTO job_logs (job_id, log_message) VALUES ('old', 'row {index}')")
        async for _ in attempts("the row is taken over"):
            if watcher.statistics.rows == index + 1:
                break
    await journal.append(WorkerReport("a", "w", "COMPLETED", BASE))
    await journal.append(TaskEnding("b", True, BASE, "boom"))
    await watcher.close()
    await sink.close()
    await table.close()
    await journal.close()
