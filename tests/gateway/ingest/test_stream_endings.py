"""What arrived is stored, however the stream ends: lines and endings in one write, on the real journal."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ottoscaler.v1 import log_streaming_pb2 as otto

from gateway.grpc_server.frames import FrameType
from gateway.grpc_server.limits import ServerLimits
from storage.journal.interface import LineBatch, StreamClosed
from tests.support.moved_clock import pass_time
from tests.support.raw_http2 import RawHttp2, data, frame, grpc_message, headers_frame, request_headers, rst
from tests.support.waiting import until
from tests.support.watched_journal import WatchedJournal

FORWARD = "/ottoscaler.v1.OttoHandlerLogService/ForwardWorkerLogs"
COUNTS = pytest.mark.parametrize("count", [1, 20, 200, 20_000])
LIMITS = ServerLimits(window_bytes=1 << 22, connection_window_bytes=1 << 23)


@pytest.fixture
def carrier() -> str:
    """What grpcio has received and not handed over is lost to us, so this holds for the gateway's own server."""
    return "h2"


@pytest.fixture
async def client(serve: Any) -> Any:
    """A connection with one admitted call on stream 1, so that its window is large."""
    server, _ = await serve(server_limits=LIMITS)
    async with await RawHttp2.connect(server.port) as client:
        client.open(1, FORWARD)
        client.send(data(1, message("first", task_id="other")))
        await client.until(lambda: client.body(1))
        client.server = server  # type: ignore[attr-defined]
        yield client


def message(text: str, *, task_id: str = "t") -> bytes:
    return grpc_message(otto.WorkerLogEntry(task_id=task_id, worker_id="w", message=text).SerializeToString())


def lines(count: int) -> list[str]:
    return [f"line {number}" for number in range(count)]


def call(count: int, *, end: bool = False, credit: bytes = b"", **more: str) -> bytes:
    """Headers and lines of stream 3."""
    head = headers_frame(3, request_headers(FORWARD, **more))
    return head + credit + data(3, b"".join(map(message, lines(count))), end=end)


def room(stream_id: int) -> bytes:
    """Credit for all answers."""
    return frame(FrameType.WINDOW_UPDATE, 0, stream_id, (1 << 24).to_bytes(4, "big"))


async def stored(journal: WatchedJournal, count: int) -> None:
    """Everything is stored in order, and the end of the stream is told after that."""
    await journal.until(lambda: StreamClosed("t") in journal.appended)
    batches = [item for item in journal.appended if isinstance(item, LineBatch) and item.task_id == "t"]
    assert journal.appended.index(StreamClosed("t")) > max(map(journal.appended.index, batches))
    await until(lambda: journal.inner.statistics.waiting_lines == 0, "the last commit is done")
    assert [entry.message for entry in await journal.entries("t")] == lines(count)


async def all_sent(client: RawHttp2) -> None:
    """The server's kernel has everything: what is on its way when its sender is gone is dropped by the sender's."""
    connection: Any = client.writer.get_extra_info("socket")

    def unacknowledged() -> int:
        return int.from_bytes(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4), "little")

    await until(lambda: not client.writer.transport.get_write_buffer_size() and not unacknowledged(), "all is sent")


async def reset_connection(client: RawHttp2) -> None:
    await all_sent(client)
    linger = struct.pack("ii", 1, 0)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.writer.transport.abort()


async def close(client: RawHttp2) -> None:
    await all_sent(client)
    client.writer.transport.abort()


async def leave(client: RawHttp2) -> None:
    client.send(frame(FrameType.GOAWAY, 0, 0, b"\0" * 8))
    await close(client)


async def cancel(client: RawHttp2) -> None:
    client.send(rst(3))


async def half_close(client: RawHttp2) -> None:
    client.writer.write_eof()


async def break_a_rule(client: RawHttp2) -> None:
    client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, b"\0\0\0\0"))


ENDINGS: dict[str, Callable[[RawHttp2], Awaitable[None]]] = {
    "RST_STREAM": cancel,
    "GOAWAY": leave,
    "closed connection": close,
    "reset connection": reset_connection,
    "half-closed connection": half_close,
    "broken rule": break_a_rule,
}


@COUNTS
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
async def test_what_arrived_before_a_break_is_stored(
    client: RawHttp2, journal: WatchedJournal, ending: Any, count: int
) -> None:
    """All lines before the end are stored in order; then their stream counts as closed."""
    client.send(call(count))
    await ending(client)
    await stored(journal, count)


@COUNTS
async def test_what_arrived_before_a_half_close_is_answered(
    client: RawHttp2, journal: WatchedJournal, count: int
) -> None:
    """END_STREAM in the frame of the last line: every line has its answer, then the status comes."""
    client.send(room(0), call(count, end=True, credit=room(3)))
    assert (await client.ended(3))["grpc-status"] == "0"
    await stored(journal, count)
    answers = client.body(3)
    assert answers.endswith(grpc_message(otto.LogForwardResponse(sequence=count).SerializeToString()))


@COUNTS
async def test_what_arrived_before_a_deadline_is_stored(client: RawHttp2, journal: WatchedJournal, count: int) -> None:
    """The deadline passes while nothing can be committed: the client has its status, and the journal every line."""
    journal.hold()
    client.send(call(count, grpc_timeout="1000S"), frame(FrameType.PING, 0, 0, b"all sent"))
    await client.until(lambda: client.of(0, FrameType.PING))
    await journal.until(lambda: any(getattr(item, "task_id", "") == "t" for item in journal.appended))
    pass_time(1001)
    assert (await client.ended(3))["grpc-status"] == "4"
    journal.release()
    await stored(journal, count)


@COUNTS
async def test_what_arrived_before_a_shutdown_is_stored(client: RawHttp2, journal: WatchedJournal, count: int) -> None:
    """The server stops while nothing can be committed: it takes, stores and answers the rest first."""
    journal.hold()
    client.send(room(0), call(count, credit=room(3)), frame(FrameType.PING, 0, 0, b"all sent"))
    await client.until(lambda: client.of(0, FrameType.PING))
    stopping = asyncio.create_task(client.server.stop(None))  # type: ignore[attr-defined]
    await client.until(lambda: client.of(0, FrameType.GOAWAY))
    journal.release()
    await stopping
    await stored(journal, count)
