"""A new version on the old one's database, and one gateway after the other."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from storage.sqlite.schema_version import VERSION_TABLE
from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.old_database import NATIVE_LINES, restore
from tests.support.producers import NativeProducer, lines_request
from tests.support.waiting import until
from tests.support.worker import publish

DUMPS = sorted(path.stem for path in (Path(__file__).parent / "databases").glob("v*.sql"))


def rows(database: Path, job_id: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT log_message FROM job_logs WHERE job_id = ? ORDER BY id", (job_id,)
        ).fetchall()
    return [message for (message,) in found]


@pytest.mark.parametrize("version", DUMPS)
async def test_a_new_version_goes_on_with_an_old_database(version: str, tmp_path: Path) -> None:
    """Its lines are read, its producer resumes after its last number, and ``job_logs`` continues without repeating."""
    gateway = GatewayProcess(tmp_path)
    restore(version, gateway.database)
    before = rows(gateway.database, "build-1")
    try:
        await gateway.start()
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            producer = NativeProducer(channel)
            assert (await producer.hello("fixture")).acknowledged_number == 5
            await producer.send(lines_request(6, ["new"], task_id="build-1"))
            await producer.acknowledged(6)
        stream = EventStream(gateway.stream_url("build-1"), headers={"Last-Event-ID": "627e4834-98"})
        resumed = await stream.read(until=lambda seen: len(seen.entries) == 3)
        whole = await EventStream(gateway.stream_url("build-1")).read(until=lambda seen: len(seen.entries) == 101)
        ended = await EventStream(gateway.stream_url("ended-1")).read()
        assert await gateway.stop() == 0
    finally:
        gateway.kill()
    assert whole.messages == [*NATIVE_LINES, "new"]
    assert resumed.messages == [*NATIVE_LINES[98:], "new"]
    assert (ended.messages, ended.is_complete) == (["first", "작업 \x1b[31m🎉", ""], True)
    assert rows(gateway.database, "build-1") == [*before, "new"]
    assert before == NATIVE_LINES
    assert "Traceback" not in gateway.log()


async def test_a_newer_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """The old version does not touch what it does not understand."""
    gateway = GatewayProcess(tmp_path)
    restore("v0001", gateway.database)
    with closing(sqlite3.connect(gateway.database)) as newer:
        newer.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
        newer.commit()
    gateway.spawn()
    assert await gateway.ended() == 1
    *_, last = gateway.log().splitlines()
    assert last.startswith(f"otto-gateway: {gateway.database} was written by a newer gateway (schema 0999, ")
    assert "Traceback" not in gateway.log()


async def test_the_next_gateway_takes_over_when_the_one_before_it_has_ended(tmp_path: Path) -> None:
    """With LOCK_WAIT_SECONDS it waits, on the same ports and database; a stream continues where it was."""
    lines = [f"line {number}" for number in range(1, 101)]
    async with running_gateway(tmp_path) as old:
        await publish(old.grpc_address, "build", lines[:50])
        new = GatewayProcess(tmp_path / "new")
        new.environment = {**old.environment, "LOCK_WAIT_SECONDS": "600"}
        new.http_port, new.grpc_port = old.http_port, old.grpc_port
        try:
            new.spawn()
            await until(lambda: "waiting for another gateway" in new.log(), "the new one waits")
            stream = EventStream(old.stream_url("build"))
            reading = asyncio.create_task(stream.read())
            await until(lambda: len(stream.recording.entries) >= 50, "the lines have come")
            assert await old.stop() == 0
            await reading
            await new.wait_healthy()
            await publish(new.grpc_address, "build", lines[50:], end=True)
            recording = await stream.read()
            assert await new.stop() == 0
        finally:
            new.kill()
    assert recording.messages == lines
    assert recording.is_complete


async def test_a_gateway_that_does_not_end_is_not_waited_for_beyond_the_limit(tmp_path: Path) -> None:
    """The next one says why it gives up, and how long it waited."""
    async with running_gateway(tmp_path) as old:
        new = GatewayProcess(tmp_path / "new", DATABASE_URL=f"sqlite:///{old.database}", LOCK_WAIT_SECONDS="0.3")
        new.spawn()
        assert await new.ended() == 1
    *_, last = new.log().splitlines()
    assert last.startswith(f"otto-gateway: another gateway is running on {old.database}; ")
    assert last.endswith("it has not ended within 0.3 s")
