"""Committed records that come over Redis: a real one, and no condition for anything."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.journal.interface import Committed
from storage.journal.postgres import PostgresJournal, follower
from tests.contracts.journal_contract import append
from tests.support.journal_items import batch, report
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("postgres")]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def pair(url: str, lanes: int, redis: RedisServer) -> AsyncIterator[tuple[PostgresJournal, PostgresJournal]]:
    first, second = [await PostgresJournal.open(url, redis_url=redis.url, lanes=lanes) for _ in range(2)]
    both = (first, second)
    yield both
    for journal in both:
        await journal.close()


def listen(journal: PostgresJournal) -> list[Committed]:
    heard: list[Committed] = []
    journal.follow(heard.append, lambda: ["build"])
    return heard


def lines(heard: list[Committed]) -> list[str]:
    return [entry.message for committed in heard for block in committed.blocks for entry in block.entries()]


async def connected(*journals: PostgresJournal) -> None:
    for journal in journals:
        await until(lambda journal=journal: journal.figures["redis"] and journal.figures["role"], "it is connected")


async def test_records_come_over_redis_alone(
    pair: tuple[PostgresJournal, PostgresJournal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notifications of what it carries wait; a gateway that does not look at the lane has lines and ends before."""
    monkeypatch.setattr(follower, "FLOOR_SECONDS", 3600)
    monkeypatch.setattr(follower, "RELAYED_SECONDS", 3600)
    here, there = pair
    heard = listen(there)
    listen(here)
    await connected(here, there)
    await append(here, batch("x", task="unwatched"), batch("a"))
    await append(there, batch("own"))
    await append(here, batch("b"), report("COMPLETED"))
    await until(lambda: any(committed.ended for committed in heard), "the end has come")
    assert lines(heard) == ["a", "b"]
    assert there.follower_statistics.relayed == 3
    assert there.follower_statistics.notified == 0


async def test_redis_that_dies_loses_and_doubles_nothing(
    pair: tuple[PostgresJournal, PostgresJournal], redis: RedisServer
) -> None:
    """What it does not carry is read from the database."""
    here, there = pair
    heard = listen(there)
    listen(here)
    await connected(here, there)
    for number in range(30):
        if number == 10:
            redis.kill()
        if number == 20:
            redis.start()
            await connected(here, there)
        await append(here, batch(str(number)))
    await append(here, report("COMPLETED"))
    await until(lambda: any(committed.ended for committed in heard), "the end has come")
    assert lines(heard) == [str(number) for number in range(30)]
