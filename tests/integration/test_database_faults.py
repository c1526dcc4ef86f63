"""What others do to the database of running gateways: each is said, nothing is lost, and it ends with its cause."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import asyncpg
import httpx2
import pytest
from otto_logs import LogProducer

from tests.faults.wall_clock import Clock, Disk, small_disk
from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.postgres_server import PostgresServer, unprivileged_user
from tests.support.psql import messages, psql
from tests.support.waiting import WAIT_SECONDS_MAX, attempts, until
from tests.support.worker import publish

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

LINES = [f"line {number}" for number in range(1, 61)]
MEBIBYTE = 1 << 20
DAY = 86_400


async def health(gateway: GatewayProcess) -> dict[str, object]:
    async with httpx2.AsyncClient() as client:
        found: dict[str, object] = (await client.get(f"{gateway.url}/api/v1/log-streaming/health")).json()
        return found


async def unhealthy(gateway: GatewayProcess, reason: str) -> None:
    """Return once the health page says it."""
    async for _ in attempts(f"the health page says {reason!r}", shown=gateway.log):
        page = await health(gateway)
        if page["status"] == "unhealthy" and reason in str(page["reason"]):
            return


async def copied(url: str, task: str, lines: list[str]) -> None:
    """Return once the task has its rows, each line one."""
    async for _ in attempts("job_logs has every line"):
        if len(await messages(url, task)) >= len(lines):
            break
    assert await messages(url, task) == lines


async def streamed(gateway: GatewayProcess, task: str) -> list[str]:
    recording = await EventStream(gateway.stream_url(task)).read()
    assert recording.is_complete
    return recording.messages


async def test_a_lane_that_psql_has_locked_is_said_and_lines_wait(postgres: PostgresServer, tmp_path: Path) -> None:
    """Readers are served meanwhile; with the end of the transaction lines are stored, once."""
    url = await postgres.add_schema()
    async with running_gateway(tmp_path, DATABASE_URL=url) as gateway:
        await publish(gateway.grpc_address, "build", LINES[:20])
        held = await asyncpg.connect(url)
        await held.execute("BEGIN; SELECT 1 FROM journal_lanes FOR UPDATE")
        async with LogProducer(gateway.grpc_address) as producer, producer.worker("build", "w") as worker:
            for line in LINES[20:]:
                await worker.log(line)
            await unhealthy(gateway, "cannot be written: another session has locked a lane")
            stored = await EventStream(gateway.stream_url("build")).read(until=lambda seen: len(seen.entries) == 20)
            assert stored.messages == LINES[:20]
            await held.execute("ROLLBACK")
            await held.close()
            await producer.flush(WAIT_SECONDS_MAX)
        await gateway.wait_healthy()
        await publish(gateway.grpc_address, "build", [], end=True)
        assert await streamed(gateway, "build") == LINES
        await copied(url, "build", LINES)


async def test_limits_of_an_administrator_change_nothing(postgres: PostgresServer, tmp_path: Path) -> None:
    """Set for the role in its database: no statement, wait or silence of a gateway is cut off."""
    url = await postgres.add_schema()
    role = url.rpartition("=")[2]
    limits = {"statement_timeout": "20ms", "lock_timeout": "20ms", "idle_in_transaction_session_timeout": "20ms"}
    limits["idle_session_timeout"] = "1s"  # it counts before a gateway can say anything
    await postgres.execute(
        f"CREATE ROLE {role} LOGIN; GRANT CREATE, USAGE ON SCHEMA {role} TO {role}; "
        + "; ".join(f"ALTER ROLE {role} IN DATABASE postgres SET {name} = '{limit}'" for name, limit in limits.items())
    )
    async with running_gateway(tmp_path, DATABASE_URL=postgres.url(role, user=role)) as gateway:
        for start in range(0, 60, 20):
            await publish(gateway.grpc_address, "build", LINES[start : start + 20], end=start == 40)
            await copied(url, "build", LINES[: start + 20])
            silent = await asyncpg.connect(postgres.url(role, user=role))
            await until(silent.is_closed, "a connection without a gateway's settings is ended")
        assert await streamed(gateway, "build") == LINES
        page = await health(gateway)
        assert page["status"] == "healthy"
        wrong = [line for line in gateway.log().splitlines() if "reason" in line or '"level": "error"' in line]
        assert wrong == []


async def test_a_full_disk_of_the_server_is_said_and_lines_wait(tmp_path: Path) -> None:
    """Tables on a disk of 16 MB that is full: it is in the log and in the health page; with room lines are stored."""
    server = PostgresServer()
    try:
        with small_disk(server.directory / "disk", 16 * MEBIBYTE) as disk:
            if disk.missing:
                pytest.skip(f"a small disk cannot be mounted: {disk.missing}")
            server.start()
            server.wait_ready()
            try:
                await _on_a_full_disk(server, disk, tmp_path)
            finally:
                server.kill()
    finally:
        server.close()


async def _on_a_full_disk(server: PostgresServer, disk: Disk, directory: Path) -> None:
    tables = disk.folder / "tables"
    tables.mkdir()
    if (user := unprivileged_user()) is not None:
        shutil.chown(tables, user)
    await server.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
    await server.execute("ALTER ROLE otto SET default_tablespace = small")
    url = await server.add_schema()
    lines = [f"{line} {Random(line).randbytes(4000).hex()}" for line in LINES]  # of no use to compress
    async with running_gateway(directory, DATABASE_URL=url) as gateway:
        await publish(gateway.grpc_address, "build", lines[:20])
        await copied(url, "build", lines[:20])
        disk.fill()
        async with LogProducer(gateway.grpc_address) as producer, producer.worker("build", "w") as worker:
            for line in lines[20:]:
                await worker.log(line)
            await unhealthy(gateway, "cannot store more: its disk is full")
            assert "the disk is full: lines wait to be stored" in gateway.log()
            disk.empty()
            await producer.flush(WAIT_SECONDS_MAX)
        await gateway.wait_healthy()
        assert "the disk has room again: lines are stored" in gateway.log()
        await publish(gateway.grpc_address, "build", [], end=True)
        assert await streamed(gateway, "build") == lines
        await copied(url, "build", lines)


@pytest.fixture
async def apart(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[tuple[str, list[GatewayProcess]]]:
    """Two gateways that are not started: the clock of one is 20 days behind, that of the other 20 days ahead."""
    url, gateways = await postgres.add_schema(), []
    for name, days in (("behind", -20), ("ahead", 20)):
        (tmp_path / name).mkdir()
        clock = Clock(tmp_path / name)
        if clock.missing:
            pytest.skip(f"a clock cannot be moved: {clock.missing}")
        clock.move(days * DAY)
        settings = {"DATABASE_URL": url, "RETENTION_DAYS": "30", **clock.environment}
        gateways.append(GatewayProcess(tmp_path / name, **settings))
    try:
        yield url, gateways
    finally:
        for gateway in gateways:
            gateway.kill()


async def test_clocks_that_differ_are_said_and_nothing_is_removed_or_reordered(
    apart: tuple[str, list[GatewayProcess]],
) -> None:
    """The age of lines is the database's: a leader of another time removes nothing, whoever has noted the age."""
    url, (behind, ahead) = apart
    await behind.start()
    await publish(behind.grpc_address, "build", LINES[:20])
    await copied(url, "build", LINES[:20])
    await behind.restart()  # its first pass notes the age of what is there
    async for _ in attempts("the age of the lines is noted"):
        if await psql(url, "SELECT count(*) FROM journal_marks") != "0":
            break
    await publish(behind.grpc_address, "build", LINES[20:40])
    await ahead.start()
    for gateway, said in ((behind, "s behind the database's"), (ahead, "s ahead of the database's")):
        clock = (await health(gateway))["dependencies"]["clock"]  # type: ignore[index]
        assert clock["status"] == "unhealthy"
        assert said in clock["reason"]
        assert "the clocks of gateway and database differ" in gateway.log()
    behind.kill()
    async for _ in attempts("the other one leads, and has looked for what is old"):
        metrics = await ahead.metrics()
        if metrics["otto_gateway_leads"] and metrics["otto_retention_passes_total"]:
            break
    await publish(ahead.grpc_address, "build", LINES[40:], end=True)
    assert await streamed(ahead, "build") == LINES
    await copied(url, "build", LINES)
