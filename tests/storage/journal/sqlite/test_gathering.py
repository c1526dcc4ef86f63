"""When a commit begins: at once for those who may be waiting, and in company for those who are not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.journal.interface import Committed
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, number, report
from tests.support.scripted_history import settle

NEVER = 3600.0


class Listener:
    """Remembers what was committed."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.commits: list[Committed] = []
        journal.set_commit_listener(self.commits.append)

    @property
    def shapes(self) -> list[tuple[int, bool]]:
        """Lines, and whether they were gathered, by commit."""
        return [(sum(len(block.lines) for block in each.blocks), each.is_gathered) for each in self.commits]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = await SqliteJournal.open(tmp_path / "otto.db", gather_seconds=NEVER)
    yield journal
    await journal.close()


@pytest.fixture
def listener(journal: SqliteJournal) -> Listener:
    return Listener(journal)


async def waits(journal: SqliteJournal) -> bool:
    """Whether no commit has begun, after turns enough for one to begin."""
    await settle()
    return not journal._commits._is_busy and journal.statistics.commits == 0


async def test_a_numbered_batch_waits_for_company(journal: SqliteJournal, listener: Listener) -> None:
    """Behind a commit, what its producer sends on gathers; whoever may wait for an answer takes it all along."""
    journal._commits._launched_at = journal._commits._loop.time()
    first = journal.append(batch("a", producer=number(1)))
    second = journal.append(batch("b", producer=number(2)))
    assert await waits(journal)
    await journal.append(batch("c"))
    assert (await first).last == 1
    assert (await second).last == 2
    assert listener.shapes == [(3, False)]


async def test_a_line_that_nobody_waits_for_waits_for_company(journal: SqliteJournal, listener: Listener) -> None:
    """A line without a number as well, where its sender goes on without the answer."""
    journal._commits._launched_at = journal._commits._loop.time()
    first = journal.append(replace(batch("a"), is_awaited=False))
    assert await waits(journal)
    await journal.append(batch("b"))
    assert first.done()
    assert listener.shapes == [(2, False)]


async def test_a_lone_line_does_not_wait(tmp_path: Path) -> None:
    """Where the last commit is long ago, the next one begins with the line."""
    journal = await SqliteJournal.open(tmp_path / "otto.db", gather_seconds=0.05)
    listener = Listener(journal)
    journal._commits._gather_seconds, journal._commits._launched_at = NEVER, journal._commits._loop.time() - NEVER
    await journal.append(batch("a", producer=number(1)))
    assert listener.shapes == [(1, True)]
    await journal.close()


async def test_when_the_time_is_over_the_next_append_takes_all_along(
    journal: SqliteJournal, listener: Listener
) -> None:
    """Its own lines do not wait at all, and subscribers need not wait for a commit behind it."""
    journal._commits._launched_at = journal._commits._loop.time()
    first = journal.append(batch("a", producer=number(1)))
    assert await waits(journal)
    journal._commits._launched_at -= NEVER
    await journal.append(batch("b", producer=number(2)))
    assert first.done()
    assert listener.shapes == [(2, True)]


async def test_without_another_append_it_goes_alone(tmp_path: Path) -> None:
    """Nobody is waited for any longer than half the time again."""
    journal = await SqliteJournal.open(tmp_path / "otto.db", gather_seconds=0.02)
    listener = Listener(journal)
    for count in (1, 2, 3):
        await journal.append(batch("a", producer=number(count)))
    assert len(listener.commits) == 3
    await journal.close()


async def test_much_does_not_wait(journal: SqliteJournal, listener: Listener) -> None:
    """With 64 KiB it is not the commit that costs."""
    journal._commits._launched_at = journal._commits._loop.time()
    await journal.append(batch("x" * 70_000, producer=number(1)))
    assert listener.shapes == [(1, False)]


async def test_a_status_does_not_wait(journal: SqliteJournal, listener: Listener) -> None:
    """Nor does anything else that is no line."""
    journal._commits._launched_at = journal._commits._loop.time()
    line = journal.append(batch("a", producer=number(1)))
    await journal.append(report("RUNNING"))
    assert line.done()


async def test_a_journal_that_closes_waits_for_nobody(journal: SqliteJournal) -> None:
    """What gathers is stored first."""
    journal._commits._launched_at = journal._commits._loop.time()
    line = journal.append(batch("a", producer=number(1)))
    await journal.close()
    assert (await line).last == 1
