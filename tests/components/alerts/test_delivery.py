"""The outbox: what is stored is sent until it is taken, whatever targets and the database do."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from components.alerts.delivery import Outbox
from components.alerts.repository import Delivery, Repository
from components.alerts.sending import SendError
from components.alerts.tables import create_tables
from components.alerts.targets import Target
from storage.errors import StorageUnavailableError
from storage.tables import TableDatabase
from tests.support.waiting import until

START = 1_767_225_600.0
DAY = 86_400.0
TARGETS = {name: Target(name, "webhook", "https://hook.example") for name in ("team", "stuck")}


class Targets:
    """A sender: what was taken, by target, and what targets do instead."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.does: dict[str, Callable[[], Any]] = {}

    async def __call__(self, target: Target, key: str, event: Mapping[str, Any]) -> None:
        self.at_once[target.name] += 1
        self.most_at_once |= self.at_once
        try:
            if (does := self.does.get(target.name)) is not None:
                await does()
        finally:
            self.at_once[target.name] -= 1
        self.taken.append(key)


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> TableDatabase:
    return TableDatabase(tmp_path / "otto.db", create=create_tables)


@asynccontextmanager
async def sending(database: TableDatabase, targets: Targets, clock: Callable[[], float]) -> AsyncIterator[Outbox]:
    outbox = Outbox(database, TARGETS, sender=targets, clock=clock)
    outbox.start()
    try:
        yield outbox
    finally:
        await outbox.close(0)


def add(database: TableDatabase, target: str, *keys: str) -> None:
    def write(connection: Connection) -> None:
        for key in keys:
            event = {"kind": "opened", "incident": {"id": 7}}
            Repository(connection).add_delivery(key, target, event, START)

    database.write(write)


def left(database: TableDatabase) -> list[Delivery]:
    return database.read(lambda connection: Repository(connection).due(START + 10 * DAY, 100)[0])


async def test_a_target_that_hangs_keeps_nobody_else_waiting(database: TableDatabase) -> None:
    """However much waits for it; it is sent a few at once."""
    targets, forever = Targets(), asyncio.Event()
    targets.does["stuck"] = forever.wait
    add(database, "stuck", *(f"stuck-{number}" for number in range(100)))
    add(database, "team", *(f"team-{number}" for number in range(10)))
    async with sending(database, targets, Clock()):
        await until(lambda: len(targets.taken) == 10, "the others are sent")
    assert all(key.startswith("team-") for key in targets.taken)
    assert targets.most_at_once["stuck"] == 4


async def test_a_target_that_has_failed_is_asked_one_at_a_time(database: TableDatabase) -> None:
    """Until it takes one; then several again."""
    targets, failing, gate = Targets(), Targets(), asyncio.Event()

    async def fail() -> None:
        raise SendError("no")

    failing.does["team"] = fail
    clock = Clock()
    add(database, "team", *(f"team-{number}" for number in range(9)))
    async with sending(database, failing, clock) as outbox:
        await until(lambda: outbox.failed >= 9, "each was tried")
        failing.does["team"], failing.most_at_once = gate.wait, Counter()
        clock.now += 5
        outbox.wake()
        await until(lambda: failing.at_once["team"], "it is tried again")
        add(database, "stuck", "other")
        outbox.wake()
        await until(lambda: "other" in failing.taken, "another one is sent meanwhile")
        assert failing.most_at_once["team"] == 1
        gate.set()
        await until(lambda: len(failing.taken) == 10, "all are sent")
    assert targets.taken == []


async def test_what_was_taken_is_not_sent_again_when_that_cannot_be_stored(
    database: TableDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored when the database is back."""
    targets, write, refusals = Targets(), database.write, [1, 2, 3]

    def refuse(work: Callable[[Connection], Any], **rest: Any) -> Any:
        if refusals:
            refusals.pop()
            raise StorageUnavailableError("the database is locked")
        return write(work, **rest)

    add(database, "team", "7-1-team")
    monkeypatch.setattr(database, "write", refuse)
    async with sending(database, targets, Clock()):
        await until(lambda: not left(database), "it is noted")
    assert (targets.taken, refusals) == (["7-1-team"], [])


async def test_whatever_a_sender_raises_is_a_failed_attempt(database: TableDatabase) -> None:
    """A host that is no host, an error in a library: other notifications are sent all the same."""

    async def err() -> None:
        raise UnicodeError("label too long\0")

    targets = Targets()
    targets.does["stuck"] = err
    add(database, "stuck", "first")
    add(database, "team", "second")
    async with sending(database, targets, Clock()):
        await until(lambda: targets.taken == ["second"] and len(left(database)) == 1, "the other one is sent")
        await until(lambda: left(database)[0].attempts == 1, "the attempt is counted")
    assert left(database)[0].error == "UnicodeError: label too long\ufffd"


async def test_what_is_not_taken_is_tried_for_a_day(database: TableDatabase) -> None:
    """After 5 s, 10 s and so on, at most an hour apart, with the same id; then it is listed as given up."""
    clock, pauses, keys = Clock(), [], set[str]()

    async def fail() -> None:
        raise SendError("no")

    targets = Targets()
    targets.does["team"] = fail
    add(database, "team", "7-1-team")
    async with sending(database, targets, clock) as outbox:
        for attempt in range(1, 100):
            await until(lambda attempt=attempt: outbox.failed == attempt and not targets.at_once["team"], "it is tried")
            await until(lambda attempt=attempt: not _attempts(database) < attempt, "that is stored")
            if not (pending := left(database)):
                break
            keys.add(pending[0].key)
            pauses.append(_next(database) - clock.now)
            clock.now += pauses[-1]
            outbox.wake()
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 3_600
    assert DAY <= clock.now - START < DAY + 3_600
    (given_up,) = database.read(lambda connection: Repository(connection).undelivered(10))
    assert (keys, given_up.error, outbox.given_up) == ({"7-1-team"}, "no", 1)


def _attempts(database: TableDatabase) -> int:
    rows = database.read(lambda connection: Repository(connection).notifications(7, 10)[1])
    return rows[0].attempts


def _next(database: TableDatabase) -> float:
    found = database.read(lambda connection: Repository(connection).due(0, 1)[1])
    assert found is not None
    return found


async def test_the_next_gateway_sends_what_this_one_has_not(database: TableDatabase) -> None:
    """With the same id; what was noted as taken is not sent again."""
    first, second, forever = Targets(), Targets(), asyncio.Event()
    first.does["stuck"] = forever.wait
    add(database, "stuck", "stuck-1")
    add(database, "team", "team-1")
    async with sending(database, first, Clock()):
        await until(lambda: len(left(database)) == 1, "one is taken")
    async with sending(database, second, Clock()):
        await until(lambda: not left(database), "the other one is sent")
    assert (first.taken, second.taken) == (["team-1"], ["stuck-1"])
