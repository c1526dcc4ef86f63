"""The configurations of ``deploy/proxies``, each run by its program before two gateways, with real clients.

``PROXY_SILENCE_SECONDS`` is how long streams are silent before their next line: 0 in ``make test``; with ``make
proxies`` longer than the default time limits of all these programs.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Sequence

import grpc
import httpx2
import pytest
import pytest_asyncio

from tests.support.gateway_process import GatewayProcess
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.programs import program
from tests.support.proxies import PROXIES, Proxy, running_proxy
from tests.support.socket_io_client import Recorder
from tests.support.waiting import attempts, time_limit
from tests.support.worker import publish

SILENCE_SECONDS = float(os.environ.get("PROXY_SILENCE_SECONDS", "0"))
TASK = "build"
STREAM = f"/api/v1/log-streaming/logs/{TASK}/stream"
pytestmark = [
    pytest.mark.servers,
    pytest.mark.xdist_group("proxies"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("proxy", PROXIES, indirect=True),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sequence[GatewayProcess]]:
    """Two, each with a log of its own: what was taken by one is not at the other."""
    settings = {"HEARTBEAT_INTERVAL_SECONDS": "3600"} if SILENCE_SECONDS else {}
    both = [GatewayProcess(tmp_path_factory.mktemp("gateway"), **settings) for _ in range(2)]
    await asyncio.gather(*(gateway.start() for gateway in both))
    yield both
    for gateway in both:
        await gateway.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(
    request: pytest.FixtureRequest, gateways: Sequence[GatewayProcess], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Proxy]:
    async with running_proxy(request.param, tmp_path_factory.mktemp(request.param), gateways) as started:
        yield started


@contextlib.asynccontextmanager
async def curl(
    proxy: Proxy, *options: str, stdin: int = subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [program("curl"), "--no-buffer", "-sS", "-i", "--cacert", str(proxy.authority), *options]
    process = await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_until(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdout is not None
    async with time_limit(f"{text} passes at once"):
        while text.encode() not in (line := await process.stdout.readline()):
            assert line, "the stream has ended"


@pytest.mark.parametrize("version", ["http1.1", "http2"])
async def test_lines_pass_at_once(proxy: Proxy, version: str, gateways: Sequence[GatewayProcess]) -> None:
    """Each line is seen while the stream is open, however long it was silent; nothing waits in a buffer."""
    async with curl(proxy, f"--{version}", f"{proxy.url}{STREAM}?tail=0") as reader:
        await read_until(reader, f"HTTP/{version.removeprefix('http').rstrip('.0')}")
        for number in range(3):
            await asyncio.sleep(SILENCE_SECONDS if number == 1 else 0)
            line = f"{version} {number}"
            await asyncio.gather(*(publish(gateway.grpc_address, TASK, [line]) for gateway in gateways))
            await read_until(reader, line)


async def test_more_than_six_streams_share_one_connection(proxy: Proxy, gateways: Sequence[GatewayProcess]) -> None:
    """Over HTTP/2 a browser's limit of six connections does not stop the seventh stream."""
    script = """
        const http2 = require("node:http2");
        const [url, path] = process.argv.slice(1);
        const session = http2.connect(url, { rejectUnauthorized: false });
        let waiting = 10;
        for (let i = 0; i < 10; i++) {
          let text = "";
          const stream = session.request({ ":path": path, accept: "text/event-stream" });
          stream.on("data", data => {
            text += data;
            if (text.includes("seen by all") && stream.close() === undefined && --waiting === 0) session.close();
          });
        }
    """
    client = await asyncio.create_subprocess_exec(program("node"), "-e", script, proxy.url, STREAM)
    await asyncio.gather(*(publish(gateway.grpc_address, TASK, ["seen by all"]) for gateway in gateways))
    async with time_limit("all ten have seen it"):
        assert await client.wait() == 0


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_socket_io_stays_at_one_gateway(proxy: Proxy, transport: str, gateways: Sequence[GatewayProcess]) -> None:
    """Every request of a session reaches the gateway that has it, and lines come as they are stored."""
    clients = [Recorder() for _ in range(3)]
    for client in clients:
        client.client.eio.ssl_verify = False
        await client.connect(proxy.url, transports=[transport])
        await client.call("subscribe-to-logs", {"taskId": transport, "tail": 0})
    for number in range(1, 4):
        await asyncio.gather(*(publish(gateway.grpc_address, transport, ["a line"]) for gateway in gateways))
        for client in clients:
            await client.wait(lambda seen, number=number: len(seen.sequences) >= number)
    for client in clients:
        await client.close()


async def test_producers_of_both_wires_are_served(proxy: Proxy) -> None:
    """Each request is answered while its stream is open, after a long silence as well."""
    credentials = grpc.ssl_channel_credentials(proxy.authority.read_bytes())
    async with grpc.aio.secure_channel(proxy.grpc_address, credentials) as channel:
        native, otto = NativeProducer(channel), OttoProducer(channel)
        await native.hello(str(proxy.authority))
        for number in range(1, 11):
            await asyncio.sleep(SILENCE_SECONDS if number == 5 else 0)
            await native.send(lines_request(number, ["x" * 1000] * 100, task_id="native"))
            await native.acknowledged(number)
            answer = await otto.say("a line", task_id="otto")
            assert answer.status == answer.ACK
        for producer in (native, otto):
            await producer.call.done_writing()
            assert (await producer.ended())[0] is grpc.StatusCode.OK


async def test_lines_of_an_upload_are_live_before_it_ends(proxy: Proxy, gateways: Sequence[GatewayProcess]) -> None:
    """`curl -T -` through the proxy: requests are not collected either, and may be silent."""
    task = f"upload-{proxy.url.rpartition(':')[2]}"
    url = f"{proxy.url}/api/v1/ingest/{task}"
    async with curl(proxy, "-T", "-", url, stdin=subprocess.PIPE) as upload:
        assert upload.stdin is not None
        for number in range(2):
            await asyncio.sleep(SILENCE_SECONDS if number else 0)
            upload.stdin.write(f"line {number}\n".encode())
            await upload.stdin.drain()
            await stored(gateways, task, f"line {number}")
        upload.stdin.close()
        await read_until(upload, '"lines":2')


async def stored(gateways: Sequence[GatewayProcess], task: str, line: str) -> None:
    async with httpx2.AsyncClient() as client:
        async for _ in attempts(f"{line!r} is stored"):
            answers = [await client.get(f"{gateway.url}/api/v1/log-streaming/logs/{task}") for gateway in gateways]
            if any(line in answer.text for answer in answers):
                return
