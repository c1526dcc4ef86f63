"""Whatever a client may send below and above Socket.IO, to a real gateway.

``FUZZ_SOCKETS`` (connections, default 30) and ``FUZZ_SEED`` choose how many and which. Threats: a traceback per frame,
memory that grows with what was sent, a place that is never given back, a bystander who misses a line.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from tests.support.bare_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, BareWebSocket, frame
from tests.support.gateway_log import trouble
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.mutated_bytes import Mutator
from tests.support.socket_io_client import Recorder
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("any packet")]

SOCKETS = int(os.environ.get("FUZZ_SOCKETS", "30"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))  # `make fuzz` draws one
GROWTH_BYTES_MAX = 48 << 20
QUESTION = frame(b'42/log-streaming,["get-server-stats"]')
ANSWER = b'["server-stats"'

BROKEN_FRAMES = {
    "text that is no UTF-8": frame(b'42/log-streaming,["\xff\xfe"]'),
    "half a character": frame("42/log-streaming,[완".encode()[:-1]),
    "half a character in each half": frame("4완".encode()[:2], final=False) + frame(b"\xff", CONTINUATION),
    "a surrogate": frame(b'42/log-streaming,["\xed\xa0\x80"]'),
    "no mask": frame(b"2", masked=False),
    "an opcode that there is not": frame(b"2", 3),
    "reserved bits": frame(b"2", reserved=7),
    "a long control frame": frame(b"x" * 126, PING),
    "a control frame in pieces": frame(b"x", PING, final=False),
    "a continuation of nothing": frame(b"x", CONTINUATION),
    "text within text": frame(b"4", final=False) + frame(b"2"),
    "a length beyond every limit": frame(b"", announced=(1 << 63) - 1),
    "a length with its sign": frame(b"", announced=1 << 63),
    "a frame over the limit": frame(b"4" + b"x" * (2 << 20)),
    "a message over the limit in pieces": frame(b"4", final=False)
    + frame(b"x" * 60_000, CONTINUATION, final=False) * 40,
    "a close without a reason that is text": frame(b"\x03\xe8\xff", CLOSE),
    "a close of one byte": frame(b"\x03", CLOSE),
    "a close of no number": frame(b"\x00\x00", CLOSE),
    "binary": frame(b"\x00" * 1000, BINARY),
    "nothing": frame(b""),
    "an event of half a character": frame(b'42/log-streaming,["get-server-stats",{"a":"\\ud800"}]'),
}
UNFINISHED = {"half a character in each half"}
"""What leaves the gateway waiting for the rest of it."""
FLOODS = {
    "acknowledgements of nothing": frame(b"43/log-streaming,7[]") * 2_000,
    "acknowledgements with a number beyond every other": frame(b"43/log-streaming," + b"9" * 90 + b"[]") * 500,
    "pongs of Engine.IO": frame(b"3") * 2_000,
    "pings of WebSocket": frame(b"x" * 100, PING) * 2_000,
    "pongs of WebSocket": frame(b"x" * 100, PONG) * 2_000,
    "empty pieces of a text": frame(b"3", final=False) + frame(b"", CONTINUATION, final=False) * 2_000,
    "the same subscription": frame(b'42/log-streaming,1["subscribe-to-logs",{"taskId":"t"}]') * 300,
    "subscriptions": b"".join(
        frame(b'42/log-streaming,%d["subscribe-to-logs",{"taskId":"t-%d"}]' % (n, n)) for n in range(300)
    ),
    "long filters": frame(
        b'42/log-streaming,["subscribe-to-logs",{"taskId":"t","filter":{"keywords":[%b]}}]'
        % b",".join(b'"%d"' % n for n in range(20_000))
    )
    * 5,
    "events that there are not": frame(b'42/log-streaming,["%b"]' % (b"x" * 10_000)) * 100,
    "connects": frame(b"40/log-streaming,") * 300,
    "connects elsewhere": b"".join(frame(b"40/n-%d," % n) for n in range(300)),
    "disconnects and connects": (frame(b"41/log-streaming,") + frame(b"40/log-streaming,")) * 100,
}
PACKETS = [
    b"40/log-streaming,",
    b'40/log-streaming,{"token":"x"}',
    b"41/log-streaming,",
    b'42/log-streaming,1["subscribe-to-logs",{"taskId":"t","filter":{"levels":["WARN"]},"tail":1,"batch":true}]',
    b'42/log-streaming,2["update-log-filter",{"taskId":"t","filter":{"keywords":["a"],"startTime":"2026-01-01T00:00:00Z"}}]',
    b'42/log-streaming,3["unsubscribe-from-logs",{"taskId":"t"}]',
    b'42/log-streaming,4["subscribe-to-pipeline",{"pipelineId":"p"}]',
    b'42/log-streaming,["get-server-stats"]',
    b"43/log-streaming,1[]",
    b'44/log-streaming,{"message":"x"}',
    b'451-/log-streaming,["x",{"_placeholder":true,"num":0}]',
    b"0{}",
    b"1",
    b"2probe",
    b"3",
    b"5",
    b"6",
    b"bAAAA",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    """One gateway for all of it, which is as it was when everybody has gone."""
    async with running_gateway(tmp_path_factory.mktemp("packets"), DURABILITY="process") as started:
        await publish(started.grpc_address, "build", ["one"])
        before = await memory(started)
        yield started
        assert await memory(started) - before < GROWTH_BYTES_MAX


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(shared: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The gateway, with somebody who watches a task all the while."""
    bystander = await Recorder().connect(shared.websocket_url)
    await bystander.call("subscribe-to-logs", {"taskId": "build", "tail": 0})
    yield shared
    await publish(shared.grpc_address, "build", ["more"])
    await bystander.wait(lambda client: len(client.sequences) == 1)
    await bystander.close()
    await everybody_gone(shared)
    assert trouble(shared.log()) == []


async def memory(gateway: GatewayProcess) -> float:
    return (await gateway.metrics())["process_resident_memory_bytes"]


async def everybody_gone(gateway: GatewayProcess) -> None:
    async with httpx2.AsyncClient() as http:
        async for _ in attempts("all connections are gone"):
            if not (await http.get(f"{gateway.url}/api/v1/log-streaming/health")).json()["activeConnections"]:
                break


async def test_a_broken_frame_costs_only_its_own_connection(gateway: GatewayProcess) -> None:
    """It is closed, or the client is served on: in both cases it learns what became of it."""
    for name, data in BROKEN_FRAMES.items():
        socket = await BareWebSocket.open(gateway.http_port)
        await socket.join()
        await socket.write(data)
        await socket.write(QUESTION)
        if name not in UNFINISHED:
            await socket.read_to(ANSWER)
        await socket.close()


async def test_a_flood_uses_no_memory(gateway: GatewayProcess) -> None:
    """Anyone who sends very much and reads nothing waits for itself; whoever reads is answered in the end."""
    for data in FLOODS.values():
        silent, reading = [await BareWebSocket.open(gateway.http_port) for _ in range(2)]
        for socket in (silent, reading):
            await socket.join()
        await silent.write(data)
        writing = asyncio.create_task(reading.write(data + QUESTION))
        await reading.read_to(ANSWER)
        await writing
        await silent.close()
        await reading.close()


async def test_a_packet_for_a_session_that_has_ended_is_refused(gateway: GatewayProcess) -> None:
    """Also if the session ended with the request before, of the same client."""
    query = {"EIO": "4", "transport": "polling"}
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        opened = await http.get("/socket.io/", params=query)
        query["sid"] = opened.text.partition('"sid":"')[2].partition('"')[0]
        assert (await http.post("/socket.io/", params=query, content=b"1")).status_code == 200
        answer = await http.post("/socket.io/", params=query, content=b"3")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.timeout(24 * 3600 if SOCKETS > 1000 else 900)
async def test_any_packets_end_as_is_written(gateway: GatewayProcess) -> None:
    """Over WebSocket and long polling, before and after the connect: an answer, an error or a close."""
    print(f"FUZZ_SEED={SEED} FUZZ_SOCKETS={SOCKETS}")
    mutator = Mutator(PACKETS, SEED)
    chance = random.Random(SEED)
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        for _ in range(SOCKETS):
            packets = [mutator.one() for _ in range(chance.choice((1, 2, 5, 20)))]
            if chance.random() < 0.5:
                await over_websocket(gateway, packets, is_joined=chance.random() < 0.7)
            else:
                await over_polling(http, packets)


async def over_websocket(gateway: GatewayProcess, packets: list[bytes], *, is_joined: bool) -> None:
    socket = await BareWebSocket.open(gateway.http_port)
    if is_joined:
        await socket.join()
    for packet in packets:
        await socket.write(frame(packet, TEXT if packet[:1] != b"\x04" else BINARY))
    await socket.write(frame(b"1"))  # the end, so that something is answered in any case
    await socket.read_to(b"\x00never")
    await socket.close()


async def over_polling(http: httpx2.AsyncClient, packets: list[bytes]) -> None:
    query = {"EIO": "4", "transport": "polling"}
    opened = await http.get("/socket.io/", params=query)
    query["sid"] = opened.text.partition('"sid":"')[2].partition('"')[0]
    for body in (b"40/log-streaming,", b"\x1e".join(packets), b"1"):
        answer = await http.post("/socket.io/", params=query, content=body)
        assert answer.status_code in (200, 400, 413), answer.text
        if answer.status_code != 200:
            assert answer.json()["error"]["code"] in ("INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE")
    assert (await http.get("/socket.io/", params=query)).status_code in (200, 400)
