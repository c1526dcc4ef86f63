"""Everything that is larger than it may be, or grows when it is unpacked."""

import contextlib
import zlib
from collections.abc import Iterator

import httpx2

from gateway.grpc_server.frames import PREFACE, FrameType
from tests.attacks.attack import Target, attack
from tests.attacks.slow import PUBLISH, lines_arrive
from tests.support.bare_http import BareAnswer, bare_request
from tests.support.bare_websocket import CONTINUATION, BareWebSocket, frame
from tests.support.raw_http2 import RawHttp2, data, grpc_message, headers_frame, request_headers, settings
from tests.support.raw_http2 import frame as http2_frame

RECORDS = "/api/dashboard/execution-summary"
MEGA = 1 << 20


def post(*headers: str) -> bytes:
    head = [f"POST {RECORDS} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(head).encode()


@attack("400, 413 or 431, or the connection is closed")
async def oversized_requests(target: Target) -> str:
    """Heads, addresses, queries and bodies, announced and not."""
    size = target.times(2, 32) * MEGA
    get = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
    requests = {
        "an address": get.format("/?" + "a" * size, ""),
        "a header": get.format("/", f"X: {'a' * size}\r\n"),
        "many headers": get.format("/", "".join(f"X-{number}: a\r\n" for number in range(size // 64))),
        "many keywords": get.format(
            "/api/v1/log-streaming/search?q=a" + "".join(f"&keywords={n}" for n in range(3_000)), ""
        ),
        "a deep filter": get.format("/api/v1/log-streaming/search?filter=" + "(" * 30_000, ""),
        "a large regular expression": get.format("/api/v1/log-streaming/search?filter=/(x%7B30%7D)%7B1000%7D/", ""),
        "a deep document": post("Content-Length: 40000").decode() + "[" * 40_000,
    }
    bodies = {
        "a body": post(f"Content-Length: {size}") + b" " * size,
        "a body that is announced": post(f"Content-Length: {1 << 62}"),
        "a body in chunks": post("Transfer-Encoding: chunked") + (b"10000\r\n" + b" " * 65536 + b"\r\n") * (size >> 16),
        "a chunk": post("Transfer-Encoding: chunked") + b"ffffffffffffff\r\n" + b" " * size,
    }
    for name, request in {**{name: text.encode() for name, text in requests.items()}, **bodies}.items():
        answer = await answered(target.gateway.http_port, request)
        assert answer in (0, 400, 413, 422, 431), f"{answer} for {name}"
    await lines_arrive(target)
    return f"{len(requests) + len(bodies)} refused"


async def answered(port: int, request: bytes) -> int:
    """The status; 0: the connection was closed."""
    with contextlib.suppress(ConnectionError):
        answer: BareAnswer = await bare_request(port, request)
        return answer.status
    return 0


@attack("the connection is closed; others stay")
async def oversized_packets(target: Target) -> str:
    """WebSocket messages and Socket.IO packets, whole, in pieces and by polling."""
    size = target.times(2, 32) * MEGA
    pieces = frame(b"4", final=False) + frame(bytes(60_000), CONTINUATION, final=False) * (size // 60_000)
    for packet in (frame(b"4" + bytes(size)), pieces, frame(b"", announced=(1 << 63) - 1)):
        websocket = await BareWebSocket.open(target.gateway.http_port)
        await websocket.join()
        await websocket.write(packet)
        assert not await websocket.read_to(b"\0never")
        await websocket.close()
    async with httpx2.AsyncClient(base_url=target.gateway.url, timeout=60) as http:
        query = {"EIO": "4", "transport": "polling"}
        query["sid"] = (await http.get("/socket.io/", params=query)).text.partition('"sid":"')[2].partition('"')[0]
        with contextlib.suppress(httpx2.TransportError):
            answer = await http.post("/socket.io/", params=query, content=b"4" + bytes(size))
            assert answer.status_code in (400, 413), answer.status_code
    await lines_arrive(target)
    return f"{size >> 20} MiB refused 4 times"


def zeros(megabytes: int, level: int = 9) -> bytes:
    """Zeros as gzip, without them all in memory."""
    compressor = zlib.compressobj(level, wbits=31)
    chunk = bytes(MEGA)
    return b"".join([*(compressor.compress(chunk) for _ in range(megabytes)), compressor.flush()])


def hostile_calls() -> Iterator[tuple[str, bytes]]:
    """What is sent after the preface, on a connection of its own."""
    opened = headers_frame(1, request_headers(PUBLISH))
    yield "a prefix of 4 GB", opened + data(1, b"\0\xff\xff\xff\xff")
    yield "a frame of 16 MB", b"\xff\xff\xff\0\0\0\0\0\x01" + bytes(100_000)
    yield "more than the window", opened + data(1, grpc_message(bytes(8 * MEGA)))
    yield "metadata of 1 MB", headers_frame(1, [*request_headers(PUBLISH), *[(f"x-{n}", "a" * 4000) for n in range(3)]])
    yield "headers in pieces", http2_frame(FrameType.HEADERS, 0, 1, b"") + http2_frame(9, 0, 1, bytes(16_384)) * 500
    # One entry of 4 KB in the table, and a byte for each further copy of it.
    block = b"\x40\x01a\x7f\xa1\x1e" + b"a" * 4000 + b"\xbe" * 16_000
    yield "headers that grow (HPACK)", http2_frame(FrameType.HEADERS, 4, 1, block[:16_384])
    yield "messages of nothing", opened + data(1, b"\0\0\0\0\0" * 12_000)
    yield "a line of 60,000 fields", opened + data(1, grpc_message(b"\x12\x02\x0a\x00" * 15_000))


@attack("the call or its connection ends; others are served")
async def oversized_calls(target: Target) -> str:
    """On Otto's wire: frames, headers, messages."""
    for _ in range(target.times(1, 20)):
        for _, hostile in hostile_calls():
            async with await RawHttp2.connect(target.gateway.grpc_port, preface=False) as client:
                client.send(PREFACE + settings() + hostile)
                await client.until(lambda: client.is_closed or len(client.frames) > 2)
    await lines_arrive(target)
    return f"{len(list(hostile_calls()))} kinds ended"


@attack("RESOURCE_EXHAUSTED, and never in memory")
async def gzip_bomb(target: Target) -> str:
    """A message that grows a thousand times."""
    return await bombed(target)


@attack("RESOURCE_EXHAUSTED, and never in memory", door="grpcio", is_long_only=True)
async def gzip_bomb_of_grpcio(target: Target) -> str:
    """The same on the older server."""
    return await bombed(target)


async def bombed(target: Target) -> str:
    bomb, times = zeros(56), target.times(3, 20)
    for _ in range(times):
        async with await RawHttp2.connect(target.gateway.grpc_port) as client:
            client.open(1, PUBLISH, grpc_encoding="gzip")
            client.send(data(1, grpc_message(bomb, compressed=True), end=True))
            status = (await client.ended(1))["grpc-status"]
            assert status == "8", f"status {status}"
    return f"{len(bomb) >> 10} KB that are 56 MiB refused {times} times"
