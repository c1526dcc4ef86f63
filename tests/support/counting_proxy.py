"""A TCP proxy that keeps what a gRPC client has sent, so that a test can say which messages crossed the wire."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, Self

from hpack import Decoder

from gateway.grpc_server.frames import END_STREAM, PADDED, FrameSplitter, FrameType
from gateway.grpc_server.messages import MessageReader

__all__ = ["CountingProxy"]

_PRIORITY = 0x20


class CountingProxy:
    """Forwards to a port on loopback, and the end of either direction, too.

    Attributes:
        open: connections of which a direction is open.
    """

    def __init__(self, target_port: int) -> None:
        self.open = 0
        self.port = 0
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._passed: list[_Passed] = []

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
        return [message for call in self._calls(method) for message in call.messages]

    def has_ended(self, method: str) -> bool:
        """Whether no call of a method will bring anything more, and there was one, or no client is left."""
        calls = self._calls(method)
        return not self.open or (bool(calls) and all(call.has_ended for call in calls))

    def _calls(self, method: str) -> list["_Call"]:
        return [call for passed in self._passed for call in passed.calls.values() if call.method == method]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        passed = _Passed()
        self._passed.append(passed)
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            await asyncio.gather(_pump(reader, target_writer, passed), _pump(target_reader, writer, None))
        finally:
            writer.transport.abort()
            target_writer.transport.abort()
            self.open -= 1
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: "_Passed | None") -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            if passed is not None:
                passed.read(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


@dataclass
class _Call:
    method: str
    reader: MessageReader = field(default_factory=lambda: MessageReader(1 << 24))
    messages: list[bytes] = field(default_factory=list)
    has_ended: bool = False


class _Passed:
    """What a client has sent on one connection."""

    def __init__(self) -> None:
        self.calls: dict[int, _Call] = {}
        self._splitter = FrameSplitter(1 << 24)
        self._decoder = Decoder()

    def read(self, data: bytes) -> None:
        self._splitter.feed(data)
        for frame in self._splitter.frames():
            start, end = frame.payload, frame.end
            if frame.flags & PADDED and frame.type in (FrameType.DATA, FrameType.HEADERS):
                end -= frame.data[start]
                start += 1
            if frame.type == FrameType.HEADERS:
                start += 5 if frame.flags & _PRIORITY else 0
                headers: Any = dict(self._decoder.decode(frame.data[start:end]))
                self.calls[frame.stream_id] = _Call(headers[":path"])
            call = self.calls.get(frame.stream_id)
            if call is None:
                continue
            if frame.type == FrameType.DATA:
                call.messages += call.reader.read(frame.data, start, end, count_max=1 << 20, bytes_max=1 << 30)
            is_last = frame.type in (FrameType.DATA, FrameType.HEADERS) and frame.flags & END_STREAM
            call.has_ended |= bool(is_last) or frame.type == FrameType.RST_STREAM
