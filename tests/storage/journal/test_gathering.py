"""When a commit begins: at once while commits cost less than the time between lines, in company otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.journal.gathering import Gathering
from storage.journal.interface import Committed
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, number, report
from tests.support.scripted_history import settle

NEVER = 3600.0
COMMIT = 0.002


class Rhythm:
    """A gathering, and its time."""

    def __init__(self, seconds_max: float = 0.012) -> None:
        self.gathering = Gathering(seconds_max)
        self.now = 100.0

    def lines(self, count: int, *, every: float, together: int = 1) -> None:
        for _ in range(count):
            self.now += every
            self.gathering.appended(together, self.now)

    def commits(self, count: int, *, cost: float = COMMIT) -> None:
        for _ in range(count):
            self.gathering.launched(self.now)
            self.now += cost
            self.gathering.committed(self.now)

    @property
    def pause(self) -> float:
        return self.gathering.pause(self.now)


@pytest.fixture
def rhythm() -> Rhythm:
    return Rhythm()


def test_a_commit_that_costs_less_than_the_time_between_lines_waits_for_nothing(rhythm: Rhythm) -> None:
    """A worker that waits for each answer is one of those."""
    for _ in range(100):
        rhythm.lines(1, every=2 * COMMIT)
        rhythm.commits(1)
        assert rhythm.pause == 0


def test_lines_that_come_faster_wait_for_some_times_a_commits_cost(rhythm: Rhythm) -> None:
    """Counted from the beginning of the last commit, so that a quarter of the time goes to commits."""
    rhythm.commits(100)
    rhythm.lines(100, every=COMMIT / 10)
    rhythm.commits(1)
    assert rhythm.pause == pytest.approx(3 * COMMIT, rel=0.01)
    rhythm.now += 3 * COMMIT
    assert rhythm.pause <= 0


def test_nothing_waits_longer_than_the_limit(rhythm: Rhythm) -> None:
    """A slow disk makes large commits by itself: what comes during one is the next."""
    rhythm.commits(100, cost=1.0)
    rhythm.lines(100, every=0.0001)
    rhythm.gathering.launched(rhythm.now)
    assert rhythm.pause == pytest.approx(0.012, rel=0.01)


def test_lines_of_one_message_come_together(rhythm: Rhythm) -> None:
    """Ten lines every 10 ms are a line every millisecond."""
    rhythm.commits(100)
    rhythm.lines(100, every=5 * COMMIT, together=10)
    rhythm.commits(1)
    assert rhythm.pause > 0


def test_a_burst_after_a_silence_is_noticed_soon(rhythm: Rhythm) -> None:
    """However long the silence was; and the silence after a burst with its first line."""
    rhythm.commits(100)
    rhythm.lines(1, every=NEVER)
    rhythm.lines(30, every=COMMIT / 10)
    rhythm.commits(1)
    assert rhythm.pause > 0
    rhythm.lines(2, every=NEVER)
    assert rhythm.pause == 0


def test_without_a_limit_nothing_waits() -> None:
    """0 is off."""
    rhythm = Rhythm(0.0)
    rhythm.commits(10)
    rhythm.lines(10, every=0.0)
    assert rhythm.pause <= 0


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
def pauses(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the journal is asked to wait: the last of them."""
    pauses = [NEVER]
    monkeypatch.setattr(Gathering, "pause", lambda *_: pauses[-1])
    return pauses


@pytest.fixture
def listener(journal: SqliteJournal) -> Listener:
    return Listener(journal)


@pytest.fixture
def begun(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When commits began."""
    begun = list[float]()
    monkeypatch.setattr(Gathering, "launched", lambda _, now: begun.append(now))
    return begun


async def waits(begun: list[float]) -> bool:
    """Whether no commit has begun, after turns enough for one to begin."""
    await settle()
    return not begun


async def test_lines_wait_for_company(
    journal: SqliteJournal, listener: Listener, pauses: list[float], begun: list[float]
) -> None:
    """What comes during the pause goes with the first line; what comes after it begins the commit."""
    first = journal.append(batch("a", producer=number(1)))
    second = journal.append(batch("b"))
    assert await waits(begun)
    pauses.append(0.0)
    await journal.append(batch("c", producer=number(2)))
    assert first.done()
    assert second.done()
    assert listener.shapes == [(3, True)]


async def test_without_another_append_lines_go_alone(
    journal: SqliteJournal, listener: Listener, pauses: list[float]
) -> None:
    """Nobody is waited for any longer than half the pause again."""
    pauses.append(0.001)
    for count in (1, 2, 3):
        await journal.append(batch("a", producer=number(count)))
    assert len(listener.commits) == 3


async def test_much_does_not_wait(journal: SqliteJournal, listener: Listener, pauses: list[float]) -> None:
    """With 64 KiB it is not the commit that costs."""
    assert pauses == [NEVER]
    await journal.append(batch("x" * 70_000, producer=number(1)))
    assert listener.shapes == [(1, False)]


async def test_a_status_does_not_wait(journal: SqliteJournal, pauses: list[float]) -> None:
    """Nor does anything else that is no line."""
    assert pauses == [NEVER]
    line = journal.append(batch("a", producer=number(1)))
    await journal.append(report("RUNNING"))
    assert line.done()


async def test_a_journal_that_closes_waits_for_nobody(
    journal: SqliteJournal, pauses: list[float], begun: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What gathers is stored first."""
    line = journal.append(batch("a", producer=number(1)))
    assert await waits(begun)
    monkeypatch.undo()
    await journal.close()
    assert (await line).last == 1
