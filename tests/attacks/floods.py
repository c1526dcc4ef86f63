"""Much of everything, right and wrong."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2

from gateway.grpc_server.frames import PREFACE, FrameType
from tests.attacks.attack import Target, attack
from tests.attacks.slow import PUBLISH, lines_arrive
from tests.readers.hostile import DEEDS
from tests.support.bare_http import bare_request
from tests.support.bare_websocket import BareWebSocket, frame
from tests.support.mutated_bytes import Mutator
from tests.support.raw_http2 import frame as http2_frame
from tests.support.raw_http2 import headers_frame, request_headers, rst, settings

T = TypeVar("T")

AT_ONCE = 20
SEEDS = {
    "GET /api/v1/log-streaming/tasks?limit=10": "",
    "GET /api/v1/log-streaming/search?q=a&level=INFO&context=2": "",
    "POST /api/v1/auth/ticket": 'Content-Length: 14\r\n\r\n{"taskId":"t"}',
    "POST /api/dashboard/execution-summary": "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "GET /socket.io/?EIO=4&transport=polling": "",
    "GET /socket.io/?EIO=4&transport=websocket": "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
}
REQUESTS = [
    f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{rest}".encode()
    for line, rest in {line: rest or "\r\n" for line, rest in SEEDS.items()}.items()
]
CALLS = (
    settings() + headers_frame(1, request_headers(PUBLISH)) + http2_frame(0, 1, 1, b"\0\0\0\0\2\x0a\0"),
    settings({1: 0, 4: 1 << 20}) + headers_frame(1, request_headers("/grpc.health.v1.Health/Check"), end=True),
    http2_frame(FrameType.PING, 0, 0, bytes(8)) + http2_frame(FrameType.WINDOW_UPDATE, 0, 0, b"\0\0\1\0"),
)


async def said(port: int, data: bytes) -> bytes:
    """Send bytes, half-close, and read what comes back, to the end."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        writer.write_eof()
        answer = await reader.read(1 << 16)
        writer.close()
    return answer


async def all_said(port: int, texts: list[bytes], say: Callable[[int, bytes], Awaitable[T]] = said) -> list[T]:
    """All of them, some at once."""
    together = asyncio.Semaphore(AT_ONCE)

    async def one(text: bytes) -> T:
        async with together:
            return await say(port, text)

    return await asyncio.gather(*map(one, texts))


@attack("no answer is a 500; some lines of the log at most")
async def fuzzed_requests(target: Target) -> str:
    """Requests that were right once."""
    mutator, count = Mutator(REQUESTS, random.randrange(1 << 32)), target.times(100, 4_000)
    answers = await all_said(target.gateway.http_port, [mutator.one() for _ in range(count)])
    faults = [answer[:200] for answer in answers if answer.startswith(b"HTTP/1.1 5")]
    assert not faults, faults[0]
    await lines_arrive(target)
    return f"{count} requests, no 5xx"


@attack("others are served; some lines of the log at most")
async def fuzzed_calls(target: Target) -> str:
    """Frames of HTTP/2 that were right once."""
    mutator, count = Mutator(CALLS, random.randrange(1 << 32)), target.times(100, 4_000)
    await all_said(target.gateway.grpc_port, [PREFACE + mutator.one() for _ in range(count)])
    await lines_arrive(target)
    return f"{count} connections, others served"


FLOODS = {
    "resets": b"".join(headers_frame(2 * n + 1, request_headers(PUBLISH)) + rst(2 * n + 1) for n in range(2_000)),
    "pings": http2_frame(FrameType.PING, 0, 0, bytes(8)) * 10_000,
    "settings": settings({4: 1}) * 5_000,
    "windows": http2_frame(FrameType.WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 10_000,
    "priorities": http2_frame(2, 0, 1, bytes(5)) * 10_000,
    "empty data": headers_frame(1, request_headers(PUBLISH)) + http2_frame(0, 0, 1) * 10_000,
    "open calls": b"".join(headers_frame(2 * n + 1, request_headers(PUBLISH)) for n in range(3_000)),
}


@attack("the connection ends (ENHANCE_YOUR_CALM) or waits; others are served")
async def floods_of_frames(target: Target) -> str:
    """Frames that cost their receiver more than their sender."""
    for flood in FLOODS.values():
        await all_said(target.gateway.grpc_port, [PREFACE + settings() + flood] * target.times(1, 5))
    await lines_arrive(target)
    return f"{len(FLOODS)} kinds, others served"


PACKETS = {
    "malformed": b"".join(frame(b"42/log-streaming,[\xff") for _ in range(500)),
    "subscriptions": b"".join(
        frame(b'42/log-streaming,%d["subscribe-to-logs",{"taskId":"t-%d"}]' % (n, n)) for n in range(300)
    ),
    "long filters": frame(
        b'42/log-streaming,["subscribe-to-logs",{"taskId":"t","filter":{"keywords":[%b]}}]'
        % b",".join(b'"%d"' % n for n in range(20_000))
    )
    * 5,
    "unknown events": frame(b'42/log-streaming,["%b"]' % (b"x" * 10_000)) * 100,
    "joins": (frame(b"41/log-streaming,") + frame(b"40/log-streaming,")) * 200,
    "acknowledgements": frame(b"43/log-streaming,7[]") * 2_000,
}


@attack("each costs its own connection; some lines of the log at most")
async def floods_of_packets(target: Target) -> str:
    """Socket.IO clients that send much and read nothing, and those whose packets are none."""
    for packets in PACKETS.values():
        for _ in range(target.times(1, 5)):
            websocket = await BareWebSocket.open(target.gateway.http_port)
            await websocket.join()
            await websocket.write(packets)
            await websocket.close()
    await lines_arrive(target)
    return f"{len(PACKETS)} kinds, others served"


@attack("a tenth of the event loop at most")
async def flood_of_scrapes(target: Target) -> str:
    """``/metrics`` by many at once, without a token."""
    count = target.times(60, 2_000)
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answers = await all_said(target.gateway.http_port, [request] * count, bare_request)
    assert {answer.status for answer in answers} == {200}
    return f"{count} answered"


@attack("400 each, and one line of the log in ten seconds")
async def flood_of_malformed_requests(target: Target) -> str:
    """What is no HTTP."""
    count = target.times(60, 2_000)
    logged = target.gateway.log().count("Invalid HTTP request")
    answers = await all_said(target.gateway.http_port, [b"\x16\x03\x01\x02\0 HTTP\r\n\r\n"] * count, bare_request)
    assert {answer.status for answer in answers} == {400}
    logged = target.gateway.log().count("Invalid HTTP request") - logged
    return f"{count} refused, {logged} lines of the log"


@attack("others get every line; nothing is left of them")
async def hostile_readers(target: Target) -> str:
    """Subscribers that hang up, stay silent, send garbage, change their minds."""
    times = {"never_read": (10, 100), "half_open": (100, 900)}
    for name, deed in DEEDS.items():
        if name != "start_over":  # with `storage reads`
            await deed(target.gateway.http_port, "good", target.times(*times.get(name, (30, 500))))
    await lines_arrive(target)
    async with httpx2.AsyncClient(base_url=target.gateway.url, timeout=60) as http:
        while (await http.get("/api/v1/log-streaming/health")).json()["activeConnections"]:
            await asyncio.sleep(0.05)
    assert (await bare_request(target.gateway.http_port, REQUESTS[0])).status == 200
    return f"{len(DEEDS) - 1} kinds, no session left"
