"""Hostile connections, with raw frames: each test names the attack. The table is in docs/decisions."""

import struct
from typing import Any

import pytest
from h2.errors import ErrorCodes

from gateway.grpc_server.frames import PREFACE, FrameType
from gateway.grpc_server.limits import ServerLimits
from tests.support.echo_service import ECHO, EchoService, good_call, serving
from tests.support.raw_http2 import (
    RawHttp2,
    data,
    frame,
    grpc_message,
    header_block,
    headers_frame,
    request_headers,
    rst,
    settings,
)

pytestmark = pytest.mark.timeout(60)  # a test that waits for what does not come says where

CALM, PROTOCOL, FLOW = ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FLOW_CONTROL_ERROR


def ping(number: int) -> bytes:
    return frame(FrameType.PING, 0, 0, number.to_bytes(8, "big"))


async def test_rapid_reset_ends_the_connection() -> None:
    """CVE-2023-44487: streams that are opened and reset use up a budget; then GOAWAY."""
    service = EchoService()
    async with serving(service, ServerLimits(resets_max=50, resets_per_second=0.0)) as (server, port):
        client = await RawHttp2.connect(port)
        for number in range(60):
            client.open(2 * number + 1, ECHO)
            client.send(rst(2 * number + 1))
        assert await client.goaway() == CALM
        await client.until_closed()
        assert service.opened <= 51
        assert server.statistics.faults == {"ENHANCE_YOUR_CALM": 1}


async def test_a_few_resets_are_a_clients_right() -> None:
    """A client that cancels some calls continues with the others."""
    service = EchoService()
    async with (
        serving(service, ServerLimits(resets_max=50, resets_per_second=0.0)) as (_, port),
        await RawHttp2.connect(port) as client,
    ):
        for number in range(49):
            client.open(2 * number + 1, ECHO)
            client.send(rst(2 * number + 1))
        await good_call(client, 101)


async def test_a_stream_that_is_reset_keeps_its_place_until_its_handler_has_ended() -> None:
    """The work of a call is what is limited, not the streams that a peer counts."""
    service = EchoService()
    service.ends_calls = False
    async with serving(service, ServerLimits(streams_max=2)) as (_, port), await RawHttp2.connect(port) as client:
        for stream_id in (1, 3):
            client.open(stream_id, ECHO)
            client.send(rst(stream_id))
        client.open(5, ECHO)
        refused = await client.until(lambda: client.of(5, FrameType.RST_STREAM))
        assert int.from_bytes(refused[0].payload, "big") == ErrorCodes.REFUSED_STREAM
        await service.until(lambda: len(service.handlers) == 2 and all(each.ending for each in service.handlers))
        assert len(service.handlers) == 2
        for handler in service.handlers:
            handler.call.end(0)
        service.ends_calls = True
        await good_call(client, 7)


async def test_made_you_reset_ends_the_connection() -> None:
    """CVE-2025-8671: resets that the peer makes the server send count like its own."""
    service = EchoService()
    async with serving(service, ServerLimits(resets_max=50, resets_per_second=0.0)) as (_, port):
        client = await RawHttp2.connect(port)
        overflow = struct.pack(">L", 0x7FFF_FFFF)
        for number in range(60):
            client.open(2 * number + 1, ECHO)
            client.send(frame(FrameType.WINDOW_UPDATE, 0, 2 * number + 1, overflow))
        assert await client.goaway() == CALM
        await client.until_closed()


async def test_a_flood_of_continuation_ends_the_connection() -> None:
    """A header block without end is cut off before it is decoded."""
    async with serving(EchoService()) as (_, port):
        client = await RawHttp2.connect(port)
        block = header_block(request_headers(ECHO))
        client.send(frame(FrameType.HEADERS, 0, 1, block))
        for _ in range(100):
            client.send(frame(FrameType.CONTINUATION, 0, 1, header_block([("x", "y" * 1_000)])))
        assert await client.goaway() in (CALM, PROTOCOL)
        await client.until_closed()


async def test_a_flood_of_empty_continuation_ends_the_connection() -> None:
    """CONTINUATION without content costs no bytes, so their number is limited."""
    async with serving(EchoService()) as (_, port):
        client = await RawHttp2.connect(port)
        client.send(frame(FrameType.HEADERS, 0, 1, header_block(request_headers(ECHO))))
        client.send(*[frame(FrameType.CONTINUATION, 0, 1)] * 2_000)
        assert await client.goaway() in (CALM, PROTOCOL)
        await client.until_closed()


async def test_an_hpack_bomb_ends_the_connection() -> None:
    """A few bytes that refer to a large table entry again and again are not decoded beyond the limit."""
    async with serving(EchoService()) as (_, port):
        client = await RawHttp2.connect(port)
        entry = b"\x40" + b"\x01x" + b"\x7f\xd1\x1e" + b"y" * (127 + 0x51 + 0x1E * 128)  # kept in the table
        client.send(frame(FrameType.HEADERS, 4, 1, header_block(request_headers(ECHO)) + entry + b"\xbe" * 8_000))
        assert await client.goaway() == CALM
        await client.until_closed()


async def test_headers_that_do_not_end_are_waited_for_so_long() -> None:
    """Headers that are begun and not finished cost the connection."""
    limits = ServerLimits(header_seconds_max=0.0)
    async with serving(EchoService(), limits) as (_, port):
        client = await RawHttp2.connect(port)
        client.send(frame(FrameType.HEADERS, 0, 1, header_block(request_headers(ECHO))))
        assert await client.goaway() == CALM
        await client.until_closed()


FLOODS = {
    "SETTINGS": lambda n: settings({4: 65_535 - n % 2}),
    "SETTINGS acknowledged": lambda _: settings(ack=True),
    "PING": ping,
    "PING acknowledged": lambda n: frame(FrameType.PING, 1, 0, n.to_bytes(8, "big")),
    "PRIORITY": lambda n: frame(FrameType.PRIORITY, 0, 2 * n + 1, b"\0\0\0\0\x10"),
    "WINDOW_UPDATE": lambda _: frame(FrameType.WINDOW_UPDATE, 0, 0, b"\0\0\0\x01"),
    "empty DATA": lambda _: data(1),
    "DATA that is only padding": lambda _: frame(FrameType.DATA, 8, 1, b"\x05" + b"\0" * 5),
    "unknown": lambda n: frame(0x42, n % 256, 0, b"?"),
    "RST_STREAM of nothing": lambda _: rst(1),
    "GOAWAY": lambda _: frame(FrameType.GOAWAY, 0, 0, b"\0" * 8),
}


@pytest.mark.parametrize("make", FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_of_frames_that_carry_nothing_ends_the_connection(make: Any) -> None:
    """h2 takes any number of them; here they use up a budget."""
    service = EchoService()
    service.ends_calls = False
    async with serving(service) as (_, port):
        client = await RawHttp2.connect(port)
        client.open(1, ECHO)
        client.send(*map(make, range(3_000)))
        assert await client.goaway() in (CALM, ErrorCodes.STREAM_CLOSED)
        await client.until_closed()
        for handler in service.handlers:
            handler.call.end(0)


async def test_an_honest_peer_pings_as_often_as_it_gets_data() -> None:
    """grpc-go sends a PING for each round trip while it gets DATA, and credit: the budget is refilled by DATA."""
    service = EchoService()
    limits = ServerLimits(empty_frames_max=20, empty_frames_per_second=0.0)
    async with serving(service, limits) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO)
        for number in range(200):
            client.send(data(1, grpc_message(b"line")))
            await client.until(lambda number=number: len(client.body(1)) >= 9 * (number + 1))
            client.send(ping(number), frame(FrameType.WINDOW_UPDATE, 0, 1, b"\0\0\0\x09"))
        client.send(data(1, end=True))
        assert (await client.ended(1))["grpc-status"] == "0"


async def test_credit_for_answers_counts_to_the_byte() -> None:
    """A peer that gives back half of each answer gets the first window and what it gave back, and not a byte more."""
    service = EchoService()
    async with serving(service) as (_, port), await RawHttp2.connect(port, preface=False) as client:
        client.send(PREFACE, settings({4: 1 << 20}))
        client.open(1, ECHO)
        counts = {"received": 0, "given": 0}

        def is_next() -> bool:
            return len(client.body(1)) > counts["received"] or counts["received"] == 65_535 + counts["given"]

        for _ in range(200):
            client.send(data(1, grpc_message(b"x" * 995)))
            await client.until(is_next)
            received = len(client.body(1))
            credit, counts["received"] = (received - counts["received"]) // 2, received
            if credit:
                counts["given"] += credit
                client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, credit.to_bytes(4, "big")))
        await good_ping(client)
        assert len(client.body(1)) == counts["received"] == 65_535 + counts["given"]
        client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, (200_000).to_bytes(4, "big")))
        await client.until(lambda: len(client.body(1)) == 200_000)


async def test_a_peer_that_reads_no_answers_is_read_no_further() -> None:
    """Answers beyond the limit wait in the peer's own window: nothing more is received of its stream."""
    service = EchoService()
    limits = ServerLimits(unsent_bytes_max=1_000)
    async with serving(service, limits) as (_, port), await RawHttp2.connect(port, preface=False) as client:
        client.send(PREFACE, settings({4: 0}))  # no window for any answer
        client.open(1, ECHO)
        client.send(data(1, grpc_message(b"x" * 95) * 600))
        handler = await service.handler()
        await service.until(lambda: len(handler.received) >= 10)
        await good_ping(client)
        assert len(handler.received) <= 256
        assert len(handler.call.unsent) <= 256 * 100  # type: ignore[attr-defined]
        client.send(settings({4: 1 << 20}))
        client.send(data(1, end=True))
        await client.until(lambda: len(client.body(1)) == 60_000 or None)


async def good_ping(client: RawHttp2) -> None:
    """Everything that was sent before has been worked through."""
    client.send(ping(4711))
    await client.until(lambda: [each for each in client.of(0, FrameType.PING) if each.payload[-2:] == b"\x12\x67"])


async def test_a_peer_that_never_reads_its_answers_is_reset() -> None:
    """After a time limit the stream is reset, and its handler learns that it is broken."""
    service = EchoService()
    limits = ServerLimits(unread_seconds_max=0.0)
    async with serving(service, limits) as (_, port), await RawHttp2.connect(port, preface=False) as client:
        client.send(PREFACE, settings({4: 0}))
        client.open(1, ECHO)
        client.send(data(1, grpc_message(b"line")))
        reset = await client.until(lambda: client.of(1, FrameType.RST_STREAM))
        assert int.from_bytes(reset[0].payload, "big") == ErrorCodes.CANCEL
        await service.until(lambda: service.handlers[0].ending)


async def test_more_data_than_the_stream_may_send_resets_it() -> None:
    """A stream that overflows its window is reset; others continue."""
    service = EchoService()
    service.gate.clear()  # nothing is consumed meanwhile
    async with serving(service, ServerLimits(window_bytes=1_000)) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO)
        client.send(data(1, b"x" * 1_001))
        reset = await client.until(lambda: client.of(1, FrameType.RST_STREAM))
        assert int.from_bytes(reset[0].payload, "big") == FLOW
        service.gate.set()
        await good_call(client, 3)


async def test_more_data_than_the_connection_may_send_ends_it() -> None:
    """A connection that overflows its window ends; calls that are not admitted get no credit."""
    service = EchoService()
    service.gate.clear()
    async with serving(service) as (_, port):
        client = await RawHttp2.connect(port)
        for stream_id in (1, 3):
            client.open(stream_id, ECHO)
            client.send(data(stream_id, b"x" * 40_000))
        assert await client.goaway() == FLOW
        service.gate.set()
        await client.until_closed()


@pytest.mark.parametrize("stream_id", [0, 1])
async def test_a_window_update_of_nothing_is_a_fault(stream_id: int) -> None:
    """An increment of zero."""
    service = EchoService()
    async with serving(service) as (_, port):
        client = await RawHttp2.connect(port)
        client.open(1, ECHO)
        client.send(frame(FrameType.WINDOW_UPDATE, 0, stream_id, b"\0\0\0\0"))
        assert await client.goaway() == PROTOCOL
        await client.until_closed()


async def test_what_is_no_http2_is_closed() -> None:
    """Another protocol is not answered for long."""
    async with serving(EchoService()) as (_, port):
        client = await RawHttp2.connect(port, preface=False)
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.until_closed()


async def test_a_connection_that_says_nothing_is_closed() -> None:
    """The preface and the first SETTINGS have a time limit."""
    async with serving(EchoService(), ServerLimits(preface_seconds_max=0.0)) as (_, port):
        client = await RawHttp2.connect(port, preface=False)
        client.send(PREFACE[:10])
        await client.until_closed()


async def test_an_idle_connection_is_told_to_leave() -> None:
    """A connection without calls ends with GOAWAY and no error."""
    async with serving(EchoService(), ServerLimits(strange_seconds_max=0.0)) as (_, port):
        client = await RawHttp2.connect(port)
        assert await client.goaway() == ErrorCodes.NO_ERROR
        await client.until_closed()


async def test_a_dead_peer_is_noticed() -> None:
    """A silent peer is asked whether it is there, and closed where it does not answer."""
    limits = ServerLimits(keepalive_seconds=0.01, keepalive_timeout_seconds=0.0)
    async with serving(EchoService(), limits) as (_, port):
        client = await RawHttp2.connect(port)
        client.open(1, ECHO)
        await client.until(lambda: client.of(0, FrameType.PING))
        await client.until_closed()


async def test_a_connection_too_many_is_closed() -> None:
    """Connections are limited, and so are those of one address."""
    async with (
        serving(EchoService(), ServerLimits(connections_max=1)) as (server, port),
        await RawHttp2.connect(port) as first,
    ):
        await good_call(first, 1)
        second = await RawHttp2.connect(port)
        await second.until_closed()
        assert server.statistics.refused_connections == {"full": 1}
        await good_call(first, 3)


async def test_a_frame_that_is_too_large_is_refused_by_its_header() -> None:
    """h2 would wait for 16 MB of it."""
    async with serving(EchoService()) as (_, port):
        client = await RawHttp2.connect(port)
        client.send(b"\xff\xff\xff" + bytes((FrameType.HEADERS, 4)) + b"\0\0\0\x01")
        assert await client.goaway() == ErrorCodes.FRAME_SIZE_ERROR
        await client.until_closed()


def test_the_request_headers_of_the_tests_are_those_of_a_call() -> None:
    """The raw client's own form is right."""
    assert headers_frame(1, request_headers(ECHO))[3] == FrameType.HEADERS
