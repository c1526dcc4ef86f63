"""A file system with no byte left: what the commands and the gateway say, and that nothing acknowledged is lost."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from storage.sqlite.disk_reserve import DiskReserve
from tests.faults.wall_clock import Disk, small_disk
from tests.gateway.commands.test_main import call, complaint
from tests.gateway.commands.test_prune import fill, left
from tests.support.gateway_process import running_gateway
from tests.support.waiting import until

SIZE = 24 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small file system of its own."""
    with small_disk(tmp_path / "disk", SIZE) as disk:
        if disk.missing:
            pytest.skip(f"no file system can be mounted: {disk.missing}")
        yield disk


@pytest.mark.parametrize("command", ["check", "verify", "serve", "prune"])
def test_a_command_names_the_full_disk_and_what_to_do(disk: Disk, command: str) -> None:
    """The last user of the database has removed its write-ahead log: not even opening it has room."""
    path = disk.folder / "otto.db"
    asyncio.run(fill(path))
    disk.fill()
    assert not Path(f"{path}-wal").exists()
    result = call(command, directory=disk.folder, RETENTION_TASKS="1", DISK_RESERVE_BYTES="0")
    assert result.returncode in {1, 2}
    said = complaint(result)
    assert f"{path} cannot grow: the disk is full, " in said
    assert "make room on it" in said
    disk.empty()
    assert asyncio.run(left(path)) == [3, 3, 3]


def test_prune_works_with_the_reserve(disk: Disk) -> None:
    """Without a byte free, and it removes all that is due."""
    path = disk.folder / "otto.db"
    asyncio.run(fill(path))
    reserve = DiskReserve(path, 4 << 20)
    reserve.keep()
    disk.fill()
    result = call("prune", directory=disk.folder, RETENTION_TASKS="1")
    assert (result.returncode, "removed 6 lines" in result.stdout) == (0, True), result.stderr
    disk.empty()
    assert asyncio.run(left(path)) == [0, 0, 3]


async def test_a_gateway_says_that_its_disk_is_full_and_continues_with_room(disk: Disk, tmp_path: Path) -> None:
    """Health, metric and one line of the log; what was acknowledged is there, what waits is stored later."""
    async with (
        running_gateway(tmp_path / "gateway", DATABASE_URL=f"sqlite:///{disk.folder}/otto.db") as gateway,
        httpx2.AsyncClient(base_url=gateway.url, timeout=None) as client,
    ):
        await _send(client, "before")
        free = (await gateway.metrics())["otto_disk_free_bytes"]
        assert 0 < free < SIZE
        disk.fill()
        late = [asyncio.ensure_future(_send(client, f"{number}-{'x' * 60_000}")) for number in range(10)]

        async def unhealthy() -> str | None:
            page = await client.get("/api/v1/log-streaming/health")
            return page.json()["reason"] if page.status_code == 503 else None

        reason = await until(unhealthy, "the health page says it")
        assert f"{disk.folder}/otto.db cannot grow: the disk is full, " in str(reason)
        figures = await gateway.metrics()
        assert (figures["otto_journal_up"], figures["otto_disk_free_bytes"] < free) == (0, True)
        assert not any(sent.done() for sent in late)
        disk.empty()
        await asyncio.gather(*late)
        await gateway.wait_healthy()
        assert (await gateway.metrics())["otto_lines_stored_total"] == 11
        assert gateway.log().count("the disk is full: lines wait to be stored") == 1
        assert "the disk has room again" in gateway.log()


async def _send(client: httpx2.AsyncClient, line: str) -> None:
    answer = await client.post("/api/v1/ingest/build", content=line)
    answer.raise_for_status()
