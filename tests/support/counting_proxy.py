"""A TCP proxy that keeps what a gRPC client has sent, so that a test can say which messages crossed the wire."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from hpack import Decoder

from gateway.grpc_server.frames import END_STREAM, PADDED, FrameSplitter, FrameType
from gateway.grpc_server.messages import MessageReader

__all__ = ["CountingProxy"]

_PRIORITY = 0x20


class CountingProxy:
    """Forwards to a port on loopback, and the end of either direction, too.

    Attributes:
        sent: what was passed on to the server, for each connection.
        open: connections of which a direction is open.
    """

    def __init__(self, target_port: int) -> None:
        self.sent: list[bytearray] = []
        self.open = 0
        self.port = 0
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def messages(self, method: str) -> list[bytes]:
        """The complete messages of all calls of a method."""
        return [message for sent in self.sent for call in _calls(bytes(sent), method) for message in call.messages]

    def has_ended(self, method: str) -> bool:
        """Whether no call of a method will bring anything more, and there was one, or no client is left."""
        calls = [call for sent in self.sent for call in _calls(bytes(sent), method)]
        return not self.open or (bool(calls) and all(call.has_ended for call in calls))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        sent = bytearray()
        self.sent.append(sent)
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            await asyncio.gather(_pump(reader, target_writer, sent), _pump(target_reader, writer, bytearray()))
        finally:
            writer.transport.abort()
            target_writer.transport.abort()
            self.open -= 1
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            passed += data
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


@dataclass
class _Call:
    reader: MessageReader = field(default_factory=lambda: MessageReader(1 << 24))
    messages: list[bytes] = field(default_factory=list)
    has_ended: bool = False


def _calls(sent: bytes, method: str) -> Iterable[_Call]:
    splitter = FrameSplitter(1 << 24)
    splitter.feed(sent)
    decoder = Decoder()
    calls: dict[int, _Call] = {}
    for frame in splitter.frames():
        start, end = frame.payload, frame.end
        if frame.flags & PADDED and frame.type in (FrameType.DATA, FrameType.HEADERS):
            end -= frame.data[start]
            start += 1
        if frame.type == FrameType.HEADERS:
            start += 5 if frame.flags & _PRIORITY else 0
            if (":path", method) in decoder.decode(frame.data[start:end]):
                calls[frame.stream_id] = _Call()
        call = calls.get(frame.stream_id)
        if call is None:
            continue
        if frame.type == FrameType.DATA:
            call.messages += call.reader.read(frame.data, start, end, count_max=1 << 20, bytes_max=1 << 30)
        is_last = frame.type in (FrameType.DATA, FrameType.HEADERS) and frame.flags & END_STREAM
        call.has_ended |= bool(is_last) or frame.type == FrameType.RST_STREAM
    return calls.values()
