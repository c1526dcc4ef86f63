"""Searches with summaries find what searches without them find."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from filters.matching import Matcher
from filters.model import LogFilter
from filters.parsing import filter_from_query
from filters.secret_shapes import ShapeRules
from storage.journal import chunk_walk, reader
from storage.journal.interface import LineBatch
from storage.journal.postgres import PostgresJournal
from storage.journal.sqlite import SqliteJournal
from storage.journal.stored_journal import StoredJournal
from storage.scanning.journal_scan import JournalScan
from storage.scanning.postgres_scan import scan_postgres
from storage.summaries import SummarySweep
from tests.support.job_logs import sqlite
from tests.support.journal_items import batch, entry, messages, report
from tests.support.psql import database_rows

WORDS = ["connection", "refused", "timeout", "Straße", "STRASSE", "오류가 났다", "실패", "ﬁnished", "Kelvin", "user42"]
RARE = ["deadlock", "segfault", "needle in it", "Ünique", "번개", "req-7f3a-99c1-x"]
FILTERS = [
    *(
        LogFilter(keywords=(word.casefold(),))
        for word in (*WORDS, *RARE, "absent", "eadloc", "ß", "kelvin", "finished")
    ),
    LogFilter(keywords=("absent", "segfault")),
    *(
        filter_from_query([("filter", text)])
        for text in ("deadlock -refused", "-deadlock", "/dead.*k/ or segfault", "not (refused or timeout)", "/x$/")
    ),
]


@dataclass(frozen=True)
class Database:
    """Where a journal is: a file, or a URL of PostgreSQL with so many lanes."""

    location: Path | str
    lanes: int = 1

    async def open(self) -> StoredJournal:
        if isinstance(self.location, Path):
            return await SqliteJournal.open(self.location, durability="process")
        return await PostgresJournal.open(self.location, lanes=self.lanes)

    def summaries(self) -> int:
        query = "SELECT count(*) FROM journal_summaries"
        if isinstance(self.location, Path):
            return int(sqlite(self.location, query))
        return int(database_rows(self.location, query)[0][0])

    def mask(self) -> int:
        """Mask what is stored; how many lines."""
        if isinstance(self.location, Path):
            return len(list(JournalScan(self.location, ShapeRules(), rewrite=True).run()))
        url, nothing = self.location, lambda _done, _all: None
        _, found, _ = scan_postgres(url, url, ShapeRules(), rewrite=True, copied_as="journal", on_progress=nothing)
        return len(found)


POSTGRES = pytest.mark.servers


@pytest.fixture(params=[0, pytest.param(1, marks=POSTGRES), pytest.param(3, marks=POSTGRES)], ids="{} lanes".format)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if not request.param:
        return Database(tmp_path / "otto.db")
    return Database(await request.getfixturevalue("postgres").add_schema(), request.param)


@pytest.fixture
async def journal(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoredJournal]:
    monkeypatch.setattr(chunk_walk, "SPANS_PER_QUERY", 2)
    journal = await database.open()
    yield journal
    await journal.close()


async def store(journal: StoredJournal, chance: random.Random, task: str, chunks: int) -> None:
    """Chunks of some lines, with a rare word now and then."""
    for _ in range(chunks):
        lines = [" ".join(chance.choices(WORDS, k=chance.randint(1, 12))) for _ in range(chance.randint(1, 40))]
        if chance.random() < 0.05:
            lines[-1] += f" so {chance.choice(RARE)}"
        await journal.append(batch(*lines, task=task))


async def sweep(journal: StoredJournal) -> int:
    made = SummarySweep(journal, span_bytes=20_000, pause_seconds_max=0)
    await made.run_once()
    return made.summaries


async def found(journal: StoredJournal, task: str, wanted: LogFilter) -> tuple[list[str], list[int], bool]:
    """What pages, tails and the search over tasks say."""
    matcher, last = Matcher(wanted), (await journal.task_state(task)).last
    pages = await messages(journal, task, matcher, lines_max=100, after=(await journal.task_state(task)).first - 1)
    tails = [await journal.tail_start(task, 3, upto, matcher) for upto in range(1, last + 1, 211)]
    known = [each for each in await journal.newest_tasks(1 << 40, 1 << 40, count_max=100) if each.task_id == task]
    return pages, tails, await journal.without_match(known, matcher) > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_nothing_that_matches_is_passed_over(journal: StoredJournal, seed: int) -> None:
    """Any word, in any case, inside of words, negated, or in a regular expression; also while a task grows."""
    chance = random.Random(seed)
    for chunks in (16, 0, 12):
        await store(journal, chance, "build", chunks)
        before = [await found(journal, "build", wanted) for wanted in FILTERS]
        assert (await sweep(journal) > 0) == (chunks > 0)
        assert [await found(journal, "build", wanted) for wanted in FILTERS] == before
    await journal.remove_through("build", (await journal.task_state("build")).last // 2, copied=1 << 40)
    (stored,) = [await messages(journal, "build", after=(await journal.task_state("build")).first - 1)]
    for wanted in FILTERS:
        expected = [text for text in stored if Matcher(wanted).matches(entry(text))]
        assert (await found(journal, "build", wanted))[0] == expected


async def test_chunks_that_cannot_match_are_not_opened(journal: StoredJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that occurs once is found by opening a span; one that is nowhere, by opening what has no summary yet."""
    chance = random.Random(1)
    for _ in range(40):
        await journal.append(batch(*(f"compiled module {chance.randrange(10**6)} in time" for _ in range(50))))
    await journal.append(batch("a deadlock"))
    await journal.append(report("COMPLETED"))
    await sweep(journal)
    opened: list[int] = []
    open_text = reader.open_text

    def counted(*stored: Any, first: int, **where: Any) -> bytes:
        opened.append(first)
        return open_text(*stored, first=first, **where)

    monkeypatch.setattr(reader, "open_text", counted)
    assert await messages(journal, matcher=Matcher(LogFilter(keywords=("deadlock",)))) == ["a deadlock"]
    once = len(opened)
    assert await messages(journal, matcher=Matcher(LogFilter(keywords=("segfault",)))) == []
    assert once <= 10
    assert len(opened) - once <= 1


async def test_a_task_that_ended_is_summarised_whole(journal: StoredJournal) -> None:
    """However small; one that continues waits until it is worth it. What is done is not done again."""
    await journal.append(LineBatch("small", "w1", [entry("x y z " * 300, task="small")], 2000, 0.0, None))
    assert await sweep(journal) == 0
    await journal.append(report("COMPLETED", task="small"))
    assert (await sweep(journal), await sweep(journal)) == (1, 0)


async def test_a_gateway_that_does_not_lead_makes_none(journal: StoredJournal) -> None:
    """Another one does."""
    await store(journal, random.Random(1), "build", 40)
    other = SummarySweep(journal, span_bytes=20_000, pause_seconds_max=0, is_leader=lambda: False)
    await other.run_once()
    assert other.summaries == 0
    assert await sweep(journal) > 1


@pytest.mark.parametrize("database", [pytest.param(1, marks=POSTGRES)], indirect=True)
async def test_two_that_believe_to_lead_make_no_lines_two_summaries(journal: StoredJournal, database: Database) -> None:
    """The first one stays: those of a task do not overlap."""
    await store(journal, random.Random(1), "build", 40)
    late = await journal.summarize("build", 0, bytes_min=1)
    assert late is not None
    count = await sweep(journal)
    await journal.add_summary("build", late)
    assert await asyncio.to_thread(database.summaries) == count


async def test_summaries_go_with_their_lines(journal: StoredJournal, database: Database) -> None:
    """Retention leaves none of lines that are gone."""
    await store(journal, random.Random(1), "build", 40)
    assert await sweep(journal) > 1
    await journal.remove_through("build", 1 << 40, copied=1 << 40)
    assert await asyncio.to_thread(database.summaries) == 0


async def test_lines_that_were_masked_afterwards_are_found_as_they_are(
    journal: StoredJournal, database: Database
) -> None:
    """Their summary is of what stood there before, so it counts for nothing any more."""
    padding = [f"compiled module {number} in time" for number in range(400)]
    secret = "ghp_" + "a1B2" * 9
    await journal.append(batch(*padding, f"with {secret} it worked"))
    await journal.append(report("COMPLETED"))
    assert await sweep(journal) == 1
    await journal.close()
    assert await asyncio.to_thread(database.mask) == 1
    again = await database.open()
    try:
        wanted = Matcher(LogFilter(keywords=("with *** it",)))
        assert await messages(again, matcher=wanted) == ["with *** it worked"]
    finally:
        await again.close()
