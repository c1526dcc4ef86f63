"""What arrived is received, however the stream ends: frames and endings in one write."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.grpc_server.frames import FrameType
from gateway.grpc_server.interface import Ending
from gateway.grpc_server.limits import ServerLimits
from tests.support.echo_service import ECHO, EchoService, serving
from tests.support.raw_http2 import RawHttp2, data, frame, grpc_message, headers_frame, request_headers, rst

COUNTS = [1, 20, 200, 20_000]
WIDE = ServerLimits(window_bytes=1 << 21, connection_window_bytes=1 << 22)


def lines(count: int) -> list[bytes]:
    return [b"line %d" % number for number in range(count)]


def call(count: int, *, end: bool = False, **more: str) -> bytes:
    """Headers and messages of stream 3."""
    body = b"".join(map(grpc_message, lines(count)))
    return headers_frame(3, request_headers(ECHO, **more)) + data(3, body, end=end)


async def open_first(client: RawHttp2, service: EchoService) -> None:
    """Have a call admitted on stream 1, so that the connection's window is large."""
    client.open(1, ECHO)
    await service.handler()
    await client.until(lambda: client.of(0, FrameType.WINDOW_UPDATE))


ENDINGS: dict[str, Callable[[RawHttp2], Any]] = {
    "RST_STREAM": lambda client: client.send(rst(3)),
    "GOAWAY and close": lambda client: (client.send(frame(FrameType.GOAWAY, 0, 0, b"\0" * 8)), client.writer.close()),
    "close": lambda client: client.writer.close(),
    "half-closed connection": lambda client: client.writer.write_eof(),
    "a broken rule": lambda client: client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, b"\0\0\0\0")),
}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
async def test_everything_is_received_before_a_stream_breaks(ending: Any, count: int) -> None:
    """All complete messages that arrived before the end are received, in order, and then the call counts as broken."""
    service = EchoService()
    service.is_echoing = False  # a client that closes with answers unread makes its kernel drop what it has to send
    async with serving(service, WIDE) as (_, port):
        client = await RawHttp2.connect(port)
        await open_first(client, service)
        client.send(call(count))
        ending(client)
        handler = await service.handler(1)
        await service.until(lambda: handler.ending)
        assert handler.received == lines(count)
        assert handler.ending is Ending.BROKEN
        await client.close()


@pytest.mark.parametrize("count", COUNTS)
async def test_everything_is_received_before_a_half_close(count: int) -> None:
    """END_STREAM in the frame of the last message."""
    service = EchoService()
    service.is_echoing = False
    async with serving(service, WIDE) as (_, port), await RawHttp2.connect(port) as client:
        await open_first(client, service)
        client.send(call(count, end=True))
        assert (await client.ended(3))["grpc-status"] == "0"
        assert service.handlers[1].received == lines(count)
        assert service.handlers[1].ending is Ending.HALF_CLOSED


@pytest.mark.parametrize("count", [1, 20, 200])
async def test_everything_is_received_before_a_connection_is_reset(count: int) -> None:
    """What the kernel has given us before a TCP reset counts; what it threw away is not ours to lose."""
    service = EchoService()
    async with serving(service, WIDE) as (_, port):
        client = await RawHttp2.connect(port)
        await open_first(client, service)
        client.send(call(count))
        await service.until(lambda: len(service.handlers) == 2 and len(service.handlers[1].received) == count)
        client.reset()
        await service.until(lambda: service.handlers[1].ending)
        assert service.handlers[1].ending is Ending.BROKEN


async def test_everything_is_received_before_a_deadline() -> None:
    """The deadline passes while a handler is paused: it still receives the rest, and the client has its status."""
    service = EchoService()
    service.on_message = lambda handler, _: handler.call.pause()
    async with serving(service, WIDE) as (_, port), await RawHttp2.connect(port) as client:
        await open_first(client, service)
        client.send(call(1_000, grpc_timeout="50m"))
        assert (await client.ended(3))["grpc-status"] == "4"
        handler = service.handlers[1]
        while handler.ending is None:
            count = len(handler.received)
            handler.call.resume()
            await service.until(lambda count=count: handler.ending or len(handler.received) > count)
        assert handler.received == lines(1_000)


async def test_everything_is_received_before_the_server_stops() -> None:
    """A handler is asked to drain after it has received what was there."""
    service = EchoService()
    service.is_echoing = False
    service.on_message = lambda handler, _: handler.call.pause()
    async with serving(service, WIDE) as (server, port):
        client = await RawHttp2.connect(port)
        await open_first(client, service)
        client.send(call(5_000), frame(FrameType.PING, 0, 0, b"all sent"))
        await client.until(lambda: client.of(0, FrameType.PING))
        server.drain()
        handler = service.handlers[1]
        while not handler.drained:
            count = len(handler.received)
            handler.call.resume()
            await service.until(lambda count=count: handler.drained or len(handler.received) > count)
        assert handler.received == lines(5_000)
        assert (await client.ended(3))["grpc-status"] == "14"
        await client.until_closed()


async def test_a_stream_that_breaks_before_it_is_admitted_is_received_after() -> None:
    """Headers, messages and the reset come in one write, while the token is still looked at."""
    service = EchoService()
    service.gate.clear()
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.send(call(20), rst(3))
        await service.until(lambda: service.opened)
        await asyncio.sleep(0)
        service.gate.set()
        handler = await service.handler()
        await service.until(lambda: handler.ending)
        assert (handler.received, handler.ending) == (lines(20), Ending.BROKEN)


async def test_a_message_that_is_incomplete_at_the_end_is_not_received() -> None:
    """Half a message is none: with END_STREAM it is a fault of its sender."""
    service = EchoService()
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO)
        client.send(data(1, grpc_message(b"whole") + grpc_message(b"half")[:-1], end=True))
        ended = await client.ended(1)
        assert (ended["grpc-status"], service.handlers[0].received) == ("13", [b"whole"])
