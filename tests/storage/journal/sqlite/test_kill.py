"""A process killed in the middle of a stream."""

import asyncio
import random
from pathlib import Path

import pytest

from filters.entry import decode_lines
from storage.journal.sqlite import SqliteJournal
from tests.support.forked_process import KILL, forked
from tests.support.journal_items import messages
from tests.support.journal_process import lines_of


async def run_until_killed(path: Path, first: int, acknowledgements: int) -> int:
    """Kill the process after so many acknowledgements; the last one that it gave."""
    process = await asyncio.create_subprocess_exec(
        *forked("-m", "tests.support.journal_process", path, str(first)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )
    assert process.stdout is not None
    for _ in range(acknowledgements):
        last = await process.stdout.readline()
    process.send_signal(KILL)
    rest = (await process.stdout.read()).split(b"\n")[:-1]
    assert await process.wait() == -9
    return int(rest[-1] if rest else last)


@pytest.mark.slow
async def test_killed_anywhere_nothing_acknowledged_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    """`kill -9`, then the producer continues a few numbers before the last one that it knows to be stored."""
    path = tmp_path / "otto.db"
    acknowledged = 0
    for _ in range(4):
        acknowledged = await run_until_killed(path, max(1, acknowledged - 3), random.randrange(1, 300))
        journal = await SqliteJournal.open(path)
        stored = await journal.last_number("p")
        assert stored >= acknowledged
        expected = [line for value in range(1, stored + 1) for line in lines_of(value)]
        assert await messages(journal) == expected
        records = [record for record in await journal.records(0, bytes_max=1 << 30) if record.lines]
        assert [entry.message for record in records for entry in decode_lines(record.lines)] == expected[
            : sum(len(record.lines) for record in records)
        ]
        await journal.close()
        acknowledged = stored
