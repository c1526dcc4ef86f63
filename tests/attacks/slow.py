"""Peers that take their time."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence

import grpc

from gateway.grpc_server.frames import PREFACE
from tests.attacks.attack import Target, attack
from tests.readers.stream import Stream
from tests.support.raw_http2 import data, headers_frame, request_headers, settings
from tests.support.worker import publish

PUBLISH = "/otto.logs.v1.LogIngestService/Publish"
HEAD = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nX-Long: "
BODY = b"POST /api/dashboard/execution-summary HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
STEP_SECONDS = 0.1
_numbers = itertools.count()


async def trickle(port: int, begin: bytes, byte: bytes) -> None:
    """Send a byte, wait, and so on until the gateway hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begin)
    ended = asyncio.ensure_future(reader.read())
    with contextlib.suppress(ConnectionError):
        while not ended.done():
            writer.write(byte)
            await asyncio.wait([ended], timeout=STEP_SECONDS)
        ended.result()
    writer.close()


@attack("each is cut off in REQUEST_SECONDS_MAX; others get their lines meanwhile")
async def slowloris_heads(target: Target) -> str:
    """Heads of requests that never end."""
    return await trickled(target, HEAD, b"x")


@attack("each is cut off in REQUEST_SECONDS_MAX; others get their lines meanwhile")
async def slowloris_bodies(target: Target) -> str:
    """Bodies of requests that never end."""
    return await trickled(target, BODY, b" ")


async def trickled(target: Target, begin: bytes, byte: bytes) -> str:
    many = target.times(50, 500)
    attackers = [asyncio.create_task(trickle(target.gateway.http_port, begin, byte)) for _ in range(many)]
    await lines_arrive(target)
    await asyncio.gather(*attackers)
    return f"{many} of {many} cut off"


async def lines_arrive(target: Target) -> None:
    """A reader and a producer that mean well are served; they come back after a refusal, as clients do.

    On a busy machine the reader's own head may be too late, and a flood's streams may just be ending.
    """
    task_id = f"good-{next(_numbers)}"
    reader = Stream("sse", target.gateway.http_port, task_id)
    while not await is_published(target, task_id, [f"#{number}@" for number in range(1, 11)]):
        await asyncio.sleep(STEP_SECONDS)
    while reader.last < 10:
        with contextlib.suppress(ConnectionError):
            await reader.open()
            await reader.take_until(10)
    assert reader.lines.is_orderly
    reader.close()


async def is_published(target: Target, task_id: str, lines: list[str]) -> bool:
    """Publish; whether there was a place for it."""
    try:
        await publish(target.gateway.grpc_address, task_id, lines)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return False
    return True


OPENINGS: Sequence[tuple[str, Callable[[int], bytes]]] = (
    ("nothing", lambda _: b""),
    ("half a preface", lambda _: PREFACE[:10]),
    ("a preface", lambda _: PREFACE + settings()),
    ("half a frame", lambda _: PREFACE + settings() + b"\0\x40\0\x01\x04"),
    ("a call without a message", lambda _: PREFACE + settings() + headers_frame(1, request_headers(PUBLISH))),
    (
        "half a message",
        lambda _: PREFACE + settings() + headers_frame(1, request_headers(PUBLISH)) + data(1, b"\0\0\0\x40\0abc"),
    ),
    (
        "answers that are never read",
        lambda _: PREFACE + settings({4: 0}) + headers_frame(1, request_headers(PUBLISH)) + data(1, b"\0\0\0\0\0"),
    ),
)


@attack("others are served meanwhile; nothing is left of them")
async def slow_grpc_peers(target: Target) -> str:
    """Connections that stop at each place where the gateway waits for more."""
    return await slow_peers(target)


@attack("others are served meanwhile; nothing is left of them", door="grpcio", is_long_only=True)
async def slow_grpc_peers_of_grpcio(target: Target) -> str:
    """The same on the older server."""
    return await slow_peers(target)


async def slow_peers(target: Target) -> str:
    each = target.times(10, 60)
    writers = []
    for _, opening in OPENINGS:
        for number in range(each):
            _, writer = await asyncio.open_connection("127.0.0.1", target.gateway.grpc_port)
            writer.write(opening(number))
            writers.append(writer)
    await lines_arrive(target)
    for writer in writers:
        writer.close()
    await lines_arrive(target)
    return f"{len(writers)} connections, others served"
