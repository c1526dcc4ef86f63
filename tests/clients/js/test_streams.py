"""The JavaScript client in Node against the real gateway, over both transports at once."""

import json
from pathlib import Path

import pytest
from otto_logs import LogFilter, LogReader

from tests.faults.wall_clock import Clock
from tests.support.commands import otto_logs
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.js_client import JsClient, numbered, report_stages, running_js_client
from tests.support.signed_tokens import SECRET, make_token
from tests.support.worker import publish

pytestmark = pytest.mark.node

TRANSPORTS = ("sse", "socket.io")


def open_streams(client: JsClient, gateway: GatewayProcess, **options: object) -> None:
    """One stream of the task ``build`` over each transport, named after it."""
    for transport in TRANSPORTS:
        client.tell("open", transport, {"url": gateway.url, "transport": transport, "taskId": "build", **options})


async def test_every_line_and_stage_comes_once_over_restarts(tmp_path: Path) -> None:
    """Killed and started again, the gateway continues exactly where it was for every stream; the end ends them."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        open_streams(client, gateway)
        for transport in TRANSPORTS:
            watched = {"url": gateway.url, "transport": transport, "pipelineId": "nightly"}
            client.tell("pipeline", f"stages over {transport}", watched)
        for life in range(3):
            await publish(gateway.grpc_address, "build", numbered(300 * life + 1, 300 * life + 300))
            await report_stages(gateway, f"life {life}", ("fetch", 100), ("build", 10 + 40 * life))
            for transport in TRANSPORTS:
                assert await client.lines(transport, 300 * life + 300) == numbered(1, 300 * life + 300)
                progress = {"stageId": "build", "progressPercentage": 10 + 40 * life}
                await client.hear(f"stages over {transport}", "progress", **progress)
            if life < 2:
                await gateway.restart()
        await publish(gateway.grpc_address, "build", ["the last one"], end=True)
        for transport in TRANSPORTS:
            assert (await client.hear(transport, "complete"))["lastSequence"] == 901
            assert (await client.hear(transport, "state", kind="complete"))["attempt"] == 0
            assert not client.values(transport, "restart")
            stages = client.values(f"stages over {transport}", "progress")
            assert [each["progressPercentage"] for each in stages if each["stageId"] == "build"] == [10, 50, 90]


async def test_a_filter_is_changed_in_place(tmp_path: Path) -> None:
    """From the next line on another filter holds, no line is repeated, and a wrong filter leaves the old one."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        await publish(gateway.grpc_address, "build", ["one", "two", "three"])
        open_streams(client, gateway, filter={"keywords": ["one", "three"]})
        for transport in TRANSPORTS:
            assert await client.lines(transport, 2) == ["one", "three"]
            client.tell("filter", transport, {"levels": ["LOUD"]})
            assert await client.hear_any(transport, "refused") == "INVALID_ARGUMENT"
        await publish(gateway.grpc_address, "build", ["four", "more of one"])
        for transport in TRANSPORTS:
            assert await client.lines(transport, 3) == ["one", "three", "more of one"]
            client.tell("filter", transport, {"keywords": ["f"]})
            await client.hear_any(transport, "filtered")
        await publish(gateway.grpc_address, "build", ["one", "five"])
        for transport in TRANSPORTS:
            assert await client.lines(transport, 4) == ["one", "three", "more of one", "five"]


async def test_several_tasks_share_one_socket(tmp_path: Path) -> None:
    """Streams with one address and token are subscriptions of one Socket.IO connection, and end one by one."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        options = {"url": gateway.url, "transport": "socket.io"}
        names = ["a", "b", "c"]
        for name in names:
            client.tell("open", name, {**options, "taskId": name})
            await publish(gateway.grpc_address, name, numbered(1, 50))
        for name in names:
            assert await client.lines(name, 50) == numbered(1, 50)
        client.tell("close", "a")
        assert str(await client.hear_any("a", "position")).endswith("-50")
        client.tell("open", "again", {**options, "taskId": "a", "tail": 2})
        assert await client.lines("again", 2) == numbered(49, 50)
        await publish(gateway.grpc_address, "b", ["on"])
        assert (await client.lines("b", 51))[-1] == "on"
        assert client.values("", "socket") == [1]


async def test_another_journal_is_told(tmp_path: Path) -> None:
    """A gateway that has lost its journal is another life: the stream says so, and everything comes again."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        await publish(gateway.grpc_address, "build", ["old"] * 20)
        open_streams(client, gateway)
        for transport in TRANSPORTS:
            await client.lines(transport, 20)
        gateway.kill()
        for path in tmp_path.glob("otto.db*"):
            path.unlink()
        await gateway.start()
        await publish(gateway.grpc_address, "build", ["new"] * 5)
        for transport in TRANSPORTS:
            assert await client.lines(transport, 25) == ["old"] * 20 + ["new"] * 5
            assert [restart["reason"] for restart in client.values(transport, "restart")] == ["epoch"]


async def test_tokens_are_renewed_and_refusals_are_final(tmp_path: Path) -> None:
    """An expired token is replaced by the next one; one that is good for another task ends the stream."""
    writer = make_token(scopes=("logs:write",))
    clock = Clock(tmp_path)
    if clock.missing:
        pytest.skip(clock.missing)
    settings = {"JWT_SECRET": SECRET, **clock.environment}
    async with running_gateway(tmp_path, **settings) as gateway, running_js_client() as client:
        open_streams(client, gateway, tokens=[make_token(expires_in=3600), make_token()])
        await publish(gateway.grpc_address, "build", numbered(1, 10), token=writer)
        for transport in TRANSPORTS:
            await client.lines(transport, 10)
        clock.move(2 * 3600)
        for transport in TRANSPORTS:
            await client.until(lambda name=transport: opened(client, name) == 2)  # type: ignore[misc]
        await publish(gateway.grpc_address, "build", numbered(11, 20), token=writer)
        for transport in TRANSPORTS:
            assert await client.lines(transport, 20) == numbered(1, 20)
        for token, code in ((make_token(tasks=["other"]), "PERMISSION_DENIED"), ("", "UNAUTHENTICATED")):
            for transport in TRANSPORTS:
                options = {"url": gateway.url, "transport": transport, "taskId": "build", "token": token}
                client.tell("open", f"{transport} {code}", options)
                assert (await client.hear(f"{transport} {code}", "error"))["code"] == code


def opened(client: JsClient, stream: str) -> int:
    return [state["kind"] for state in client.values(stream, "state")].count("open")


async def test_an_expression_gives_every_client_the_same_lines(tmp_path: Path) -> None:
    """Both transports, live and stored, by the event loop and by the readers; our commands; a Python program."""
    expression = "(timeout OR /exit (code|status) [1-9]/) -retry"
    texts = ("compiling", "Timeout after 5 s", "timeout: retry", "exit status 0", "exit status 2")
    lines = [f"{number} {texts[number % 5]} {'x' * (number % 7) * 100}" for number in range(600)]
    expected = [line for number, line in enumerate(lines) if number % 5 in (1, 4)]
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        await publish(gateway.grpc_address, "build", lines[:100])
        open_streams(client, gateway, filter={"expression": expression})
        await publish(gateway.grpc_address, "build", lines[100:150], batch_lines=1)
        await publish(gateway.grpc_address, "build", lines[150:], batch_lines=200, end=True)
        for transport in TRANSPORTS:
            assert await client.lines(transport, len(expected)) == expected
        commands = {"environment": {"OTTO_URL": gateway.url}}
        shown = await otto_logs("tail", "--raw", "--filter", expression, "build", **commands)
        found = await otto_logs("search", "--json", "--limit", "1000", "--filter", expression, **commands)
        refused = await otto_logs("tail", "--filter", "error (timeout", "build", **commands)
        async with LogReader(gateway.url) as logs:
            entries = logs.read("build", filter=LogFilter(expression=expression))
            assert [entry.message async for entry in entries] == expected
    assert shown.stdout.decode().splitlines() == expected
    hits = [json.loads(hit)["entry"]["message"] for hit in found.stdout.decode().splitlines()]
    assert hits == expected[::-1]
    assert "filter, character 7: '(' is not closed" in refused.stderr
