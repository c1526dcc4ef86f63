"""Alerts in a real gateway: from a line to a notification, over kills."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from otto_logs import LogReader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.gateway_process import GatewayProcess
from tests.support.http_server import serve
from tests.support.socket_io_client import Recorder
from tests.support.waiting import until
from tests.support.worker import publish

pytestmark = pytest.mark.slow  # each starts a gateway

RULES = """
rules:
  - {name: oom, filter: {keywords: [OutOfMemory]}, tasks: 'build-*', notify: [team], cooldown: 1h}
  - {name: red, when: failed, notify: [team]}
"""
BASE = "/api/v1/alerts"


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A target: its address, and the events that it has taken, each once by its id."""
    taken: dict[str, dict[str, Any]] = {}

    async def hook(request: Request) -> Response:
        taken.setdefault(request.headers["webhook-id"], await request.json())
        return Response(status_code=204)

    async with serve(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as url:
        yield f"{url}/hook", taken  # type: ignore[misc]


@pytest.fixture
async def alerting(tmp_path: Path) -> AsyncIterator[tuple[GatewayProcess, dict[str, dict[str, Any]]]]:
    """A gateway with rules, and what its target has taken."""
    async with receiving() as (url, taken):
        (tmp_path / "rules.yaml").write_text(RULES)
        (tmp_path / "targets.yaml").write_text(f"targets: {{team: {{webhook: '{url}', allow_private: true}}}}")
        gateway = GatewayProcess(
            tmp_path / "gateway",
            ALERT_RULES=str(tmp_path / "rules.yaml"),
            ALERT_TARGETS=str(tmp_path / "targets.yaml"),
        )
        await gateway.start()
        try:
            yield gateway, taken  # type: ignore[misc]
        finally:
            gateway.kill()


async def incidents(gateway: GatewayProcess, **query: str) -> list[dict[str, Any]]:
    async with httpx2.AsyncClient(base_url=gateway.url) as client:
        answer = await client.get(f"{BASE}/incidents", params=query)
        assert answer.is_success, answer.text
        found: list[dict[str, Any]] = answer.json()["incidents"]
        return found


async def test_lines_become_incidents_and_notifications(
    alerting: tuple[GatewayProcess, dict[str, dict[str, Any]]],
) -> None:
    """A thousand lines of a loop are one of each; what is done by hand is seen, and rules come and go."""
    gateway, taken = alerting
    loop = [f"java.lang.OutOfMemoryError at 0x{n:08x}" for n in range(1_000)]
    await publish(gateway.grpc_address, "build-7", ["fine", *loop])
    await publish(gateway.grpc_address, "other", loop[:1])
    await until(lambda: taken, "the target was notified")
    (event,) = taken.values()
    assert (event["type"], event["incident"]["key"], event["rule"]["name"]) == ("incident.opened", "build-7", "oom")
    assert event["lines"][0] == {"taskId": "build-7", "sequence": 2, "workerId": "worker-1", "level": "ERROR"} | {
        "message": loop[0]
    } | {"level": event["lines"][0]["level"]}
    await until(lambda: _counted(gateway, 1_000), "all lines are counted")
    assert [len(await incidents(gateway, task=task)) for task in ("BUILD-7", "other")] == [1, 0]
    async with httpx2.AsyncClient(base_url=gateway.url) as client:
        (incident,) = (await client.get(f"{BASE}/incidents?state=open")).json()["incidents"]
        muted = await client.post(f"{BASE}/incidents/{incident['id']}/mute", json={"minutes": 5})
        assert muted.json()["mutedUntil"]
        assert muted.json()["mutedBy"] == "anonymous"
        (beside,) = (await client.get(f"{BASE}/tasks/build-7/incidents")).json()["incidents"]
        assert (beside["incident"]["id"], beside["severity"], beside["count"]) == (incident["id"], "warning", 1_000)
        assert [mark["sequence"] for mark in beside["marks"]] == [*range(2, 202)]
        counts = (await client.get(f"{BASE}/tasks")).json()
        assert counts == {"tasks": [{"taskId": "build-7", "open": 1}], "isComplete": True}
        resolved = await client.post(f"{BASE}/incidents/{incident['id']}/resolve", json={})
        assert (resolved.json()["resolution"], resolved.json()["isOpen"]) == ("hand", False)
        rule = {"name": "slow", "filter": {"keywords": ["slow"]}, "notify": ["team"]}
        tried = await client.post(f"{BASE}/preview", json={"rule": {**rule, "filter": {"keywords": ["OutOfMemory"]}}})
        assert (tried.json()["incidents"], tried.json()["matches"]) == (2, 1_001)
        assert (await client.post(f"{BASE}/rules", json={"rule": rule})).is_success
        refused = await client.post(f"{BASE}/rules", json={"rule": {**rule, "notify": ["nobody"]}})
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, "rule.notify")
        await publish(gateway.grpc_address, "any", ["this is slow"])
        await until(lambda: any(each["rule"]["name"] == "slow" for each in taken.values()), "the new rule is used")
        assert (await client.delete(f"{BASE}/rules/slow")).is_success
        assert (await client.post(f"{BASE}/targets/team/test", json={})).is_success
        assert any(each["type"] == "incident.test" for each in taken.values())
        sent = (await client.get(f"{BASE}/incidents/{incident['id']}/notifications")).json()["notifications"]
        assert ("delivered", "team", "opened") in [(each["outcome"], each["target"], each["notice"]) for each in sent]
        listed = (await client.get(f"{BASE}/rules")).json()["rules"]
        (oom,) = (each for each in listed if each["name"] == "oom")
        assert (oom["rule"]["cooldown"], oom["notificationsLastHour"], bool(oom["notifiedAt"])) == ("1h", 1, True)
        metrics = (await client.get("/metrics")).text
    assert "otto_alert_rules 2.0" in metrics
    assert 'otto_alert_deliveries_total{result="failed"} 0.0' in metrics


async def test_changes_of_incidents_reach_both_clients(
    alerting: tuple[GatewayProcess, dict[str, dict[str, Any]]],
) -> None:
    """Over Server-Sent Events and Socket.IO, with the task of the newest line, after they were stored."""
    gateway, _taken = alerting
    socket = await Recorder().connect(gateway.url)
    async with LogReader(gateway.url) as reader:
        updates = aiter(reader.updates())
        assert (await anext(updates)).kind == "open"
        await publish(gateway.grpc_address, "build-7", ["OutOfMemory"], end=True)
        update = await anext(updates)
        while update.data.get("isOpen", True):
            update = await anext(updates)
    (incident,) = await incidents(gateway)
    expected = {"incidentId": incident["id"], "rule": "oom", "severity": "warning", "key": "build-7"}
    expected |= {"taskId": "build-7", "count": 1, "isOpen": False, "isMuted": False}
    assert (update.kind, update.data) == ("incident", expected)
    await socket.wait(lambda seen: expected in seen.named("incident"))
    await socket.close()


async def _counted(gateway: GatewayProcess, count: int) -> bool:
    return [each["count"] for each in await incidents(gateway, rule="oom")] == [count]


async def test_a_file_is_read_again_when_it_changes(
    alerting: tuple[GatewayProcess, dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    """One that is wrong leaves the rules as they were."""
    gateway, _taken = alerting
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [{name: Bad}]")
    await until(lambda: "rules stay as they were" in gateway.log(), "the file is refused")
    path.write_text(json.dumps({"rules": [{"name": "new", "filter": {"keywords": ["novel"]}}]}))
    await until(lambda: "rules were read" in gateway.log(), "the file is read")
    await publish(gateway.grpc_address, "t", ["a novel line"])
    await until(lambda: _is_there(gateway, "new"), "the new rule is used")


async def _is_there(gateway: GatewayProcess, rule: str) -> bool:
    return bool(await incidents(gateway, rule=rule))


async def test_a_gateway_with_bad_rules_does_not_start(tmp_path: Path) -> None:
    """It says which rule, and what would be right."""
    (tmp_path / "rules.yaml").write_text("rules: [{name: oom}]")
    gateway = GatewayProcess(tmp_path / "gateway", is_forked=False, ALERT_RULES=str(tmp_path / "rules.yaml"))
    with pytest.raises(RuntimeError, match="ALERT_RULES: rule oom: `filter` is missing"):
        await gateway.start()
