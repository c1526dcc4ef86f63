"""A primary that dies, and its standby that is promoted: real servers with streaming replication."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from storage.journal.interface import Committed
from storage.journal.postgres import PostgresJournal
from tests.contracts.journal_contract import append
from tests.support.journal_items import batch, messages, report
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]


class Pair:
    """A primary and its synchronous standby, and journals on both that outlive either."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.primary = PostgresServer()
        self.primary.start()
        self.primary.wait_ready()
        self.standby = PostgresServer(primary=self.primary)
        self.standby.start()
        self.standby.wait_ready()
        self.journals: list[PostgresJournal] = []

    async def journal(self) -> PostgresJournal:
        url = f"postgresql://otto@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/postgres"
        self.journals.append(
            await PostgresJournal.open(url, retry_seconds_max=60, lanes=self.lanes, on_wait=lambda _: None)
        )
        return self.journals[-1]

    def fail_over(self) -> None:
        self.primary.kill()
        self.standby.promote()


@pytest.fixture
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    pair = Pair(getattr(request, "param", 1))
    try:
        await pair.primary.wait_for_standby()
        yield pair
        for journal in pair.journals:
            await journal.close()
    finally:
        pair.standby.close()
        pair.primary.close()


async def test_a_failover_that_lost_nothing_is_invisible(pair: Pair) -> None:
    """The epoch stays, and who follows misses nothing, also not what was stored in the moment before."""
    here, there = await pair.journal(), await pair.journal()
    heard: list[Committed] = []
    lost: list[str] = []
    there.follow(heard.append, lambda: ["build"], on_lost=lambda: lost.append("there"))
    epoch = here.epoch
    await append(here, batch("a"))
    pair.fail_over()
    await append(there, batch("of its own", task="other"))  # its writer meets the new life before its follower does
    await append(here, batch("b"), report("COMPLETED"))
    await until(lambda: any(committed.ended for committed in heard), "the end has come")
    lines = [entry.message for committed in heard for block in committed.blocks for entry in block.entries()]
    assert lines == await messages(here) == ["a", "b"]
    assert (here.epoch, there.epoch, lost) == (epoch, epoch, [])
    late = await pair.journal()
    assert (late.epoch, late.lineage) == (epoch, ())


async def test_a_start_on_a_standby_waits_until_it_is_promoted(pair: Pair) -> None:
    """It says what it waits for; lines that the primary had are there then."""
    await append(await pair.journal(), batch("a"))
    reasons: list[str] = []
    opening = asyncio.create_task(PostgresJournal.open(pair.standby.url(), on_wait=reasons.append))
    await until(lambda: reasons, "it waits")
    assert f"PostgreSQL at 127.0.0.1:{pair.standby.port}/postgres is a read-only standby" in reasons[0]
    pair.fail_over()
    pair.journals.append(await opening)
    await append(pair.journals[-1], batch("b"))
    assert await messages(pair.journals[-1]) == ["a", "b"]


@pytest.mark.parametrize("pair", [1, 2], indirect=True)
async def test_a_failover_that_lost_something_is_another_epoch(pair: Pair) -> None:
    """A gateway that remembers more than the database has begins it, and both gateways notice."""
    here, there = await pair.journal(), await pair.journal()
    lost: list[str] = []
    here.follow(lambda _: None, list, on_lost=lambda: lost.append("here"))
    there.follow(lambda _: None, list, on_lost=lambda: lost.append("there"))
    await append(here, batch("a"))
    await pair.primary.wait_for_standby(is_required=False)
    await pair.standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
    await pair.standby.execute("SELECT pg_reload_conf()")
    await until(lambda: pair.primary.value("SELECT count(*) = 0 FROM pg_stat_replication"), "the standby hears no more")
    epoch = here.epoch
    await append(here, batch("gone"))
    pair.fail_over()
    await until(lambda: sorted(lost) == ["here", "there"], "both know")
    assert here.epoch == there.epoch != epoch
    assert [(life.epoch, life.record) for life in (await pair.journal()).lineage] == [(epoch, 1)]
    await append(there, batch("b"))
    assert await messages(here) == ["a", "b"]


async def test_a_cancelled_wait_for_the_standby_is_no_success(pair: Pair) -> None:
    """The server answers it as done; the gateway asks again, and answers when the standby has it."""
    journal = await pair.journal()
    await append(journal, batch("a"))
    pair.standby.kill()
    appended = journal.append(batch("b"))
    waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    await until(lambda: pair.primary.value(waiting), "the commit waits, and is cancelled")
    await until(lambda: pair.primary.value(waiting), "it is asked for, and that waits as well")
    assert not appended.done()
    pair.standby.start()
    assert (await appended).last == 2
    assert await messages(journal) == ["a", "b"]
