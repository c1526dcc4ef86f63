"""What gateways on one database tell each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from storage.errors import StorageError
from storage.journal.postgres.schema import migrate_url
from storage.postgres.channel import ALIVE, GatewayChannel
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import attempts, until


@pytest.fixture
async def both(postgres: PostgresServer) -> AsyncIterator[tuple[GatewayChannel, GatewayChannel]]:
    url = await postgres.add_schema()
    await asyncio.to_thread(migrate_url, url)
    channels = GatewayChannel(url, gateway="a"), GatewayChannel(url, gateway="b")
    for channel in channels:
        await channel.start()
    yield channels
    for channel in channels:
        await channel.close()


async def test_a_message_reaches_the_others(both: tuple[GatewayChannel, GatewayChannel]) -> None:
    """In order, with its text and sender; never the sender itself; also after the connection was cut."""
    first, second = both
    heard = list[tuple[str, str, str]]()
    for channel in both:
        channel.listen("news", lambda sender, text, name=channel.gateway: heard.append((name, sender, text)))
    first.send("news", "one two")
    first.send("other", "nobody listens")
    first.send("news", "한글")
    await until(lambda: len(heard) == 2, "the messages have come")
    assert heard == [("b", "a", "one two"), ("b", "a", "한글")]
    pid = (await second.fetch("SELECT pg_backend_pid()"))[0][0]
    await first.fetch("SELECT pg_terminate_backend($1)", pid)
    async for _ in attempts("messages come again"):
        first.send("news", "after")
        if len(heard) > 2:
            break


async def test_gateways_know_how_many_they_are(both: tuple[GatewayChannel, GatewayChannel]) -> None:
    """One that leaves is not counted any more; one that is gone without a word is not after a while."""
    first, second = both
    await until(lambda: first.gateways == second.gateways == 2, "they know of each other")
    await second.close()
    await until(lambda: first.gateways == 1, "one has left")
    await first.fetch("INSERT INTO journal_peers VALUES ('stopped', '', pg_backend_pid(), now() - interval '11 s')")
    await first.fetch("INSERT INTO journal_peers VALUES ('killed', '', 0, now())")
    assert (await first.fetch(f"SELECT count(*) FROM journal_peers WHERE {ALIVE}"))[0][0] == 1
    with pytest.raises(StorageError, match="is not connected"):
        await second.fetch("SELECT 1")


async def test_what_waits_while_the_database_is_away_is_bounded(postgres: PostgresServer) -> None:
    """The oldest messages are dropped, and counted."""
    channel = GatewayChannel(await postgres.add_schema(), gateway="a")
    for number in range(1005):
        channel.send("news", str(number))
    assert channel.dropped == 5
    with pytest.raises(StorageError, match="journal_peers"):
        await channel.start()
    await channel.close()
