"""Threat: clients that open connections and never finish a request, or send one without an end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.request_limits import HEAD_BYTES_MAX, RequestLimits, guarded
from tests.support.http_server import serve
from tests.support.moved_clock import pass_time
from tests.support.waiting import attempts

HEAD_SECONDS = 1000.0
BODY_SECONDS = 1e8
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: Request) -> Response:
    return Response(await request.body())


@pytest.fixture(params=[H11Protocol, HttpToolsProtocol])
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Streams]:
    limits = RequestLimits(head_seconds=HEAD_SECONDS, body_seconds=BODY_SECONDS)
    app = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
    async with serve(app, http=guarded(request.param, limits), timeout_keep_alive=10**9) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
        yield reader, writer
        writer.close()


async def read_while_time_passes(reader: asyncio.StreamReader, seconds: float = HEAD_SECONDS) -> bytes:
    """What comes until the end of the connection, whose time is over soon."""
    reading = asyncio.create_task(reader.read())
    async for _ in attempts("the connection is dropped"):
        if reading.done():
            break
        pass_time(seconds)
    return await reading


async def another_is_dropped(writer: asyncio.StreamWriter) -> None:
    """Open a later connection and say nothing: with its time that of a head is over on this one as well."""
    reader, other = await asyncio.open_connection(*writer.get_extra_info("peername"))
    assert await read_while_time_passes(reader) == b""
    other.close()


async def test_a_connection_without_a_request_is_dropped(connection: Streams) -> None:
    """Half a head is no request."""
    reader, writer = connection
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert await read_while_time_passes(reader) == b""


async def test_a_connection_with_a_request_stays(connection: Streams) -> None:
    """The time limit is that of the head, not that of the request."""
    reader, writer = connection
    writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
    await another_is_dropped(writer)
    writer.write(b"ok")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("beginning", "seconds"),
    [
        (b"GET / HTTP/1.1\r\nX-Long: ", HEAD_SECONDS),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", BODY_SECONDS),
    ],
    ids=["head", "body"],
)
async def test_what_trickles_is_cut(connection: Streams, beginning: bytes, seconds: float) -> None:
    """Bytes that come now and then do not make the time longer; the body has a time of its own."""
    reader, writer = connection
    writer.write(beginning)
    gone = asyncio.create_task(reader.read())
    async for _ in attempts("the connection is cut"):
        if gone.done():
            break
        writer.write(b"X")
        pass_time(seconds / 4)
    assert gone.exception() is not None or gone.result() == b""


@pytest.mark.parametrize("beginning", [b"GET / HT", b"\r\n", b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"])
async def test_a_later_request_has_the_same_time(connection: Streams, beginning: bytes) -> None:
    """One byte of a next request is no way around the time that a connection may be idle."""
    reader, writer = connection
    writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
    assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
    writer.write(beginning)
    rest = await read_while_time_passes(reader, BODY_SECONDS)
    assert b"200 OK" not in rest


async def test_an_idle_connection_stays(connection: Streams) -> None:
    """Between two requests nothing is due; how long that may last is uvicorn's business."""
    reader, writer = connection
    for _ in range(2):
        writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        await another_is_dropped(writer)


async def test_a_head_without_an_end_is_refused(connection: Streams) -> None:
    """However it is cut into pieces, no more than the limit is kept."""
    reader, writer = connection
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
    for _ in range(HEAD_BYTES_MAX // 8192 + 1):
        writer.write(b"a" * 8192)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")


async def test_a_body_behind_a_short_head_is_no_head(connection: Streams) -> None:
    """A request that comes in one piece with a long body is served."""
    reader, writer = connection
    writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"b" * 60000)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
