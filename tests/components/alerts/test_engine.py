"""The engine: when it evaluates, what it stores, and what it finds again after a kill."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.alerts import engine as engine_module
from components.alerts.component import AlertsComponent
from components.alerts.engine import AlertEngine
from components.alerts.incidents import Incident
from components.alerts.repository import Repository
from components.alerts.rules import rules_from
from components.alerts.tables import create_tables
from components.alerts.turns import Turn
from storage.journal.interface import Record
from storage.journal.statistics import JournalStatistics
from storage.tables import TableDatabase
from tests.components.alerts.test_turns import START, broken, lines
from tests.support.waiting import until

SLOW = {"name": "slow", "when": "count", "count": 3, "within": "1h", "filter": {"keywords": ["slow"]}}


class Growing:
    """A journal that is written to."""

    def __init__(self) -> None:
        self.stored: list[Record] = []
        self.reads = 0
        self.readable = True

    @property
    def statistics(self) -> JournalStatistics:
        return JournalStatistics(last_record=len(self.stored))

    async def records(self, after: int, *, bytes_max: int) -> list[Record]:
        self.reads += 1
        return self.stored[after:]

    def add(self, *messages: str) -> None:
        self.stored.append(lines("t", *messages, number=len(self.stored) + 1))


class CountedDatabase(TableDatabase):
    """Counts transactions and reads."""

    reads = writes = 0

    def read(self, *args: Any, **rest: Any) -> Any:
        self.reads += 1
        return super().read(*args, **rest)

    def write(self, *args: Any, **rest: Any) -> Any:
        self.writes += 1
        return super().write(*args, **rest)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountedDatabase:
    """Of engines that look at nothing by themselves, however slow the machine is."""
    monkeypatch.setattr(engine_module, "CHECK_SECONDS", 3_600.0)
    return CountedDatabase(tmp_path / "otto.db", create=create_tables)


@asynccontextmanager
async def evaluating(journal: Growing, database: TableDatabase, *rules: dict[str, Any]) -> AsyncIterator[AlertEngine]:
    """An engine; at the end it is killed as far as that can be done here."""
    engine = AlertEngine(journal, database, rules_from({"rules": list(rules)}, ()), clock=lambda: START)  # type: ignore[arg-type]
    engine.start()
    try:
        await until(lambda: engine.statistics.error or engine.has_begun, "it has begun")
        yield engine
    finally:
        await engine.close(0)


async def evaluated(engine: AlertEngine, journal: Growing, *messages: str) -> None:
    journal.add(*messages)
    engine.wake()
    await until(lambda: engine.statistics.lag == 0, "it is evaluated")


def found(database: TableDatabase) -> list[Incident]:
    return database.read(lambda connection: Repository(connection).page(limit=10))


async def test_a_commit_begins_a_turn(database: CountedDatabase) -> None:
    """Nothing is asked again and again: without commits the engine waits for what takes time."""
    journal = Growing()
    async with evaluating(journal, database, broken()) as engine:
        for number in range(3):
            await evaluated(engine, journal, f"broken {number}")
        assert journal.reads == 3
    assert [incident.count for incident in found(database)] == [3]


async def test_a_turn_that_finds_nothing_is_not_stored(database: CountedDatabase) -> None:
    """Its position is, with what the next one finds, or within a second."""
    journal = Growing()
    async with evaluating(journal, database, broken()) as engine:
        await evaluated(engine, journal, "fine")
        before = database.writes
        for _ in range(5):
            await evaluated(engine, journal, "fine")
        assert database.writes == before
        await evaluated(engine, journal, "broken")
        assert database.writes == before + 1
    assert _position(database) == len(journal.stored)


def _position(database: TableDatabase) -> int:
    position = database.read(lambda connection: Repository(connection).value("position"))
    assert position is not None
    return int(position["record"])


@pytest.mark.parametrize("killed_after", [1, 2, 3, 4])
async def test_what_was_counted_and_not_stored_is_counted_again(database: CountedDatabase, killed_after: int) -> None:
    """Wherever the gateway is killed between lines that make an incident together: each counts once."""
    journal = Growing()
    messages = ["slow 1", "fine", "slow 2", "slow 3", "slow 4"]
    async with evaluating(journal, database, SLOW) as engine:
        for message in messages[:killed_after]:
            await evaluated(engine, journal, message)
    async with evaluating(journal, database, SLOW) as engine:
        for message in messages[killed_after:]:
            await evaluated(engine, journal, message)
    assert [incident.count for incident in found(database)] == [4]


async def test_what_is_counted_is_stored_with_the_next_effect(database: CountedDatabase) -> None:
    """Also by another rule: who comes after it knows of the lines before."""
    journal = Growing()
    async with evaluating(journal, database, SLOW, broken()) as engine:
        for message in ("fine", "slow 1", "slow 2", "broken"):
            await evaluated(engine, journal, message)
    assert _position(database) == len(journal.stored)
    async with evaluating(journal, database, SLOW, broken()) as engine:
        await evaluated(engine, journal, "slow 3")
    assert sorted((incident.rule, incident.count) for incident in found(database)) == [("broken", 1), ("slow", 3)]


async def test_time_passes_under_a_steady_flow(database: CountedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is another record after each turn, what takes time is looked at all the same."""
    monkeypatch.setattr(engine_module, "CHECK_SECONDS", 0.0)
    journal = Growing()

    class Flowing(Growing):
        async def records(self, after: int, *, bytes_max: int) -> list[Record]:
            read = self.stored[after:]
            self.add("broken")  # stored while the turn runs
            return read

    journal = Flowing()
    resolving = broken(resolve_after="1s")
    async with evaluating(journal, database, resolving) as engine:
        journal.add("broken")
        passed = engine.pass_time
        times: list[float] = []

        async def noted(now: float) -> None:
            times.append(now)
            await passed(now)

        monkeypatch.setattr(engine, "pass_time", noted)
        engine.wake()
        await until(lambda: len(times) > 3, "time passes")


async def test_a_gateway_that_does_not_evaluate_is_woken_by_no_commit(
    database: CountedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks at what another one has stored from time to time; commits are many."""
    monkeypatch.setattr(engine_module, "FOLLOWER_SECONDS", 3_600.0)
    database.write(lambda _: None)
    journal = Growing()
    engine = AlertEngine(journal, database, [], is_leader=lambda: False)  # type: ignore[arg-type]
    engine.start()
    try:
        await until(lambda: database.reads == 1, "it has looked")
        for _ in range(5):
            journal.add("fine")
            engine.wake()
            await asyncio.sleep(0)
        engine.use([])  # what wakes it all the same
        await until(lambda: database.reads == 2, "it has looked again, once")
    finally:
        await engine.close(0)


async def test_rules_are_evaluated_beside_the_event_loop(
    database: CountedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are about: ten thousand of them take longer than a reader may be kept waiting."""
    threads: set[tuple[str, bool]] = set()
    for name in ("take", "pass_time"):
        original = getattr(Turn, name)

        def noted(turn: Turn, *args: Any, name: str = name, original: Callable[..., None] = original) -> None:
            threads.add((name, threading.current_thread() is threading.main_thread()))
            original(turn, *args)

        monkeypatch.setattr(Turn, name, noted)
    journal = Growing()
    async with evaluating(journal, database, broken()) as engine:
        await evaluated(engine, journal, "broken")
        await until(lambda: len(threads) == 2, "time has passed")
    assert threads == {("take", False), ("pass_time", False)}


async def test_alerts_hear_of_commits(tmp_path: Path) -> None:
    """Of every one, whichever gateway made it."""
    (tmp_path / "rules.yaml").write_text("rules: []")
    called: list[Callable[[], None]] = []
    core: Any = SimpleNamespace(
        settings=SimpleNamespace(alert_rules=tmp_path / "rules.yaml", alert_targets=None, durability="process"),
        journal=Growing(),
        journal_location=tmp_path / "otto.db",
        on_commit=called.append,
        is_leader=lambda: True,
        updates=SimpleNamespace(publish=lambda _: None),
        pipelines=SimpleNamespace(add_listener=lambda _: None),
        authenticator=None,
    )
    component = await AlertsComponent.open(core)
    try:
        assert component.alerts is not None
        assert called == [component.alerts.engine.wake]
    finally:
        await component.close(0)
