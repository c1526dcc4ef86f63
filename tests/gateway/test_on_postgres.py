"""A whole gateway in the test's event loop, with everything on PostgreSQL."""

import gc

import httpx2
import pytest

from gateway.app import Gateway
from gateway.settings.model import Settings
from tests.support.postgres_server import PostgresServer

pytestmark = pytest.mark.xdist_group("postgres")


async def test_a_gateway_that_stops_closes_its_connections(
    postgres: PostgresServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them, whichever thread had one: none is left to the garbage collector, which would warn."""
    shared = settings.model_copy(update={"database_url": await postgres.add_schema()})
    gateway = await Gateway.start(shared)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as http:
        assert (await http.post("/api/v1/ingest/build", content=b"a\n")).status_code == 200
        assert (await http.post("/api/v1/tasks/build/pin")).is_success
        assert (await http.get("/api/v1/log-streaming/tasks")).is_success
    assert await gateway.stop()
    gc.collect()
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []
