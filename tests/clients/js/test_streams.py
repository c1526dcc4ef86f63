"""The JavaScript client in Node against the real gateway, over both transports."""

from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.js_client import numbered, report_stages, running_js_client
from tests.support.signed_tokens import SECRET, make_token
from tests.support.worker import publish

pytestmark = pytest.mark.node

TRANSPORTS = pytest.mark.parametrize("transport", ["sse", "socket.io"])


def options(gateway: GatewayProcess, transport: str, **more: object) -> dict[str, object]:
    return {"url": gateway.url, "transport": transport, "taskId": "build", **more}


@TRANSPORTS
async def test_every_line_comes_once_over_restarts(tmp_path: Path, transport: str) -> None:
    """Killed and started again, the gateway goes on exactly where it was for every client; the end ends the stream."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        client.tell("open", "a", options(gateway, transport))
        for life in range(3):
            await publish(gateway.grpc_address, "build", numbered(300 * life + 1, 300 * life + 300))
            assert await client.lines("a", 300 * life + 300) == numbered(1, 300 * life + 300)
            if life < 2:
                await gateway.restart()
        await publish(gateway.grpc_address, "build", ["the last one"], end=True)
        assert (await client.hear("a", "complete"))["lastSequence"] == 901
        assert (await client.hear("a", "state", kind="complete"))["attempt"] == 0
        assert not client.values("a", "restart")


@TRANSPORTS
async def test_a_filter_is_changed_in_place(tmp_path: Path, transport: str) -> None:
    """From the next line on another filter holds, no line is repeated, and a wrong filter leaves the old one."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        await publish(gateway.grpc_address, "build", ["one", "two", "three"])
        client.tell("open", "a", options(gateway, transport, filter={"keywords": ["one", "three"]}))
        assert await client.lines("a", 2) == ["one", "three"]
        client.tell("filter", "a", {"levels": ["LOUD"]})
        assert await client.hear_any("a", "refused") == "INVALID_ARGUMENT"
        await publish(gateway.grpc_address, "build", ["four", "more of one"])
        assert await client.lines("a", 3) == ["one", "three", "more of one"]
        client.tell("filter", "a", {"keywords": ["f"]})
        await client.hear_any("a", "filtered")
        await publish(gateway.grpc_address, "build", ["one", "five"])
        assert await client.lines("a", 4) == ["one", "three", "more of one", "five"]


async def test_several_tasks_share_one_socket(tmp_path: Path) -> None:
    """Streams with one address and token are subscriptions of one Socket.IO connection, and end one by one."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        names = ["a", "b", "c"]
        for name in names:
            client.tell("open", name, options(gateway, "socket.io", taskId=name))
            await publish(gateway.grpc_address, name, numbered(1, 50))
        for name in names:
            assert await client.lines(name, 50) == numbered(1, 50)
        assert client.values("", "socket") == [1]
        client.tell("close", "a")
        assert str(await client.hear_any("a", "position")).endswith("-50")
        client.tell("open", "again", options(gateway, "socket.io", taskId="a", tail=2))
        assert await client.lines("again", 2) == numbered(49, 50)
        await publish(gateway.grpc_address, "b", ["on"])
        assert (await client.lines("b", 51))[-1] == "on"
        assert client.values("", "socket") == [1]


@TRANSPORTS
async def test_another_journal_is_told(tmp_path: Path, transport: str) -> None:
    """A gateway that has lost its journal is another life: the stream says so, and everything comes again."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        await publish(gateway.grpc_address, "build", ["old"] * 20)
        client.tell("open", "a", options(gateway, transport))
        await client.lines("a", 20)
        gateway.kill()
        for path in tmp_path.glob("otto.db*"):
            path.unlink()
        await gateway.start()
        await publish(gateway.grpc_address, "build", ["new"] * 5)
        assert await client.lines("a", 25) == ["old"] * 20 + ["new"] * 5
        assert [restart["reason"] for restart in client.values("a", "restart")] == ["epoch"]


@TRANSPORTS
async def test_tokens_are_renewed_and_refusals_are_final(tmp_path: Path, transport: str) -> None:
    """An expired token is replaced by the next one; one that is good for another task ends the stream."""
    writer = make_token(scopes=("logs:write",))
    async with running_gateway(tmp_path, JWT_SECRET=SECRET) as gateway, running_js_client() as client:
        tokens = [make_token(expires_in=2), make_token()]
        client.tell("open", "a", options(gateway, transport, tokens=tokens))
        await publish(gateway.grpc_address, "build", numbered(1, 10), token=writer)
        await client.lines("a", 10)
        await client.until(lambda: [state["kind"] for state in client.values("a", "state")].count("open") == 2)
        await publish(gateway.grpc_address, "build", numbered(11, 20), token=writer)
        assert await client.lines("a", 20) == numbered(1, 20)
        client.tell("open", "b", options(gateway, transport, token=make_token(tasks=["other"])))
        assert (await client.hear("b", "error"))["code"] == "PERMISSION_DENIED"
        client.tell("open", "c", options(gateway, transport))
        assert (await client.hear("c", "error"))["code"] == "UNAUTHENTICATED"


@TRANSPORTS
async def test_a_pipeline_is_followed_over_a_restart(tmp_path: Path, transport: str) -> None:
    """The present state of every stage first, then what changes, also after the gateway was killed."""
    async with running_gateway(tmp_path) as gateway, running_js_client() as client:
        await report_stages(gateway, "p1", ("fetch", 100), ("build", 10))
        client.tell("pipeline", "p", {"url": gateway.url, "transport": transport, "pipelineId": "nightly"})
        await client.hear("p", "progress", stageId="build", progressPercentage=10)
        await gateway.restart()
        await report_stages(gateway, "p2", ("build", 60))
        await client.hear("p", "progress", stageId="build", progressPercentage=60)
        seen = [(each["stageId"], each["progressPercentage"]) for each in client.values("p", "progress")]
        assert seen == [("fetch", 100), ("build", 10), ("build", 60)]
