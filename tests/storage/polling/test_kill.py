"""A process killed in the middle of the copy."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from filters.entry import decode_lines
from storage.journal.sqlite import SqliteJournal
from storage.polling.closing_rows import ClosingRows, closing_message, is_said
from tests.support.forked_process import KILL, forked


async def _rows_of(path: Path) -> AsyncIterator[tuple[str, str, str]]:
    """What the journal makes of the table: its lines, and closing rows where a task's last row does not say so."""
    journal = await SqliteJournal.open(path)
    after, last = 0, dict[str, str]()
    while records := await journal.records(after, bytes_max=1 << 20):
        for record in records:
            rows = [(entry.message, entry.timestamp) for entry in decode_lines(record.lines)] if record.lines else []
            if ended := record.ended:
                text = closing_message(ClosingRows.ALWAYS, ended)
                rows += [(text, ended.timestamp)] if text and not is_said(text, last.get(record.task_id)) else []
            for message, timestamp in rows:
                last[record.task_id] = message
                yield record.task_id, message, timestamp[:19].replace("T", " ")
        after = records[-1].id
    await journal.close()


async def _run(journal: Path, polling: Path, action: str, kill_after: int | None = None) -> None:
    process = await asyncio.create_subprocess_exec(
        *forked("-m", "tests.support.sink_process", journal, polling, action),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"
    if kill_after is not None:
        for _ in range(kill_after):
            await process.stdout.readline()
        process.send_signal(KILL)
    await process.stdout.read()
    assert await process.wait() == (0 if kill_after is None else -9)


@pytest.mark.slow
@pytest.mark.parametrize("polling", ["journal.db", "polling.db"])
async def test_killed_anywhere_the_table_still_equals_the_journal(tmp_path: Path, polling: str) -> None:
    """`kill -9` at random points, again and again: every line and every closing row is there once, in order."""
    source = random.Random()
    files = tmp_path / "journal.db", tmp_path / polling
    for _ in range(4):
        await _run(*files, "fill", kill_after=source.randrange(20, 200))
    await _run(*files, "drain")
    expected = [row async for row in _rows_of(files[0])]
    with closing(sqlite3.connect(files[1])) as connection:
        found = connection.execute("SELECT job_id, log_message, created_at FROM job_logs ORDER BY id").fetchall()
    assert len(expected) > 100
    assert found == expected
