"""A process killed in the middle of the copy."""

import asyncio
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from storage.journal import Record
from storage.polling.closing import ClosingRows, closing_message
from tests.support.record_list import RecordList

SEED, RECORDS = 11, 120


def _expected(records: list[Record]) -> list[tuple[str, str]]:
    from filters.entry import decode_lines

    last: dict[str, str] = {}
    found = []
    for record in records:
        texts = [entry.message for entry in decode_lines(record.lines)] if record.lines else []
        if record.ended and (text := closing_message(ClosingRows.STATUS, record.ended, last.get(record.task_id))):
            texts.append(text)
        if texts:
            last[record.task_id] = texts[-1]
        found += [(record.task_id, text) for text in texts]
    return found


async def test_killed_anywhere_the_table_still_equals_the_journal(tmp_path: Path) -> None:
    """`kill -9` at random points, again and again: every line and every closing row is there once, in order."""
    database = tmp_path / "polling.db"
    source = random.Random(1)
    kills = 0
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.sink_process", str(database), str(SEED), str(RECORDS),
            stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readline()
        if kills < 6:
            await asyncio.sleep(source.random() * 0.04)
            process.kill()
            kills += 1
        rest = await process.stdout.read()
        await process.wait()
        if rest.startswith(b"copied"):
            break
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT job_id, log_message FROM job_logs ORDER BY id").fetchall()
    assert found == _expected(RecordList.generated(SEED, RECORDS).all)
    assert kills == 6 or len(found) > 1000
