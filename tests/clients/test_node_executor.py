"""Nodes reported to a real gateway, or to none at all; their behaviour is never touched."""

import asyncio
import inspect
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from otto_logs import LogClient, LogNotSentError, NodeExecutor, RequestTooLargeError, node_context
from otto_logs._masking import MASK, Values, masked_json

from components.executions.routes import body_bytes_max, execution_routes
from components.executions.tables import ExecutionStore
from gateway.auth import AuthSettings, TokenAuthenticator
from gateway.http.application import http_application
from tests.support.http_server import serve
from tests.support.waiting import WAIT_SECONDS_MAX, until

NODE = "/api/logs/node-execution"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    store = await ExecutionStore.open(tmp_path / "a.db", durability="process")
    value_bytes_max = (1 << 20) + 4096
    routes = execution_routes(store, TokenAuthenticator(AuthSettings()), value_bytes_max=value_bytes_max)
    async with serve(http_application(routes, body_bytes_max_of={NODE: body_bytes_max(value_bytes_max)})) as served:
        yield served
    await store.close()


async def rows(client: LogClient, url: str) -> list[dict[str, Any]]:
    """What has arrived, the oldest first."""
    assert await asyncio.to_thread(client.flush, WAIT_SECONDS_MAX)
    async with httpx2.AsyncClient(base_url=url) as http:
        logs: list[dict[str, Any]] = (await http.get(NODE)).json()["logs"]
    return logs[::-1]


async def test_a_node_is_recorded_with_what_it_was_given_and_gave(url: str) -> None:
    """From the context and from the parameters; values as they were at the time."""
    client = LogClient(url)

    @NodeExecutor("http", client=client)
    async def execute(parameters: dict[str, Any]) -> dict[str, Any]:
        """Says hello."""
        parameters["changed"] = True
        return {"안녕": parameters["name"], "access_token": "abcdef"}

    with node_context(execution_id="e", script_id="s"):
        given = {"name": "x", "nodeId": 7, "node_name": "인사", "headers": {"Authorization": "Bearer abcdef"}}
        assert await execute(given) == {"안녕": "x", "access_token": "abcdef"}
    assert (execute.__name__, execute.__doc__) == ("execute", "Says hello.")
    (row,) = await rows(client, url)
    assert (row["execution_id"], row["script_id"], row["node_id"], row["node_name"]) == ("e", "s", "7", "인사")
    assert (row["node_type"], row["status"], row["result"]) == (
        "http",
        "completed",
        {"안녕": "x", "access_token": MASK},
    )
    assert row["parameters"] == {
        "name": "x",
        "nodeId": 7,
        "node_name": "인사",
        "headers": {"Authorization": MASK},
    }
    assert row["finished_at"] >= row["started_at"] > 1.7e12
    assert row["execution_time_ms"] >= 0
    assert client.statistics.sent == 2


async def test_what_a_node_raises_is_recorded_and_raised(url: str) -> None:
    """With its traceback, without the decorator's frame and without the secrets that it quotes."""
    client = LogClient(url)

    @NodeExecutor("login", client=client)
    def execute(parameters: dict[str, Any]) -> None:
        raise ValueError(f"wrong: {parameters['password']}")

    with node_context(execution_id="e"), pytest.raises(ValueError, match="wrong: hunter22"):
        execute({"password": "hunter22"})
    (row,) = await rows(client, url)
    assert (row["status"], row["error_message"], row["node_id"]) == ("failed", f"wrong: {MASK}", "login")
    assert row["result"] == {"error": f"wrong: {MASK}", "type": "ValueError"}
    assert "raise ValueError" in row["error_traceback"]
    assert "hunter22" not in json.dumps(row)
    assert "otto_logs" not in row["error_traceback"]


async def test_a_loop_is_as_many_rows(url: str) -> None:
    """However fast its runs follow each other, in methods too; a cancelled run has failed."""
    client = LogClient(url)

    class Node:
        @NodeExecutor("loop", client=client)
        async def execute(self, parameters: dict[str, Any]) -> int:
            return int(parameters["number"])

        @NodeExecutor("wait", client=client)
        async def wait(self, parameters: object) -> None:
            await asyncio.Event().wait()

    with node_context(execution_id="e", node_id="n"):
        assert [await Node().execute({"number": number}) for number in range(50)] == list(range(50))
        waiting = asyncio.create_task(Node().wait(parameters=None))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    found = await rows(client, url)
    assert [row["result"] for row in found[:50]] == list(range(50))
    assert (found[50]["status"], found[50]["error_message"]) == ("failed", "CancelledError")


async def test_without_a_gateway_nodes_work_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised, nothing is logged above debug, and nothing waits for ever."""
    caplog.set_level("INFO", "otto_logs")
    client = LogClient(NOWHERE)

    @NodeExecutor("n", client=client)
    def execute(parameters: object) -> object:
        return parameters

    with node_context(execution_id="e"):
        unprintable = {"self": object(), 5: float("nan"), "set": {1}}
        assert execute(unprintable) is unprintable
        recursive: list[Any] = []
        recursive.append(recursive)
        assert execute(recursive) is recursive
    assert execute("nobody knows which execution") == "nobody knows which execution"
    assert await asyncio.to_thread(client.flush, WAIT_SECONDS_MAX)
    assert (client.statistics.sent, client.statistics.failed) == (0, 4)
    await client.send_log_async("e", "n", "running", no_such_field=1)
    assert caplog.records == []
    with pytest.raises(LogNotSentError, match=r"127\.0\.0\.1:9 cannot be reached"):
        await client.send_log("e", "n", "running")
    with pytest.raises(TypeError, match="no_such_field"):
        await client.send_log("e", "n", "running", no_such_field=1)
    with pytest.raises(ValueError, match="url"):
        LogClient("gateway:4000")


async def test_a_report_can_be_a_task(url: str) -> None:
    """As old nodes send it: by keywords, as a task that nobody awaits, with fields that the gateway may not know."""
    client = LogClient(url)
    assert inspect.iscoroutinefunction(client.send_log_async)
    report = {"execution_id": "e", "script_id": "s", "node_id": "n", "node_type": "t", "node_name": "x"}
    ended = {"status": "failed", "started_at": 1, "finished_at": 2, "result": {"error": "x"}, "error_message": "x"}
    tasks = [
        asyncio.create_task(client.send_log_async(**report, status="running", started_at=1)),
        asyncio.create_task(client.send_log_async(**report, **ended)),
        asyncio.create_task(client.send_log_async(**report, status="running", no_such_field=1)),
        asyncio.create_task(client.send_log_async(status="running", parameters=_UnprintableError())),
    ]
    assert await asyncio.gather(*tasks) == [None] * 4
    found = {
        row["executionId"] if "executionId" in row else row["execution_id"]: row for row in await rows(client, url)
    }
    row = found.pop("e")
    assert (row["status"], row["result"], row["script_id"]) == ("failed", {"error": "x"}, "s")
    assert list(found) == [None]  # a report without ids is a record, too


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


async def test_nothing_of_a_report_reaches_the_node(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and errors without a text, and a process that may start no thread: the node never notices."""
    client = LogClient(url)

    @NodeExecutor("n", client=client)
    def execute(parameters: object) -> object:
        raise _UnprintableError

    with node_context(execution_id="e"):
        for parameters, start in ((1, _no_thread), (_UnprintableError(), threading.Thread.start)):
            monkeypatch.setattr(threading.Thread, "start", start)
            with pytest.raises(_UnprintableError):
                execute(parameters)
    found = [(row["status"], row["error_message"]) for row in await rows(client, url)]
    assert found == [("failed", "_UnprintableError")] * 2


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_the_awaited_form_tells_the_row_and_the_refusal(url: str) -> None:
    """As errors of the package; values that are too large are cut before they are sent."""
    client = LogClient(url)
    first = await client.send_log("e", "n", "running", started_at=1, parameters={"x": "y" * (2 << 20)})
    assert await client.send_log("e", "n", "completed", started_at=1, finished_at=3) == first
    (row,) = await rows(client, url)
    assert row["parameters"]["truncated"] is True
    with pytest.raises(Exception, match="status") as raised:
        await client.send_log("e", "n", "done")
    assert type(raised.value).__name__ == "InvalidRequestError"
    with pytest.raises(RequestTooLargeError):
        await client.send_log("e", "n", "failed", node_name="x" * (3 << 20))


async def test_a_full_queue_drops_the_oldest() -> None:
    """And counts them."""
    asked, may_send = list[int](), threading.Event()

    def token() -> str:
        asked.append(1)
        may_send.wait()
        return "token"

    client = LogClient(NOWHERE, token=token, reports_max=3)
    for number in range(4 + 5):
        taken = min(number, 4)
        await until(lambda taken=taken: len(asked) == taken, "each of its threads has a report under way")
        await client.send_log_async("e", "n", "running", started_at=number)
    assert (client.statistics.waiting, client.statistics.dropped) == (4 + 3, 2)
    may_send.set()
    assert await asyncio.to_thread(client.flush, WAIT_SECONDS_MAX)
    assert (client.statistics.failed, client.statistics.dropped) == (4 + 3, 2)


async def test_what_waits_is_sent_at_exit(url: str) -> None:
    """By a program that ends right after its node, and by its child after a fork."""
    program = f"""
import os
from otto_logs import LogClient, NodeExecutor
node = NodeExecutor("n", client=LogClient({url!r}))(lambda parameters: 1)
node({{"execution_id": "parent"}})
if os.fork() == 0:
    node({{"execution_id": "child"}})
else:
    assert os.wait()[1] == 0
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, env=dict(os.environ))
    assert (done.returncode, done.stderr) == (0, b"")
    async with httpx2.AsyncClient(base_url=url) as http:
        found = (await http.get(NODE)).json()["logs"]
    assert sorted((row["execution_id"], row["status"]) for row in found) == [
        ("child", "completed"),
        ("parent", "completed"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "is_masked"),
    [
        ("password", "x", True),
        ("DB_PASSWORD", 1234, True),
        ("clientSecret", ["a", "b"], True),
        ("x-api-key", "x", True),
        ("Authorization", {"a": 1}, True),
        ("accessToken", "x", True),
        ("max_tokens", 4096, False),
        ("password", None, False),
        ("name", "password", False),
        ("monkey", "x", False),
    ],
)
def test_values_named_like_secrets_are_masked(name: str, value: object, is_masked: bool) -> None:
    """At any depth; what counts tokens is no secret."""
    text = json.loads(masked_json([{"deep": {name: value}}]))
    assert text == [{"deep": {name: MASK if is_masked else value}}]


def test_any_value_becomes_json() -> None:
    """What JSON does not know as text, what has no end cut off."""
    recursive: dict[str, Any] = {}
    recursive["again"] = recursive
    assert json.loads(masked_json(recursive))
    assert json.loads(masked_json([float("inf"), {1, 2}, b"x", Path("/a")])) == ["inf", [1, 2], "b'x'", "/a"]
    assert json.loads(Values().json("한" * 1000, 100))["bytes"] == 3002
