"""Starts that a database breaks off."""

from typing import Any

import asyncpg
import pytest

from gateway.app import Gateway
from gateway.commands.starting import start_gateway
from gateway.settings.model import Settings
from storage.errors import StorageObstructedError
from tests.support.postgres_server import PostgresServer


@pytest.mark.xdist_group("postgres")
@pytest.mark.parametrize("place", [2, 3, 5, 8])
async def test_start_outlasts_a_server_that_does_not_answer_once(
    postgres: PostgresServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: int,
) -> None:
    """A fault: whichever of the first connections it is that a busy server does not answer in time."""
    shared = settings.model_copy(update={"database_url": await postgres.add_schema()})
    real, count = asyncpg.connect, 0

    async def connect(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count == place:
            raise TimeoutError
        return await real(*args, **kwargs)

    monkeypatch.setattr(asyncpg, "connect", connect)
    gateway = await start_gateway(shared)
    assert count > place
    assert await gateway.stop()
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


async def test_start_on_a_file_that_cannot_be_used_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(_settings: Settings) -> Gateway:
        raise StorageObstructedError("its disk is full")

    monkeypatch.setattr(Gateway, "start", start)
    with pytest.raises(StorageObstructedError, match="full"):
        await start_gateway(settings)
