"""nginx and Envoy before the gRPC port, with the configurations of ``docs/operations.md``, and h2load at it."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.nginx import nginx_command
from tests.support.ports import free_port
from tests.support.producers import OttoProducer
from tests.support.programs import program, running_program
from tests.support.worker import publish

pytestmark = pytest.mark.servers

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()


def documented(language: str, marker: str) -> str:
    """The example of the page that contains ``marker``."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(block for block in blocks if marker in block)


def nginx(directory: Path, port: int, gateway: str) -> list[str]:
    """Its command."""
    server = (
        documented("nginx", "grpc_pass").replace("127.0.0.1:9090", gateway).replace("listen 9443", f"listen {port}")
    )
    return nginx_command(directory, server)


def envoy(directory: Path, port: int, gateway: str) -> list[str]:
    """Its command."""
    configuration = directory / "envoy.yaml"
    text = documented("yaml", "envoy.filters").replace("port_value: 9443", f"port_value: {port}")
    configuration.write_text(text.replace("port_value: 9090", f"port_value: {gateway.rpartition(':')[2]}"))
    return [
        str(Path(sys.executable).with_name("envoy")),
        "-c",
        str(configuration),
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
        "-l",
        "warning",
    ]


@asynccontextmanager
async def proxy_before(
    gateway: GatewayProcess, directory: Path, command: Callable[..., list[str]]
) -> AsyncIterator[str]:
    """Start a proxy; its address."""
    port = free_port()
    async with running_program(command(directory, port, gateway.grpc_address), directory, ready_port=port):
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize("command", [nginx, envoy], ids=lambda command: command.__name__)
async def test_producers_of_both_wires_are_served_behind_a_proxy(
    tmp_path: Path, command: Callable[..., list[str]]
) -> None:
    """Each line of a worker is answered while its stream is open, and batches are acknowledged."""
    async with running_gateway(tmp_path / "gateway") as gateway, proxy_before(gateway, tmp_path, command) as address:
        await publish(address, "native", [f"line {number}" for number in range(500)])
        async with grpc.aio.insecure_channel(address) as channel:
            worker = OttoProducer(channel)
            for number in range(50):
                answer = await worker.say(f"line {number}", task_id="otto")
                assert answer.status == answer.ACK
            await worker.call.done_writing()
            assert (await worker.ended())[0] is grpc.StatusCode.OK
        for task_id, count in (("native", 500), ("otto", 50)):
            stream = EventStream(gateway.stream_url(task_id))
            seen = await stream.read(until=lambda seen, count=count: len(seen.entries) == count)
            assert seen.messages == [f"line {number}" for number in range(count)]


async def test_h2load_finds_nothing_wrong(tmp_path: Path) -> None:
    """nghttp2's client, with several connections and calls on each: every call is answered."""
    h2load = program("h2load")
    message = tmp_path / "message"
    message.write_bytes(bytes(5))  # an empty request
    async with running_gateway(tmp_path / "gateway") as gateway:
        url = f"http://{gateway.grpc_address}/grpc.health.v1.Health/Check"
        options = ["-n", "400", "-c", "4", "-m", "10", "-d", str(message), "-H", "content-type: application/grpc"]
        done = await asyncio.create_subprocess_exec(h2load, *options, url, stdout=subprocess.PIPE)
        output = (await done.communicate())[0].decode()
    assert "400 done, 400 succeeded, 0 failed, 0 errored, 0 timeout" in output, output
