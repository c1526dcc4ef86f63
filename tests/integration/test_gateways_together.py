"""What two gateways on one PostgreSQL do together beside lines."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_process import GatewayProcess, gateways_together
from tests.support.postgres_server import PostgresServer
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import attempts

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

ALLOWED = {"Authorization": f"Bearer {make_token(scopes=['logs:read', 'logs:write'])}"}


@pytest.fixture
async def gateways(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[list[GatewayProcess]]:
    async with gateways_together(tmp_path, await postgres.add_schema(), JWT_SECRET=SECRET) as both:
        yield both


async def test_gateways_share_tickets_masks_and_live_updates_and_one_leads(gateways: list[GatewayProcess]) -> None:
    """A ticket of one lets a stream in at the other, once; secrets named at one are masked, and runs live, at both."""
    here, there = gateways
    async with httpx2.AsyncClient(headers=ALLOWED) as client:
        ticket = (await client.post(f"{here.url}/api/v1/auth/ticket")).json()["ticket"]
        address = f"{there.url}/api/v1/log-streaming/updates?ticket={ticket}"
        async with httpx2.AsyncClient() as stranger, stranger.stream("GET", address) as stream:
            assert stream.status_code == 200
            assert (await stranger.get(address)).status_code == 401
            lines = stream.aiter_lines()
            report = {"execution_id": "e", "script_id": "s", "node_id": "n", "started_at": 1, "status": "failed"}
            await client.post(f"{here.url}/api/logs/node-execution", json=report | {"finished_at": 2})
            data = await _first_data(lines)
        assert data == {"type": "workflowExecutionFailed", "scriptId": "s", "executionId": "e"}
        secrets = {"values": ["hunter-2-secret"]}
        named = await client.post(f"{here.url}/api/v1/log-streaming/tasks/build/masks", json=secrets)
        assert named.json() == {"taskId": "build", "refused": []}
        upload = f"{there.url}/api/v1/ingest/build"
        assert (await client.post(upload, content=b"key hunter-2-secret\n")).status_code == 200
        log = (await client.get(f"{here.url}/api/v1/log-streaming/logs/build?after=0")).json()
        assert [entry["message"] for entry in log["entries"]] == ["key ***"]
        async for _ in attempts("one of two leads"):
            reports = [(await client.get(f"{each.url}/api/v1/log-streaming/health")).json() for each in gateways]
            figures = [report["dependencies"]["leadership"]["figures"] for report in reports]
            if sorted((each["leads"], each["gateways"]) for each in figures) == [(False, 2), (True, 2)]:
                break
    metrics = [await gateway.metrics() for gateway in gateways]
    assert sorted(each["otto_gateway_leads"] for each in metrics) == [0, 1]
    assert [each["otto_gateways"] for each in metrics] == [2, 2]


async def _first_data(lines: AsyncIterator[str]) -> object:
    async for line in lines:
        if line.startswith("data: {"):
            return json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream has ended")
