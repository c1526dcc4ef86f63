"""Hostile calls, with raw frames: messages that are too large or never end, calls that are refused."""

import gzip

import pytest
from h2.errors import ErrorCodes

from gateway.grpc_server.limits import ServerLimits
from tests.support.echo_service import ECHO, EchoService, good_call, serving
from tests.support.raw_http2 import (
    RawHttp2,
    data,
    grpc_message,
)

CALM = ErrorCodes.ENHANCE_YOUR_CALM

pytestmark = pytest.mark.timeout(60)  # a test that waits for what does not come says where


async def test_a_gzip_bomb_is_decompressed_to_the_limit_only() -> None:
    """A message that is small on the wire and large in memory is refused."""
    service = EchoService(message_bytes_max=100_000)
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO, grpc_encoding="gzip")
        client.send(data(1, grpc_message(gzip.compress(b"\0" * 10_000_000), compressed=True)))
        ended = await client.ended(1)
        assert (ended["grpc-status"], "at most 100000" in ended["grpc-message"]) == ("8", True)
        assert service.handlers[0].received == []


async def test_a_prefix_of_4_gb_is_refused_by_itself() -> None:
    """The size is looked at before the message is waited for."""
    service = EchoService()
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO)
        client.send(data(1, b"\0\xff\xff\xff\xff"))
        assert (await client.ended(1))["grpc-status"] == "8"
        await good_call(client, 3)


async def test_a_message_that_never_ends_has_a_time_limit() -> None:
    """Half a message holds memory: its call ends with DEADLINE_EXCEEDED."""
    service = EchoService()
    async with (
        serving(service, ServerLimits(message_seconds_max=0.0)) as (_, port),
        await RawHttp2.connect(port) as client,
    ):
        client.open(1, ECHO)
        client.send(data(1, grpc_message(b"whole") + b"\0\0\0\x10\0half"))
        ended = await client.ended(1)
        assert (ended["grpc-status"], service.handlers[0].received) == ("4", [b"whole"])


async def test_a_call_that_is_not_admitted_in_time_is_ended() -> None:
    """A method that hangs while it looks at a token holds no place for ever."""
    service = EchoService()
    service.gate.clear()
    async with (
        serving(service, ServerLimits(open_seconds_max=0.0)) as (_, port),
        await RawHttp2.connect(port) as client,
    ):
        client.open(1, ECHO)
        assert (await client.ended(1))["grpc-status"] == "4"


async def test_refused_calls_use_up_the_budget_of_resets() -> None:
    """Calls without a good token are answered at their headers, and not for ever."""
    service = EchoService()
    async with serving(service, ServerLimits(resets_max=20, resets_per_second=0.0)) as (_, port):
        client = await RawHttp2.connect(port)
        for number in range(40):
            client.open(2 * number + 1, ECHO, token="bad")
        assert await client.goaway() == CALM
        await client.until_closed()


async def test_data_after_a_refusal_is_dropped() -> None:
    """What was on its way when a call was refused neither ends the connection nor is kept."""
    service = EchoService()
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO, token="bad")
        assert (await client.ended(1))["grpc-status"] == "16"
        client.send(data(1, b"x" * 10_000, end=True))
        await good_call(client, 3)
