"""A process with a journal and a sink: `python -m … JOURNAL POLLING fill` until killed, `… drain` to copy the rest.

It prints a line for each append that was stored.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from filters.entry import LogEntry
from filters.timestamps import now
from storage.journal.interface import LineBatch, TaskEnding, WorkerReport
from storage.journal.sqlite import SqliteJournal
from storage.polling import ClosingRows, PollingSink, PollingTable
from tests.support.waiting import WAIT_SECONDS_MAX


async def fill(journal: SqliteJournal) -> None:
    """Lines of three tasks, in runs of 1 to 300, with ends of both kinds among them."""
    source = random.Random()
    for number in range(1_000_000):
        task = f"task-{source.randrange(3)}"
        texts = [f"{number}.{index} \x1b[32m빌드\x1b[0m \0" for index in range(source.choice([1, 1, 2, 5, 50, 300]))]
        entries = [LogEntry(task, "w", 0, now(), "INFO", "stdout", text) for text in texts]
        stored = journal.append(LineBatch(task, "w", entries, 100 * len(entries), time.monotonic()))
        if source.random() < 0.1:
            stored = journal.append(WorkerReport(task, "w", source.choice(["COMPLETED", "FAILED"]), now()))
        elif source.random() < 0.05:
            stored = journal.append(TaskEnding(task, source.random() < 0.5, now(), f"number {number}"))
        await stored
        print(number, flush=True)


async def main(journal_path: str, polling_path: str, action: str) -> None:
    journal = await SqliteJournal.open(Path(journal_path), durability="process")
    table = await PollingTable.open(polling_path)
    sink = PollingSink(
        *(journal, table),
        rows_max=50,
        linger_seconds=0.001,
        closing_rows=ClosingRows.ALWAYS,
        closing_delay_seconds=0,  # with a delay it would depend on time which ends get a row
    )
    journal.set_commit_listener(lambda _: sink.wake())
    await sink.start()
    print("started", flush=True)
    if action == "fill":
        await fill(journal)
    await sink.close(timeout_seconds=WAIT_SECONDS_MAX)
    await table.close()
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
