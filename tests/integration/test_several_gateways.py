"""Two gateways on one PostgreSQL: each serves what the other stores."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from otto_logs import LogProducer

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, gateways_together
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import WAIT_SECONDS_MAX, until
from tests.support.worker import publish

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

LINES = [f"line {number}" for number in range(1, 401)]


@pytest.fixture
async def gateways(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[list[GatewayProcess]]:
    async with gateways_together(tmp_path, await postgres.add_schema()) as both:
        yield both


async def test_lines_stored_at_one_gateway_are_live_at_the_other(
    gateways: list[GatewayProcess],
) -> None:
    """A reader gets each line once, in order, and the end of the task, whichever gateway took them."""
    here, there = gateways
    stream = EventStream(there.stream_url("build"))
    reading = asyncio.create_task(stream.read())
    for start in range(0, 400, 40):
        await publish(here.grpc_address, "build", LINES[start : start + 40], end=start == 360)
        await until(lambda start=start: len(stream.recording.entries) >= start + 40, "the lines have come")
    recording = await reading
    assert recording.messages == LINES
    assert recording.sequences == list(range(1, 401))
    assert recording.is_complete


async def test_a_position_of_one_gateway_is_good_at_the_other(gateways: list[GatewayProcess]) -> None:
    """A reader whose gateway was killed resumes at the other one: nothing is missing, nothing comes twice."""
    here, there = gateways
    await publish(here.grpc_address, "build", LINES[:200])
    stream = EventStream(here.stream_url("build"))
    await stream.read(until=lambda seen: len(seen.entries) >= 150)
    here.kill()
    stream.url = there.stream_url("build")
    await publish(there.grpc_address, "build", LINES[200:], end=True)
    recording = await stream.read()
    assert recording.messages == LINES
    assert recording.is_complete


async def test_one_task_may_be_written_through_both(gateways: list[GatewayProcess]) -> None:
    """Sequences have no hole and no double, and readers at both see the same order."""
    streams = [EventStream(gateway.stream_url("build")) for gateway in gateways]
    reading = [asyncio.create_task(stream.read(until=lambda seen: len(seen.entries) == 400)) for stream in streams]
    await asyncio.gather(
        *(
            publish(gateway.grpc_address, "build", LINES[half::2], batch_lines=5)
            for half, gateway in enumerate(gateways)
        )
    )
    first, second = await asyncio.gather(*reading)
    assert first.sequences == second.sequences == list(range(1, 401))
    assert first.messages == second.messages
    assert sorted(first.messages) == sorted(LINES)


async def test_gateways_outlive_a_restart_of_the_database(
    gateways: list[GatewayProcess], postgres: PostgresServer
) -> None:
    """What comes while it is away waits, is stored once, and reaches readers of both gateways."""
    here, there = gateways
    await publish(here.grpc_address, "build", LINES[:50])
    stream = EventStream(there.stream_url("build"))
    reading = asyncio.create_task(stream.read())
    await until(lambda: len(stream.recording.entries) == 50, "the first lines have come")
    postgres.kill()
    async with LogProducer(here.grpc_address) as producer, producer.worker("build", "w") as worker:
        for line in LINES[50:100]:
            await worker.log(line)
        postgres.start()
        await producer.flush(WAIT_SECONDS_MAX)
    await publish(there.grpc_address, "build", [], end=True)
    recording = await reading
    assert recording.messages == LINES[:100]
    assert recording.is_complete


async def test_a_gateway_that_is_killed_under_its_producer_loses_and_doubles_nothing(
    gateways: list[GatewayProcess],
) -> None:
    """A reader at the other gateway gets every line once, in order, across two ``kill -9``."""
    here, there = gateways
    stream = EventStream(there.stream_url("build"))
    reading = asyncio.create_task(stream.read())
    async with LogProducer(here.grpc_address) as producer, producer.worker("build", "w") as worker:
        for number, line in enumerate(LINES):
            await worker.log(line)
            if number in {100, 250}:
                await here.restart()
            await asyncio.sleep(0)
        await producer.flush(WAIT_SECONDS_MAX)
    await publish(there.grpc_address, "build", [], end=True)
    recording = await reading
    assert recording.messages == LINES
    assert recording.sequences == list(range(1, len(LINES) + 1))
    assert recording.is_complete
