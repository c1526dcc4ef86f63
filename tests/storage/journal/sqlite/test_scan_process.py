"""Scans beside the gateway: another process answers what the reader of this one would."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from filters.expressions.canonical import with_text
from filters.matching import Matcher
from filters.model import LogFilter
from storage.journal.interface import Selection, TailStep
from storage.journal.reader import Reader
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch
from tests.support.sqlite_connections import scan_processes, writing_connection
from tests.support.waiting import attempts, until

SEVENS = Matcher(LogFilter(keywords=("7",)))


@pytest.fixture
async def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteJournal]:
    """A journal with 3,000 lines of which others scan."""
    monkeypatch.setattr("storage.journal.scan_process.FROM_SECONDS", 0.0)
    monkeypatch.setattr("storage.journal.scan_process.PAUSE_SECONDS", 0.0)
    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    for start in range(0, 3_000, 1_000):
        await journal.append(batch(*(f"{number} {'x' * 40}" for number in range(start, start + 1_000))))
    yield journal
    await journal.close()
    assert not scan_processes(journal).pids


async def scan(journal: SqliteJournal, matcher: Matcher = SEVENS) -> list[int]:
    selection = await journal.read("build", 0, 3_000, matcher, lines_max=3_000, bytes_max=1 << 20)
    return list(selection.sequences)


def find_nothing_here(patch: pytest.MonkeyPatch) -> None:
    """What this process would scan itself has no lines; those beside it have their own reader."""

    def read(_reader: Reader, _task: str, _after: int, upto: int, *_: object) -> Selection:
        return Selection(upto, upto, (), ())

    def tail_step(*_: object) -> TailStep:
        return TailStep(0, 0, is_done=True)

    patch.setattr(Reader, "read", read)
    patch.setattr(Reader, "tail_step", tail_step)


async def settled(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What a scan finds, once a process does it: nothing would be found here then."""
    expected = await scan(journal)
    with monkeypatch.context() as patch:
        find_nothing_here(patch)
        async for _ in attempts("a process scans"):
            if await scan(journal) == expected:
                break
    return expected


async def test_scans_are_done_by_a_process_once_there_is_one(
    scanned: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same result, for every kind of filter, also for lines that were stored since."""
    assert len(await settled(scanned, monkeypatch)) == 813
    await scanned.append(batch("77 later"))
    find_nothing_here(monkeypatch)
    later = await scanned.read("build", 3_000, 3_001, SEVENS, lines_max=1, bytes_max=1 << 20)
    assert list(later.sequences) == [3_001]
    assert await scan(scanned, Matcher(with_text(LogFilter(keywords=("7",)), "77"))) == [
        number + 1 for number in range(3_000) if "77" in str(number)
    ]
    assert await scanned.tail_start("build", 1, 3_000, SEVENS) == 2_997


@pytest.mark.slow
async def test_a_process_that_ends_costs_nothing_but_time(
    scanned: SqliteJournal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The scan under way is done here, the next ones by another process."""
    expected = await settled(scanned, monkeypatch)
    (pid,) = scan_processes(scanned).pids
    os.kill(pid, signal.SIGKILL)
    assert await scan(scanned) == expected
    assert "a process for scans has ended" in caplog.text
    await settled(scanned, monkeypatch)
    assert scan_processes(scanned).pids != [pid]


async def test_damage_that_a_process_finds_counts(scanned: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each place, as if it had been found here."""
    await settled(scanned, monkeypatch)
    writing_connection(scanned).execute("UPDATE journal_records SET checksum = 0 WHERE first_sequence = 1001")
    with monkeypatch.context() as patch:
        find_nothing_here(patch)
        for _ in range(2):
            assert (await scanned.read("build", 1_000, 3_000, SEVENS, lines_max=9, bytes_max=9_999)).is_damaged
    assert scanned.statistics.damaged_records == 1


async def test_a_search_now_and_then_needs_no_process(tmp_path: Path) -> None:
    """It is started where scans take a while."""
    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    await journal.append(batch("7"))
    assert (await journal.read("build", 0, 1, SEVENS, lines_max=1, bytes_max=99)).sequences == [1]
    assert not scan_processes(journal).pids
    await journal.close()


async def test_a_process_does_not_outlive_its_gateway(scanned: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing the journal ends it."""
    await settled(scanned, monkeypatch)
    (pid,) = scan_processes(scanned).pids
    await scanned.close()
    await until(lambda: not Path(f"/proc/{pid}").exists(), "it is gone")
