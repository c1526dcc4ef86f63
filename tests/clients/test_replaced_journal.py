"""The gateway's journal is replaced under a producer: by a backup, and later by the original again."""

import asyncio
from pathlib import Path

import pytest
from otto_logs import LogProducer, NotDeliveredError, Problem, ProblemKind, ProducerLimits

from storage.journal.sqlite import SqliteJournal
from tests.support.backups import put_back, take_backup
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.journal_items import messages
from tests.support.waiting import WAIT_SECONDS_MAX

QUICK = ProducerLimits(backoff_seconds=0.01, backoff_seconds_max=0.05)


async def send(producer: LogProducer, *texts: str) -> None:
    """Each in a request of its own."""
    for text in texts:
        await producer.log("t", "w", text)
        await producer.flush(WAIT_SECONDS_MAX)


async def replace(gateway: GatewayProcess, database: Path) -> Path:
    """Put another database in place of the gateway's while it is down; what was there before."""
    gateway.kill()
    before = await asyncio.to_thread(take_backup, gateway.database)
    await asyncio.to_thread(put_back, database, gateway.database)
    return before


async def stored(database: Path) -> list[str]:
    journal = await SqliteJournal.open(database, durability="process")
    found = await messages(journal, "t")
    await journal.close()
    return found


async def test_a_backup_and_then_the_original_take_nothing_for_stored_that_is_not(tmp_path: Path) -> None:
    """Each journal knows the producer by another id, and has every line that was sent while it was in place."""
    problems: list[Problem] = []
    async with running_gateway(tmp_path / "gateway") as gateway:
        async with LogProducer(
            gateway.grpc_address, limits=QUICK, spool_directory=tmp_path / "spool", on_problem=problems.append
        ) as producer:
            ids = [producer.producer_id]
            await send(producer, "1")
            backup = await asyncio.to_thread(take_backup, gateway.database)
            await send(producer, "2", "3", "4")
            original = await replace(gateway, backup)
            await producer.log("t", "w", "5")
            await gateway.start()
            await send(producer, "6")
            ids.append(producer.producer_id)
            restored = await replace(gateway, original)
            await producer.log("t", "w", "7")
            await gateway.start()
            await send(producer, "8")
            ids.append(producer.producer_id)
        assert await gateway.stop() == 0

    assert await stored(gateway.database) == ["1", "2", "3", "4", "7", "8"]
    assert await stored(restored) == ["1", "5", "6"]
    assert len(set(ids)) == 3
    assert [problem.kind for problem in problems].count(ProblemKind.FORGOTTEN) == 2


async def test_the_new_id_is_in_the_spool(tmp_path: Path) -> None:
    """A producer that dies after the journal was replaced is followed by one that shows the id of the new one."""
    spool = tmp_path / "spool"
    async with running_gateway(tmp_path / "gateway") as gateway:
        empty = await asyncio.to_thread(take_backup, gateway.database)
        producer = LogProducer(gateway.grpc_address, limits=QUICK, spool_directory=spool)
        await send(producer, "1", "2", "3")
        await replace(gateway, empty)
        await gateway.start()
        await send(producer, "4")
        gateway.kill()
        await producer.log("t", "w", "5")
        with pytest.raises(NotDeliveredError):
            await producer.close(0)
        await gateway.start()
        problems: list[Problem] = []
        async with LogProducer(
            gateway.grpc_address, limits=QUICK, spool_directory=spool, on_problem=problems.append
        ) as following:
            await send(following, "6")
        assert await gateway.stop() == 0

    assert await stored(gateway.database) == ["4", "5", "6"]
    assert ProblemKind.FORGOTTEN not in {problem.kind for problem in problems}
