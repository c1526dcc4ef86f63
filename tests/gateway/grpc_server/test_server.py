"""The server with a real gRPC client."""

import asyncio
from typing import Any

import grpc
import pytest

from gateway.grpc_server.interface import Ending
from gateway.grpc_server.limits import ServerLimits
from tests.support.echo_service import ECHO, EchoService, serving


def stream(channel: grpc.aio.Channel, **options: Any) -> Any:
    method: Any = channel.stream_stream(ECHO)
    return method(**options)


async def test_messages_are_answered_in_order() -> None:
    """Every message arrives once and in order, and so does every answer."""
    service = EchoService()
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel)
        sent = [b"%d" % number * (number % 50) for number in range(500)]
        for message in sent:
            await call.write(message)
        await call.done_writing()
        assert [message async for message in call] == sent
        assert await call.code() is grpc.StatusCode.OK
        assert service.handlers[0].received == sent
        assert service.handlers[0].ending is Ending.HALF_CLOSED


async def test_a_large_message_passes_the_first_window() -> None:
    """A message larger than the window of a stream arrives, and so does its answer."""
    service = EchoService(message_bytes_max=4 << 20)
    async with serving(service) as (server, port):
        options = [("grpc.max_receive_message_length", 8 << 20)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call = stream(channel)
            message = bytes(range(256)) * (4 << 12)
            await call.write(message)
            await call.done_writing()
            assert await call.read() == message
        await service.until(lambda: service.handlers[0].ending)
    assert server.statistics.window_bytes == 0


async def test_a_message_over_the_limit_is_refused_by_its_prefix() -> None:
    """RESOURCE_EXHAUSTED names the size and the limit."""
    service = EchoService(message_bytes_max=1_000)
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel)
        await call.write(b"good")
        await call.write(b"x" * 1_001)
        assert await call.read() == b"good"
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1001 bytes; at most 1000" in await call.details()
        assert service.handlers[0].received == [b"good"]


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_messages_are_decompressed(compression: grpc.Compression) -> None:
    """Gzip and deflate of real clients."""
    service = EchoService()
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel, compression=compression)
        await call.write(b"text " * 1_000)
        assert await call.read() == b"text " * 1_000
        call.cancel()


async def test_a_call_that_is_refused_is_answered_at_its_headers() -> None:
    """The status and text of the refusal; no handler is made."""
    service = EchoService()
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel, metadata=[("token", "bad")])
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await call.details() == "no good token"
        assert service.handlers == []


async def test_an_unknown_method_is_unimplemented() -> None:
    """UNIMPLEMENTED, and the connection continues."""
    service = EchoService()
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: Any = channel.unary_unary("/test.Echo/Nothing")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method(b"")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        call = stream(channel)
        await call.write(b"a")
        assert await call.read() == b"a"
        call.cancel()


async def test_a_deadline_ends_the_call_and_keeps_what_arrived() -> None:
    """DEADLINE_EXCEEDED at the client; the handler has received everything and learns that nobody waits."""
    service = EchoService()
    service.is_echoing = False
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel, timeout=0.3)
        await call.write(b"a")
        handler = await service.handler()
        await service.until(lambda: handler.ending)
        assert (handler.received, handler.ending) == ([b"a"], Ending.BROKEN)
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_status_text_of_any_language_arrives() -> None:
    """A text that is not ASCII is percent-encoded on its way."""
    service = EchoService()
    service.on_message = lambda handler, _: handler.call.end(grpc.StatusCode.ABORTED.value[0], "안녕 100% 'a'\n")
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel)
        await call.write(b"a")
        assert await call.code() is grpc.StatusCode.ABORTED
        assert await call.details() == "안녕 100% 'a'\n"


async def test_a_server_that_stops_ends_calls_and_connections() -> None:
    """Open calls end with what their handlers say; then the connections close."""
    service = EchoService()
    async with serving(service) as (server, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel)
        await call.write(b"a")
        assert await call.read() == b"a"
        server.drain()
        assert await call.code() is grpc.StatusCode.UNAVAILABLE
        assert dict(await call.trailing_metadata()) == {"when": "later"}
        async with asyncio.timeout(10):
            await server.wait_empty()


async def test_one_call_more_than_there_may_be_waits_at_the_client() -> None:
    """A client that knows the limit opens no more streams; a place that gets free is used."""
    service = EchoService()
    async with (
        serving(service, ServerLimits(streams_max=1)) as (_, port),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        first = stream(channel)
        await first.write(b"a")
        assert await first.read() == b"a"
        second = stream(channel)
        await first.done_writing()
        await second.write(b"b")
        assert await second.read() == b"b"
        second.cancel()


async def test_a_handler_that_fails_ends_its_call_alone() -> None:
    """INTERNAL, without the reason; other calls of the connection continue."""

    def fail(handler: Any, messages: Any) -> None:
        if messages[0] == b"bad":
            raise ValueError("a secret")

    service = EchoService()
    service.on_message = fail
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        good, bad = stream(channel), stream(channel)
        await bad.write(b"bad")
        assert await bad.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in await bad.details()
        await good.write(b"a")
        assert await good.read() == b"a"
        good.cancel()


async def test_a_paused_call_receives_the_rest_once_it_is_resumed() -> None:
    """While a call is paused nothing more is received than its window, and nothing is lost."""
    service = EchoService()
    service.on_message = lambda handler, _: handler.call.pause()
    async with serving(service) as (_, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = stream(channel)
        sent = [b"%d" % number * 1_000 for number in range(300)]

        async def write() -> None:
            for message in sent:
                await call.write(message)
            await call.done_writing()

        writing = asyncio.create_task(write())
        handler = await service.handler()
        while handler.ending is None:
            count = len(handler.received)
            handler.call.resume()
            await service.until(lambda count=count: len(handler.received) > count or handler.ending)
        await writing
        assert handler.received == sent
        call.cancel()
