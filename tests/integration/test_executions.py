"""The record of what ran against a real gateway process, as the workflow UI and its nodes see it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.gateway_process import running_gateway
from tests.support.old_ui import poll_job, wait_for_logs_and_dispatch
from tests.support.worker import publish
from tests.support.workflow import counted, workflow

NODE = "/api/logs/node-execution"


async def test_a_workflow_reported_in_disorder_is_as_if_by_hand(tmp_path: Path) -> None:
    """200 nodes, loops and failures, every report twice, shuffled, from 16 senders; a kill in between loses nothing."""
    source = random.Random()
    runs = workflow(source, "e")
    documents = [document for run in runs for document in run.documents() * 2]
    source.shuffle(documents)
    async with (
        running_gateway(tmp_path, DURABILITY="process") as gateway,
        httpx2.AsyncClient(base_url=gateway.url, limits=httpx2.Limits(max_connections=16)) as client,
    ):
        half = len(documents) // 2
        for part in (documents[:half], documents[half:]):
            answers = await asyncio.gather(*(client.post(NODE, json=document) for document in part))
            assert {answer.status_code for answer in answers} == {200}
            await gateway.restart()
        rows = (await client.get(NODE, params={"execution_id": "e", "limit": 1000})).json()["logs"]
        found = [
            (row["execution_id"], row["node_id"], row["status"], row["started_at"], row["execution_time_ms"])
            for row in rows
        ]
        assert sorted(found) == sorted(run.row for run in runs)
        assert [row["started_at"] for row in rows] == sorted((run.started_at for run in runs), reverse=True)
        statistics = tuple((await client.get("/api/logs/stats")).json().values())
    assert statistics == pytest.approx(counted(runs))


async def test_the_old_uis_loop_ends_with_the_job(tmp_path: Path) -> None:
    """It starts polling before there is a line, and stops at the closing row with everything in between."""
    async with running_gateway(tmp_path) as gateway, httpx2.AsyncClient(base_url=gateway.url) as client:
        polling = asyncio.create_task(poll_job(client, "job", interval_seconds=0.05))
        await publish(gateway.grpc_address, "job", ["one", "two"])
        await publish(gateway.grpc_address, "job", ["three", "🎉 작업 완료"])
        assert await polling == ["one", "two", "three", "🎉 작업 완료"]


async def test_rows_are_there_when_the_event_comes(tmp_path: Path) -> None:
    """The old UI's retries find the rows, and whoever waits for ``logsUpdated`` needs none: one event, rows saved."""
    async with running_gateway(tmp_path) as gateway, httpx2.AsyncClient(base_url=gateway.url) as client:
        report: dict[str, Any] = {"execution_id": "e", "script_id": "s", "node_id": "n", "started_at": 1}
        dispatched: list[Any] = []
        detail = {"type": "workflowExecutionCompleted", "scriptId": "s", "executionId": "e"}

        def dispatch(*event: Any) -> None:
            dispatched.append(event)

        async with client.stream("GET", "/api/v1/log-streaming/updates") as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            await client.post(NODE, json=report | {"status": "running"})
            waiting = asyncio.create_task(
                wait_for_logs_and_dispatch(client, "e", dispatch, detail, attempts=500, interval_seconds=0.02)
            )
            for _ in range(2):
                await client.post(NODE, json=report | {"status": "completed", "finished_at": 9})
                record = {"status": "success", "execution_id": "e"}
                await client.post("/api/scripts/s/execution-record", json=record)
            data = await _next_data(lines)
            saved = (await client.get(NODE, params={"execution_id": "e"})).json()["logs"]
        assert await waiting
    assert data == detail
    assert dispatched == [("logsUpdated", detail)]
    assert [row["status"] for row in saved] == ["completed"]


async def _next_data(lines: AsyncIterator[str]) -> Any:
    async for line in lines:
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    return None
