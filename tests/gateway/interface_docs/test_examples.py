"""The examples in the documents, carried out against a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from otto.logs.v1 import logs_pb2

from tests.support.described import Call, calls, violations
from tests.support.event_stream import parse_event
from tests.support.gateway_log import trouble
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.producers import NativeProducer
from tests.support.signed_tokens import SECRET, make_token
from tests.support.socket_io_client import Recorder
from tests.support.waiting import attempts

SCOPES = ("logs:read", "logs:write", "alerts:write", "tasks:write")
TOKEN = make_token(scopes=SCOPES)
ALERTS = {
    "muteIncident",
    "resolveIncident",
    "removeAlertRule",
    "removeMaintenance",
    "listIncidentNotifications",
}
AUTOMATION = {f"{verb}AutomationTask" for verb in ("read", "retry", "stop", "delete")}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """With a task that has ended, one that continues, and a pipeline, under the names of the examples."""
    nowhere = {"NAVER_CLIENT_ID": "1", "NAVER_CLIENT_SECRET": "1", "NAVER_API_URL": "http://127.0.0.1:9"}
    nowhere |= {"MCP_ENABLED": "true", "AUTOMATION_ENABLED": "true", "AUTOMATION_SCRIPT_COMMAND": "sleep 60"}
    async with (
        alert_files(tmp_path) as alerts,
        running_gateway(tmp_path, JWT_SECRET=SECRET, BATCH_JOBS_MAX="100", **nowhere, **alerts) as started,
    ):
        yield started
        assert trouble(started.log()) == []


@asynccontextmanager
async def alert_files(directory: Path) -> AsyncIterator[dict[str, str]]:
    """Settings of alerts: a rule that the lines match, and a target that takes everything."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        (directory / "rules.yaml").write_text("rules: [{name: timeouts, filter: {keywords: [timeout]}}]")
        (directory / "targets.yaml").write_text(f"targets: {{team: {{webhook: '{url}', allow_private: true}}}}")
        yield {"ALERT_RULES": str(directory / "rules.yaml"), "ALERT_TARGETS": str(directory / "targets.yaml")}


async def take_alert(http: httpx2.AsyncClient, call: Call, headers: dict[str, str]) -> None:
    """Put an open incident, and a stored rule, in the place of the examples."""
    if call.operation["operationId"] == "removeAlertRule":
        rule = {"name": "out-of-memory", "filter": {"keywords": ["OutOfMemory"]}}
        await http.post("/api/v1/alerts/rules", json={"rule": rule}, headers=headers)
        return
    if call.operation["operationId"] == "removeMaintenance":
        window = {"name": "move", "weekly": {"from": "01:00", "to": "02:00"}}
        await http.post("/api/v1/alerts/maintenance", json={"window": window}, headers=headers)
        return
    async for _ in attempts("there is an incident"):
        found = (await http.get("/api/v1/alerts/incidents", params={"state": "open"}, headers=headers)).json()
        if found["incidents"]:
            break
    call.path = call.path.replace("/7", f"/{found['incidents'][0]['id']}")


async def fill(gateway: GatewayProcess) -> None:
    async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
        producer = NativeProducer(channel, TOKEN)
        await producer.hello("examples")
        lines = [logs_pb2.Line(message=b"timeout", level=logs_pb2.LEVEL_ERROR, source=logs_pb2.SOURCE_STDERR)] * 3
        number = 0
        for task_id in ("build-7", "build-8", "build-9"):
            number += 1
            batch = logs_pb2.LineBatch(task_id=task_id, worker_id="worker-1", lines=lines)
            await producer.send(logs_pb2.PublishRequest(number=number, lines=batch))
        stage = logs_pb2.StageProgress(
            pipeline_id="release", stage_id="compile", status=logs_pb2.STAGE_STATUS_RUNNING, progress_percentage=66
        )
        await producer.send(logs_pb2.PublishRequest(number=number + 1, stage_progress=stage))
        await producer.acknowledged(number + 1)
        producer.call.cancel()


async def first_events(answer: httpx2.Response) -> list[tuple[str, Any]]:
    """What a stream carries at its beginning: up to the first event with data."""
    pending = b""
    async for piece in answer.aiter_bytes():
        *blocks, pending = (pending + piece).split(b"\n\n")
        if events := [event for block in blocks if (event := parse_event(block)) is not None]:
            return [(event.name, event.data) for event in events]
    return []


async def test_every_example_of_http_works(gateway: GatewayProcess) -> None:
    """It is answered as described: status, media type, document, and the events of a stream."""
    await fill(gateway)
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        openapi = (await http.get("/openapi.json")).json()
        asyncapi = (await http.get("/asyncapi.json")).json()
        payloads = {key: each["payload"] for key, each in asyncapi["components"]["messages"].items()}
        for call in calls(openapi):
            headers = {**call.headers, **({"Authorization": f"Bearer {TOKEN}"} if call.operation["security"] else {})}
            if call.operation["operationId"] == "postSocketIo":
                query = {name: value for name, value in call.query.items() if name != "sid"}
                opened = await http.get("/socket.io/", params=query)
                call.query["sid"] = opened.text.partition('"sid":"')[2].partition('"')[0]
            if call.operation["operationId"] == "readJobLogs" and "jobId" not in call.query:
                call.query.setdefault("taskId", "build-7")
            if call.operation["operationId"] in {"readBatchJob", "cancelBatchJob"}:
                taken = await http.post("/api/documents/batch", json={"keywords": ["one"]}, headers=headers)
                example = "batch_1767225600000_0123abcd"
                call.path = call.path.replace(example, taken.json()["jobId"])
                call.query.update({"jobId": taken.json()["jobId"]} if "jobId" in call.query else {})
            if call.operation["operationId"] in ALERTS:
                await take_alert(http, call, headers)
            if call.operation["operationId"] in AUTOMATION:
                await take_automation_task(http, call, headers)
            if call.operation["operationId"] == "deleteNodeExecutions" and not call.query:
                continue  # one filter is needed, whichever
            request = http.build_request(call.method, call.path, params=call.query, headers=headers, json=call.json)
            answer = await http.send(request, stream=True)
            described = call.operation["responses"][str(answer.status_code)]
            assert answer.status_code < 400, (call.name, await answer.aread())
            content = described.get("content", {})
            media = answer.headers.get("content-type", "").partition(";")[0]
            assert media in content or not content, call.name
            assert {name.lower() for name in described.get("headers", {})} - {"set-cookie"} <= set(answer.headers)
            if media == "application/json":
                await answer.aread()
                assert violations(openapi, content[media]["schema"], answer.json()) == [], call.name
            elif media == "text/event-stream" and not {"after", "tail"} & call.query.keys():
                if call.operation["operationId"] == "streamUpdates":  # it says nothing before something has changed
                    summary = {"total_executions": 1, "failed_count": 0}
                    await http.post("/api/dashboard/execution-summary", json=summary, headers=headers)
                channel = call.operation["operationId"].removeprefix("stream").lower()
                for name, data in await first_events(answer):
                    assert violations(asyncapi, payloads[channel + name.capitalize()], data) == [], call.name
            await answer.aclose()


async def take_automation_task(http: httpx2.AsyncClient, call: Call, headers: dict[str, str]) -> None:
    """Put a task that exists in the place of the example; one to be tried again was stopped while its stage ran."""
    body = {"title": "one", "type": "product"}
    taken = (await http.post("/api/automation/tasks", json=body, headers=headers)).json()["taskId"]
    call.path = call.path.replace("3f1c9a52-7f0e-4f6e-9a51-0d6d6f6c2b11", taken)
    call.json = call.json and {"taskId": taken}
    if call.operation["operationId"] != "retryAutomationTask":
        return
    async for _ in attempts("the task's stage was stopped"):
        running = (await http.get("/api/automation/tasks?tab=script", headers=headers)).json()["tasks"]
        for task in running:
            if task["id"] != taken or task["queue"]["status"] == "processing":
                await http.post("/api/automation/stop", json={"taskId": task["id"]}, headers=headers)
        task = (await http.get(f"/api/automation/tasks/{taken}", headers=headers)).json()
        if task["queue"][-1]["status"] == "failed":
            break


async def test_every_example_of_socket_io_works(gateway: GatewayProcess) -> None:
    """Requests are answered by the events that are described, and everything sent is as its schema says."""
    await fill(gateway)
    async with httpx2.AsyncClient() as http:
        asyncapi = (await http.get(f"{gateway.url}/asyncapi.json")).json()
    messages = asyncapi["components"]["messages"]
    client = await Recorder().connect(gateway.websocket_url, auth={"token": TOKEN})
    for operation in asyncapi["operations"].values():
        if operation["action"] != "receive":
            continue
        request, success = (
            messages[each["$ref"].rpartition("/")[2]]
            for each in (operation["messages"][0], operation["reply"]["messages"][0])
        )
        for example in request.get("examples", [{"payload": None}]):
            answer = await client.call(request["name"], example["payload"])
            assert violations(asyncapi, success["payload"], answer) == [], (request["name"], answer)
            assert success["name"] in [name for name, _ in client.events]
    await client.call("subscribe-to-logs", {"taskId": "build-7", "filter": {"levels": ["LOUD"]}})
    await client.call("shout")
    await client.call("subscribe-to-pipeline", {"pipelineId": "release"})
    await publish_end(gateway)
    await client.wait_for("log-complete")
    await client.wait_for("pipeline-progress")
    by_name = {message["name"]: message["payload"] for key, message in messages.items() if key.startswith("socketIo")}
    for name, payload in client.events:
        assert violations(asyncapi, by_name[name], payload) == [], (name, payload)
    assert {"connected", "log-entry", "log-entries", "subscription_error", "request_error"} <= {
        n for n, _ in client.events
    }
    await client.close()


async def publish_end(gateway: GatewayProcess) -> None:
    async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
        producer = NativeProducer(channel, TOKEN)
        await producer.hello("ends")
        ending = logs_pb2.EndOfTask(task_id="build-9")
        await producer.send(logs_pb2.PublishRequest(number=1, end_of_task=ending))
        await producer.acknowledged(1)
        producer.call.cancel()
