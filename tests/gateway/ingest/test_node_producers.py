"""Producers in another language, built from the contracts at run time with grpc-js."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.ingest.limits import IngestLimits
from storage.journal.interface import StreamClosed, WorkerReport
from tests.support.tokens import WordAuthenticator, WordPrincipal
from tests.support.watched_journal import WatchedJournal

pytestmark = pytest.mark.node

NODE = Path(__file__).resolve().parents[2] / "node"
LINES = [f"line {number} \x1b[32mgrün\x1b[0m 한국어" if number % 7 else "" for number in range(500)]


async def run(script: str, *arguments: object, lines: list[str] = LINES, **environment: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(NODE / script),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **environment},
    )
    output, _ = await process.communicate("".join(f"{line}\n" for line in lines).encode())
    assert process.returncode == 0
    return json.loads(output)


@pytest.mark.parametrize("method", ["StreamLogs", "ForwardWorkerLogs"])
async def test_otto_wire_line_by_line(serve: Any, journal: WatchedJournal, method: str) -> None:
    """Every line of a worker in JavaScript is acknowledged with its sequence, in order, and stored as it was."""
    server, _ = await serve()
    result = await run("otto-producer.js", f"127.0.0.1:{server.port}", method, "t", "node-1")
    assert (result["ACK"], result["RETRY"], result["DROP"], result["code"]) == (500, 0, 0, 0)
    assert result["sequences"] == list(range(1, 501))
    entries = await journal.entries("t")
    assert [entry.message for entry in entries] == LINES
    if method == "StreamLogs":
        assert entries[0].pod_metadata == {"podName": "node-pod"}
    else:
        assert result["completed"] == "RECEIVED"
        assert journal.of_type(WorkerReport)[0].status == "COMPLETED"
    await journal.until(lambda: StreamClosed("t") in journal.appended)


async def test_otto_wire_without_a_token(serve: Any) -> None:
    """A worker in JavaScript sees the status and the text of a refusal."""
    server, _ = await serve(authenticator=WordAuthenticator(good=WordPrincipal()))
    arguments = ("otto-producer.js", f"127.0.0.1:{server.port}", "ForwardWorkerLogs", "t", "w")
    refused = await run(*arguments, lines=["a"], TOKEN="bad")
    assert (refused["code"], refused["details"]) == (grpc.StatusCode.UNAUTHENTICATED.value[0], "no good token")
    assert (await run(*arguments, lines=["a"], TOKEN="good"))["ACK"] == 1


async def test_native_wire_within_credit_and_resumed(serve: Any, journal: WatchedJournal) -> None:
    """A producer in JavaScript stays within its credit, and what it sends again after a break is stored once."""
    server, _ = await serve(IngestLimits(inflight_lines_max=60))
    address = f"127.0.0.1:{server.port}"
    first = await run("native-producer.js", address, "p", "t", 20, lines=LINES[:200])
    assert (first["resumedAfter"], first["acknowledged"], first["code"]) == (0, 10, 0)
    assert first["inFlightMax"] <= 60
    again = await run("native-producer.js", address, "p", "t", 20)
    assert (again["resumedAfter"], again["acknowledged"]) == (10, 25)
    assert [entry.message for entry in await journal.entries("t")] == LINES
