"""Bytes of a real client's state machine, cut anywhere, with the frames of its streams in any order."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st

from gateway.grpc_server.connection import Connection
from gateway.grpc_server.interface import Ending
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.server import Http2Server
from tests.support.echo_service import ECHO, EchoService
from tests.support.raw_http2 import grpc_message, request_headers

WINDOW_BYTES = 65_535


class Wire(asyncio.Transport):
    """Takes what the server writes; the peer reads all of it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.is_paused = self.is_closed = False
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """None: nothing is ever left in it."""

    def is_closing(self) -> bool:
        return self.is_closed

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True

    abort = close


@dataclass(frozen=True)
class Stream:
    """What one call sends, how its bytes are cut into DATA frames, and how it ends."""

    messages: list[bytes]
    frame_bytes: int
    padding: int | None
    ending: str

    def steps(self, client: H2Connection, stream_id: int) -> Iterator[None]:
        """Each step has the client write one frame more."""
        client.send_headers(stream_id, request_headers(ECHO))
        yield
        body = b"".join(map(grpc_message, self.messages))
        for start in range(0, len(body), self.frame_bytes):
            client.send_data(stream_id, body[start : start + self.frame_bytes], pad_length=self.padding)
            yield
        if self.ending == "half-closed":
            client.end_stream(stream_id)
        elif self.ending == "reset":
            client.reset_stream(stream_id)
        yield


STREAMS = st.builds(
    Stream,
    messages=st.lists(st.binary(max_size=300), max_size=8),
    frame_bytes=st.integers(1, 2_000),
    padding=st.none() | st.integers(0, 3),
    ending=st.sampled_from(["half-closed", "reset", "lost"]),
)


@given(
    streams=st.lists(STREAMS, min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(1, 400), max_size=60),
)
def test_every_message_is_received_once_and_in_order(streams: list[Stream], order: Any, cuts: list[int]) -> None:
    """Of every call, however it ends, and with a turn of the loop after each frame."""
    asyncio.run(_exchange(streams, _wire_bytes(streams, order), cuts))


def _wire_bytes(streams: list[Stream], order: Any) -> bytes:
    """What the client writes when it works on its streams in a random order."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    ids = [2 * number + 1 for number in range(len(streams))]
    running = [stream.steps(client, stream_id) for stream, stream_id in zip(streams, ids, strict=True)]
    for each in running:
        next(each)  # numbers of streams grow
    while running:
        each = order.choice(running)
        if next(each, StopIteration) is StopIteration:
            running.remove(each)
    return client.data_to_send()


async def _exchange(streams: list[Stream], data: bytes, cuts: list[int]) -> None:
    service = EchoService()
    server = Http2Server([service.method], ServerLimits(slice_seconds=0.0, slice_messages_max=2))
    connection, wire = Connection(server), Wire()
    connection.connection_made(wire)
    for size in [*cuts, WINDOW_BYTES]:
        while wire.is_paused:
            await asyncio.sleep(0)
        connection.data_received(data[:size])
        data = data[size:]
        if not data:
            break
    while wire.is_paused:
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await server.wait_empty()
    assert server.statistics.faults == {}
    for stream, handler in zip(streams, service.handlers, strict=True):
        assert handler.received == stream.messages
        assert handler.ending is (Ending.HALF_CLOSED if stream.ending == "half-closed" else Ending.BROKEN)
