import asyncio
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from filters.matching import Matcher
from filters.model import LogFilter
from storage.errors import StorageClosedError, StorageError
from storage.journal.interface import DamagedLines, Record
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, messages, report
from tests.support.waiting import WAIT_SECONDS_MAX

ERRORS = Matcher(LogFilter(levels=("ERROR",)))
SEVEN = Matcher(LogFilter(keywords=("line 7",)))


def change(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "otto.db", isolation_level=None)) as other:
        assert other.execute(statement).rowcount == 1


async def fill(journal: SqliteJournal, chunks: int = 3, lines: int = 100) -> list[str]:
    texts = [f"line {n}" for n in range(chunks * lines)]
    for start in range(0, len(texts), lines):
        await journal.append(batch(*texts[start : start + lines]))
    return texts


@pytest.mark.parametrize(
    "damage",
    [
        "payload = zeroblob(length(payload))",
        "payload = substr(payload, 1, 10)",
        "checksum = checksum + 1",
        "raw_size = raw_size + 1",
        "codec = 0",
        "last_sequence = 201",
    ],
)
async def test_damage_is_told_and_passed_over(
    journal: SqliteJournal, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """Nothing that is not what was written is ever given out, the lines are named, and what is whole is still read."""
    texts = await fill(journal)
    change(tmp_path, f"UPDATE journal_records SET {damage} WHERE first_sequence = 101")
    last = 201 if "last" in damage else 200
    for matcher, after in ((Matcher(), 0), (Matcher(), 100), (SEVEN, 100), (SEVEN, 150)):
        before = await journal.read("build", after, 300, matcher, lines_max=100, bytes_max=1 << 20)
        assert before.end == (100 if after < 100 else last)
        behind = await journal.read("build", max(after, 100), 300, matcher, lines_max=100, bytes_max=1 << 20)
        assert (behind.start, behind.end, list(behind.lines), behind.is_damaged) == (last, last, [], True)
    assert await journal.tail_start("build", 11, 300, SEVEN) == 7
    assert await messages(journal, after=last) == texts[last:]
    assert journal.statistics.damaged_records == 1
    assert [record.message for record in caplog.records] == ["stored lines are damaged"]


async def test_a_damaged_record_is_told_to_sinks(journal: SqliteJournal, tmp_path: Path) -> None:
    """They continue after it; the end of a task is stored a second time with the task."""
    await fill(journal)
    await journal.append(report("FAILED", reason="no space"))
    change(tmp_path, "UPDATE journal_records SET payload = zeroblob(length(payload)) WHERE first_sequence = 101")
    change(tmp_path, "UPDATE journal_records SET payload = zeroblob(length(payload)) WHERE kind = 1")
    records = await journal.records(1, bytes_max=1 << 20)
    assert records[0] == Record(2, "build", 101, damaged=DamagedLines(101, 200, "their checksum does not match"))
    assert len(records[1].lines) == 100
    assert records[2].ended == (await journal.task_state("build")).ended is not None
    await journal.append(batch("late"))
    reopened = (await journal.records(3, bytes_max=1 << 20))[0].damaged
    assert reopened is not None
    assert reopened.first > reopened.last


@pytest.mark.parametrize("first", [1, 101, 201])
async def test_a_missing_chunk_is_told(journal: SqliteJournal, tmp_path: Path, first: int) -> None:
    """A hole that retention did not make is never passed over in silence."""
    await fill(journal)
    change(tmp_path, f"DELETE FROM journal_records WHERE first_sequence = {first}")
    found = await journal.read("build", first - 1, 300, Matcher(), lines_max=1000, bytes_max=1 << 20)
    assert (found.start, found.end, found.is_damaged) == (first + 99, first + 99, True)
    assert journal.statistics.damaged_records == 1


async def test_where_retention_removed_lines_a_read_starts_later(journal: SqliteJournal, tmp_path: Path) -> None:
    """The difference is what a subscriber is told as a gap."""
    await fill(journal)
    change(tmp_path, "DELETE FROM journal_records WHERE first_sequence = 1")
    change(tmp_path, "UPDATE journal_tasks SET first_sequence = 101")
    assert (await journal.task_state("build")).first == 101
    selection = await journal.read("build", 0, 300, Matcher(), lines_max=10, bytes_max=1 << 20)
    assert (selection.start, selection.end, selection.sequences) == (100, 110, range(101, 111))
    selection = await journal.read("build", 0, 50, Matcher(), lines_max=10, bytes_max=1 << 20)
    assert (selection.start, selection.end, list(selection.lines)) == (50, 50, [])
    assert await journal.tail_start("build", 1000, 300, Matcher()) == 100
    assert await journal.tail_start("build", 1000, 300, SEVEN) == 100


async def test_a_reader_is_never_led_beyond_what_is_stored(journal: SqliteJournal) -> None:
    """Anyone who asks for more than there is does not miss the lines that come later."""
    await fill(journal, 1)
    for matcher in (Matcher(), ERRORS):
        selection = await journal.read("build", 0, 999, matcher, lines_max=1000, bytes_max=1 << 20)
        assert selection.end == 100
        selection = await journal.read("build", 100, 999, matcher, lines_max=1000, bytes_max=1 << 20)
        assert (selection.start, selection.end) == (100, 100)


async def test_a_filter_opens_only_chunks_that_may_match(journal: SqliteJournal, tmp_path: Path) -> None:
    """Level and time are looked up beside the chunk: a damaged one that cannot match does no harm."""
    await fill(journal)
    await journal.append(batch("late", level="ERROR", at="2026-02-01T00:00:00.000000000Z"))
    change(tmp_path, "UPDATE journal_records SET checksum = 0 WHERE first_sequence = 101")
    assert await messages(journal, matcher=ERRORS) == ["late"]
    assert await messages(journal, matcher=Matcher(LogFilter(start_time="2026-01-15T00:00:00.000000000Z"))) == ["late"]
    assert await journal.tail_start("build", 1, 301, ERRORS) == 300


async def test_a_large_task_is_read_whole(journal: SqliteJournal) -> None:
    """Chunks of 8,192 lines, read in pages of every size, give what went in."""
    texts = [f"{n} {'x' * (n % 300)}" for n in range(30_000)]
    await asyncio.gather(*[journal.append(batch(*texts[n : n + 10_000])) for n in range(0, 30_000, 10_000)])
    for lines_max in (1000, 7777, 100_000):
        assert await messages(journal, lines_max=lines_max) == texts
    wanted = Matcher(LogFilter(keywords=("99 ",)))
    expected = [text for text in texts if "99 " in text]
    assert await messages(journal, matcher=wanted, lines_max=50) == expected
    start = await journal.tail_start("build", 100, 30_000, wanted)
    assert await messages(journal, matcher=wanted, after=start) == expected[-100:]


async def test_a_long_search_goes_in_steps(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that nothing matches does not keep a reader's thread, and gets there all the same."""
    monkeypatch.setattr("storage.journal.reader.CHUNKS_MAX", 2)
    monkeypatch.setattr("storage.journal.read_page.CHUNKS_MAX", 2)
    texts = await fill(journal, chunks=9, lines=10)
    selection = await journal.read("build", 0, 90, ERRORS, lines_max=10, bytes_max=1 << 20)
    assert (selection.end, list(selection.lines)) == (20, [])
    assert await messages(journal, matcher=SEVEN) == [text for text in texts if "line 7" in text]
    assert await journal.tail_start("build", 11, 90, SEVEN) == 7
    assert await journal.tail_start("build", 12, 90, SEVEN) == 0


async def test_a_closed_journal_cannot_be_read(journal: SqliteJournal) -> None:
    """And says so, whatever is asked."""
    await journal.close()
    with pytest.raises(StorageClosedError):
        await journal.task_state("build")
    with pytest.raises(StorageError):
        await journal.records(0, bytes_max=1)


async def test_everyone_waits_for_the_end_of_closing(tmp_path: Path) -> None:
    """When ``close`` returns, to anyone who called it, the file is free."""
    journal = await SqliteJournal.open(tmp_path / "otto.db")
    journal.append(batch("a"))
    await asyncio.gather(journal.close(), journal.close())
    again = await SqliteJournal.open(tmp_path / "otto.db")
    await again.close()


class Holding(Matcher):
    """Matches nothing, and keeps its thread until ``release`` is set."""

    def __init__(self) -> None:
        super().__init__(LogFilter(keywords=("nothing",)))
        self.begun, self.release = threading.Semaphore(0), threading.Event()

    def may_match_text(self, text: bytes) -> bool:
        self.begun.release()
        assert self.release.wait(WAIT_SECONDS_MAX)
        return False


async def test_scans_hold_up_neither_lookups_nor_pages(journal: SqliteJournal) -> None:
    """However many there are: the state of a task, which is what readiness asks for, the end of a log, and a page."""
    texts = await fill(journal)
    holding = Holding()
    scan = partial(journal.read, "build", 0, 300, holding, lines_max=1, bytes_max=1)
    scans = [asyncio.create_task(scan()) for _ in range(10)]
    assert await asyncio.to_thread(holding.begun.acquire, timeout=WAIT_SECONDS_MAX)
    assert (await journal.task_state("build")).last == 300
    assert await journal.tail_start("build", 10, 300, Matcher()) == 290
    assert await messages(journal) == texts
    holding.release.set()
    await asyncio.gather(*scans)


async def test_a_scan_goes_in_slices(journal: SqliteJournal) -> None:
    """Whatever it finds, it lets others have their turn after some megabytes."""
    for _ in range(6):
        await journal.append(batch(*("x" * 1000 for _ in range(1000))))
    found = await journal.read("build", 0, 6000, SEVEN, lines_max=10, bytes_max=1 << 20)
    assert 0 < found.end <= 3000
