"""Rules of HTTP/2 (RFC 9113) and HPACK (RFC 7541) that a peer may break; each case names its section."""

import struct
from typing import NamedTuple

import pytest
from h2.errors import ErrorCodes

from gateway.grpc_server.frames import PREFACE, FrameType
from gateway.grpc_server.status import GrpcStatus
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

PROTOCOL, SIZE, FLOW = ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FRAME_SIZE_ERROR, ErrorCodes.FLOW_CONTROL_ERROR
COMPRESSION, CLOSED = ErrorCodes.COMPRESSION_ERROR, ErrorCodes.STREAM_CLOSED

ACK, END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
BLOCK = header_block(request_headers(ECHO))
OPEN = headers_frame(1, request_headers(ECHO))
OPEN_AND_END = headers_frame(1, request_headers(ECHO), end=True)
UNENDED = frame(FrameType.HEADERS, 0, 1, BLOCK)
LARGEST_INCREMENT = (0x7FFF_FFFF).to_bytes(4, "big")


class Case(NamedTuple):
    """What is sent, and the error that ends the connection."""

    rule: str
    sent: bytes
    error: ErrorCodes


def _headers(flags: int, stream_id: int, payload: bytes) -> bytes:
    return frame(FrameType.HEADERS, flags | END_HEADERS, stream_id, payload)


def _setting(name: int, value: int) -> bytes:
    return settings({name: value})


CASES = [
    Case("4.2: a frame of the connection's state has its size", frame(FrameType.SETTINGS, 0, 0, b"abc"), SIZE),
    Case("4.3: a header block can be decoded", _headers(0, 1, b"\x80"), COMPRESSION),
    Case("5.1: DATA on an idle stream", data(1, b"x"), PROTOCOL),
    Case("5.1: RST_STREAM on an idle stream", rst(1), PROTOCOL),
    Case("5.1: WINDOW_UPDATE on an idle stream", frame(FrameType.WINDOW_UPDATE, 0, 1, b"\0\0\0\x01"), PROTOCOL),
    Case("5.1: CONTINUATION on an idle stream", frame(FrameType.CONTINUATION, END_HEADERS, 1, BLOCK), PROTOCOL),
    Case("5.1.1: a client's streams have odd numbers", headers_frame(2, request_headers(ECHO)), PROTOCOL),
    Case(
        "5.1.1: numbers of streams grow",
        headers_frame(5, request_headers(ECHO)) + headers_frame(3, request_headers(ECHO)),
        PROTOCOL,
    ),
    Case("6.1: DATA on the connection", data(0, b"x"), PROTOCOL),
    Case("6.1: padding as long as the payload", OPEN + frame(FrameType.DATA, PADDED, 1, b"\x03ab"), PROTOCOL),
    Case("6.1: padding without a length", OPEN + frame(FrameType.DATA, PADDED, 1), SIZE),
    Case("6.2: HEADERS on the connection", _headers(0, 0, BLOCK), PROTOCOL),
    Case("6.2: padding as long as the headers", _headers(PADDED, 1, b"\x05abcd"), PROTOCOL),
    Case("6.2: another frame amid headers", UNENDED + frame(FrameType.PING, 0, 0, bytes(8)), PROTOCOL),
    Case("6.2: another stream amid headers", UNENDED + headers_frame(3, request_headers(ECHO)), PROTOCOL),
    Case("6.3: PRIORITY on the connection", frame(FrameType.PRIORITY, 0, 0, bytes(5)), PROTOCOL),
    Case("6.4: RST_STREAM on the connection", rst(0), PROTOCOL),
    Case("6.4: RST_STREAM has four bytes", OPEN + frame(FrameType.RST_STREAM, 0, 1, bytes(3)), SIZE),
    Case("6.5: an acknowledgement is empty", frame(FrameType.SETTINGS, ACK, 0, bytes(6)), PROTOCOL),
    Case("6.5: SETTINGS on a stream", frame(FrameType.SETTINGS, 0, 1, bytes(6)), PROTOCOL),
    Case("6.5.2: ENABLE_PUSH is 0 or 1", _setting(2, 2), PROTOCOL),
    Case("6.5.2: the window of a stream is at most 2^31-1", _setting(4, 1 << 31), FLOW),
    Case("6.5.2: frames may have at least 2^14 bytes", _setting(5, (1 << 14) - 1), PROTOCOL),
    Case("6.5.2: frames may have at most 2^24-1 bytes", _setting(5, 1 << 24), PROTOCOL),
    Case(
        "6.6: a client promises nothing", OPEN + frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02"), PROTOCOL
    ),
    Case("6.7: PING on a stream", OPEN + frame(FrameType.PING, 0, 1, bytes(8)), PROTOCOL),
    Case("6.7: PING has eight bytes", frame(FrameType.PING, 0, 0, bytes(6)), SIZE),
    Case("6.8: GOAWAY on a stream", OPEN + frame(FrameType.GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    Case("6.9: WINDOW_UPDATE has four bytes", frame(FrameType.WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
    Case("6.9.1: the window stays below 2^31", frame(FrameType.WINDOW_UPDATE, 0, 0, LARGEST_INCREMENT), FLOW),
    Case("6.10: CONTINUATION follows headers", OPEN + frame(FrameType.CONTINUATION, END_HEADERS, 1, BLOCK), PROTOCOL),
    Case("6.10: CONTINUATION is of the same stream", UNENDED + frame(FrameType.CONTINUATION, 4, 3, b""), PROTOCOL),
    Case("8.1: trailers end the stream", OPEN + headers_frame(1, [("x", "y")]), PROTOCOL),
    Case("HPACK 2.3.3: an index of the tables", _headers(0, 1, b"\xfe"), COMPRESSION),
    Case("HPACK 4.2: the table is at most as large as was said", _headers(0, 1, b"\x3f\xe1\xff\xff\x03"), COMPRESSION),
    Case("HPACK 5.2: a string ends with its block", _headers(0, 1, b"\x00\x05ab"), COMPRESSION),
    Case(
        "HPACK 5.2: Huffman's end of string is not sent", _headers(0, 1, b"\x00\x84\xff\xff\xff\xff\x01x"), COMPRESSION
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
async def test_a_broken_rule_ends_the_connection_with_its_error(case: Case) -> None:
    """The GOAWAY says which kind of rule, and the connection is closed."""
    async with serving(EchoService()) as (server, port), await RawHttp2.connect(port) as client:
        client.send(case.sent)
        assert ErrorCodes(await client.goaway()) is case.error
        await client.until_closed()
        assert sum(server.statistics.faults.values()) == 1


async def test_the_first_frame_is_settings() -> None:
    """RFC 9113, 3.4: nothing else may follow the preface."""
    async with serving(EchoService()) as (_, port), await RawHttp2.connect(port, preface=False) as client:
        client.send(PREFACE + frame(FrameType.PING, 0, 0, bytes(8)))
        assert await client.goaway() == PROTOCOL


STREAM_CASES = [
    ("8.1: trailers have no pseudo-headers", OPEN, headers_frame(1, [(":path", ECHO)], end=True), PROTOCOL),
    ("5.1: DATA after the stream's end", OPEN_AND_END, data(1, b"x"), CLOSED),
    ("6.9.1: the window of a stream stays below 2^31", OPEN, frame(8, 0, 1, LARGEST_INCREMENT), FLOW),
]


@pytest.mark.parametrize(
    ("before", "sent", "error"), [case[1:] for case in STREAM_CASES], ids=[c[0] for c in STREAM_CASES]
)
async def test_a_broken_rule_of_one_stream_resets_it_alone(before: bytes, sent: bytes, error: ErrorCodes) -> None:
    """The connection serves its other calls as before."""
    service = EchoService()
    service.ends_calls = False
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.send(before, sent)
        reset = await client.until(lambda: client.of(1, FrameType.RST_STREAM))
        assert int.from_bytes(reset[0].payload, "big") == error
        for handler in service.handlers:
            handler.call.end(GrpcStatus.OK)
        service.ends_calls = True
        await good_call(client, 3)


@pytest.mark.parametrize(
    ("is_known_size", "expected"), [(True, "0"), (False, None)], ids=["of the announced length", "longer"]
)
async def test_a_request_is_as_long_as_it_announces(*, is_known_size: bool, expected: str | None) -> None:
    """RFC 9113, 8.1.1: one whose ``content-length`` is wrong is malformed."""
    message = grpc_message(b"line")
    async with serving(EchoService()) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO, content_length=str(len(message) if is_known_size else len(message) - 1))
        client.send(data(1, message, end=True))
        if expected is None:
            assert await client.goaway() == PROTOCOL
        else:
            assert (await client.ended(1))["grpc-status"] == expected


TAKEN = {
    "4.1: unknown types": frame(0x16, 0, 0, b"what"),
    "4.1: unknown flags": frame(FrameType.PING, 0xF2, 0, bytes(8)),
    "5.3: PRIORITY of an idle stream": frame(FrameType.PRIORITY, 0, 9, struct.pack(">LB", 0, 255)),
    "6.5.2: unknown settings": _setting(0xFF, 1),
    "6.5.3: settings more than once": _setting(3, 10) + _setting(3, 11),
    "6.7: answers that nobody asked for": frame(FrameType.PING, ACK, 0, bytes(8)),
}


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN.keys())
async def test_what_may_be_sent_disturbs_nothing(sent: bytes) -> None:
    """Frames that mean nothing to this server are no fault."""
    async with serving(EchoService()) as (server, port), await RawHttp2.connect(port) as client:
        client.send(sent)
        await good_call(client, 1)
        assert not server.statistics.faults


@pytest.mark.parametrize(
    "parts",
    [
        (_headers(PADDED, 1, b"\x03" + BLOCK + bytes(3)),),
        (_headers(PRIORITY, 1, struct.pack(">LB", 0, 255) + BLOCK),),
        (frame(1, 0, 1, BLOCK[:9]), frame(9, 4, 1, BLOCK[9:])),
        (frame(1, 0, 1, BLOCK[:1]), frame(9, 0, 1, BLOCK[1:20]), frame(9, 4, 1, BLOCK[20:])),
    ],
    ids=["padded", "with priority", "in two frames", "in three frames"],
)
async def test_headers_may_come_in_any_form(parts: tuple[bytes, ...]) -> None:
    """RFC 9113, 6.2 and 6.10."""
    async with serving(EchoService()) as (_, port), await RawHttp2.connect(port) as client:
        client.send(*parts)
        client.send(frame(FrameType.DATA, PADDED | END_STREAM, 1, b"\x02" + grpc_message(b"line") + bytes(2)))
        assert (await client.ended(1))["grpc-status"] == "0"
        assert client.body(1) == grpc_message(b"line")


async def test_answers_wait_for_the_window_and_follow_its_changes() -> None:
    """RFC 9113, 6.9.2: a smaller first window may make that of a stream negative; it is then refilled from there."""
    service = EchoService()
    async with serving(service) as (_, port), await RawHttp2.connect(port, preface=False) as client:
        client.send(PREFACE, _setting(4, 10))
        client.open(1, ECHO)
        client.send(data(1, grpc_message(b"x" * 15), end=True))
        await client.until(lambda: len(client.body(1)) == 10)
        client.send(_setting(4, 5))  # the stream's window is -5 now
        client.send(frame(FrameType.WINDOW_UPDATE, 0, 1, (8).to_bytes(4, "big")))
        await client.until(lambda: len(client.body(1)) == 13)
        client.send(frame(FrameType.WINDOW_UPDATE, 0, 1, (100).to_bytes(4, "big")))
        assert (await client.ended(1))["grpc-status"] == "0"
        assert client.body(1) == grpc_message(b"x" * 15)
