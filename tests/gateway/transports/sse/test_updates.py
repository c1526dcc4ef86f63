"""``logsUpdated`` over Server-Sent Events and Socket.IO, on real connections."""

import json
from typing import Any

import httpx2

from components.executions.tables import Change, NodeReport, NodeStatus, RunAllSummary, ScriptRecord, ScriptStatus
from components.executions.updates import publish_changes
from sessions.limits import Limits
from tests.gateway.transports.conftest import Connect, MakeGateway
from tests.support.gateway_server import GatewayServer, Principal

PATH = "/api/v1/log-streaming/updates"
SUMMARY = RunAllSummary(5, 2)
COUNTS = {"type": "allScriptsExecutionCompleted", "successCount": 3, "failCount": 2, "totalCount": 5}


def _record(script: str) -> ScriptRecord:
    return ScriptRecord(script_id=script, status=ScriptStatus.ERROR, script_name="이름", execution_id="e")


def _failed(script: str) -> dict[str, Any]:
    return {"type": "workflowExecutionFailed", "scriptId": script, "scriptName": "이름", "executionId": "e"}


async def _payloads(gateway: GatewayServer, count: int, *changes: Change, token: str = "") -> list[dict[str, Any]]:
    """The data of the next events of a stream on which the changes are published."""
    found = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(base_url=gateway.url) as http,
        http.stream("GET", PATH, headers=headers) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert (await anext(lines)).startswith("retry: ")
        publish_changes(gateway.updates, changes)
        async for line in lines:
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
            elif line:
                assert line == "event: logsUpdated"
            if len(found) == count:
                break
    return found


async def test_a_stream_tells_of_every_kind_of_record(start_gateway: MakeGateway) -> None:
    """Doubled ones once; a node that has ended by its status."""
    gateway = await start_gateway()
    node = NodeReport(execution_id="e", node_id="n", status=NodeStatus.COMPLETED, script_id="s")
    expected = [_failed("s"), COUNTS, {"type": "workflowExecutionCompleted", "scriptId": "s", "executionId": "e"}]
    assert await _payloads(gateway, 3, _record("s"), SUMMARY, _record("s"), node, node) == expected


async def test_a_token_limits_what_is_seen(start_gateway: MakeGateway) -> None:
    """Its scripts; what is of all scripts together is not for it."""
    gateway = await start_gateway()
    gateway.tokens.principals["narrow"] = Principal(tasks=frozenset({"mine"}))
    changes = (_record("theirs"), SUMMARY, _record("mine"))
    assert await _payloads(gateway, 1, *changes, token="narrow") == [_failed("mine")]
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        assert (await http.get(PATH)).status_code == 401


async def test_a_full_server_and_a_shutdown_are_told(start_gateway: MakeGateway) -> None:
    """503 with a time to come back, and an ``error`` event."""
    gateway = await start_gateway(limits=Limits(sessions_max=1))
    async with httpx2.AsyncClient(base_url=gateway.url) as http, http.stream("GET", PATH) as response:
        lines = response.aiter_lines()
        await anext(lines)
        assert (await http.get(PATH)).json()["error"]["code"] == "SERVER_FULL"
        gateway.updates.close()
        assert '"SERVER_SHUTDOWN"' in "".join([line async for line in lines])
    assert gateway.hub.admission.active == 0


async def test_socket_io_clients_hear_of_what_they_may_see(start_gateway: MakeGateway, connect: Connect) -> None:
    """``logs-updated``, without asking for it."""
    gateway = await start_gateway()
    gateway.tokens.principals |= {"all": Principal(), "narrow": Principal(tasks=frozenset({"mine"}))}
    everything = await connect(gateway, auth={"token": "all"})
    narrow = await connect(gateway, auth={"token": "narrow"})
    for client in (everything, narrow):
        await client.wait_for("connected")
    publish_changes(gateway.updates, [_record("theirs"), SUMMARY, _record("mine"), _record("mine")])
    await everything.wait(lambda client: len(client.named("logs-updated")) == 3)
    assert everything.named("logs-updated") == [_failed("theirs"), COUNTS, _failed("mine")]
    assert await narrow.wait_for("logs-updated") == _failed("mine")
    assert len(narrow.named("logs-updated")) == 1
