"""The tables beside the journal, shared by two gateways on one PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, gateways_together
from tests.support.postgres_server import PostgresServer
from tests.support.psql import messages, psql
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.add_schema()


@pytest.fixture
async def gateways(url: str, tmp_path: Path) -> AsyncIterator[list[GatewayProcess]]:
    async with gateways_together(tmp_path, url, RETENTION_DAYS="30") as both:
        yield both


async def _copied(url: str, task: str, count: int) -> None:
    async for _ in attempts(f"job_logs has {count} rows of {task}"):
        if int(await psql(url, f"SELECT count(*) FROM job_logs WHERE job_id = '{task}'")) >= count:
            return


async def test_one_gateway_after_the_other_fills_the_tables(gateways: list[GatewayProcess], url: str) -> None:
    """Killed in turn while they copy: another one continues, and each line has one row, in order."""
    lines = [f"line {number}" for number in range(600)]
    for turn in range(4):
        await publish(gateways[turn % 2].grpc_address, "build", lines[turn * 150 : turn * 150 + 150])
        gateways[turn % 2].kill()
        await _copied(url, "build", turn * 150 + 150)
        await gateways[turn % 2].restart()
    assert await messages(url, "build") == lines


async def test_a_row_of_psql_is_live_at_every_gateway(gateways: list[GatewayProcess], url: str) -> None:
    """Once, and it has no second row."""
    streams = [EventStream(gateway.stream_url("job")) for gateway in gateways]
    reading = [asyncio.create_task(each.read(until=lambda seen: len(seen.entries) == 3)) for each in streams]
    for text in ("하나", "two", "3"):
        await psql(url, f"INSERT INTO job_logs (job_id, log_message) VALUES ('job', '{text}')")
    for recording in await asyncio.gather(*reading):
        assert recording.messages == ["하나", "two", "3"]
    assert await messages(url, "job") == ["하나", "two", "3"]
