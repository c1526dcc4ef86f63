"""An HTTP/2 client that sends any bytes, right or wrong, and keeps every frame that comes back."""

import asyncio
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from hpack import Decoder

from gateway.grpc_server.frames import PREFACE, FrameType

__all__ = [
    "RawHttp2",
    "Received",
    "data",
    "frame",
    "grpc_message",
    "header_block",
    "headers_frame",
    "request_headers",
    "rst",
    "settings",
]

_HEADER: Final = struct.Struct(">BHBBL")


@dataclass(frozen=True)
class Received:
    """A frame from the server; ``headers`` where it has some."""

    type: int
    flags: int
    stream_id: int
    payload: bytes
    headers: dict[str, str]


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Any frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def data(stream_id: int, payload: bytes = b"", *, end: bool = False, flags: int = 0) -> bytes:
    """DATA, cut into frames of 16 KiB."""
    parts = [payload[at : at + 16384] for at in range(0, len(payload), 16384)] or [b""]
    sent = [frame(FrameType.DATA, flags, stream_id, part) for part in parts[:-1]]
    return b"".join([*sent, frame(FrameType.DATA, flags | end, stream_id, parts[-1])])


def settings(values: dict[int, int] | None = None, *, ack: bool = False) -> bytes:
    """SETTINGS."""
    payload = b"".join(struct.pack(">HL", key, value) for key, value in (values or {}).items())
    return frame(FrameType.SETTINGS, int(ack), 0, payload)


def rst(stream_id: int, code: int = 8) -> bytes:
    """RST_STREAM; 8 is CANCEL."""
    return frame(FrameType.RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def grpc_message(message: bytes, *, compressed: bool = False) -> bytes:
    """A message after its prefix."""
    return bytes((compressed,)) + len(message).to_bytes(4, "big") + message


def request_headers(path: str, **more: str) -> list[tuple[str, str]]:
    """The headers of a gRPC call."""
    fields = {"content-type": "application/grpc", "te": "trailers"} | {k.replace("_", "-"): v for k, v in more.items()}
    return [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"), *fields.items()]


def headers_frame(stream_id: int, headers: Iterable[tuple[str, str]], *, end: bool = False) -> bytes:
    """HEADERS without a dynamic table, so that it can be sent on any connection."""
    return frame(FrameType.HEADERS, 4 | end, stream_id, header_block(headers))


def header_block(headers: Iterable[tuple[str, str]]) -> bytes:
    """Literals without indexing (RFC 7541, 6.2.2)."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers)


def _text(text: str) -> bytes:
    raw = text.encode("latin-1")
    if len(raw) < 127:
        return bytes((len(raw),)) + raw
    rest, size = b"", len(raw) - 127
    while size >= 128:
        rest += bytes((size % 128 + 128,))
        size //= 128
    return b"\x7f" + rest + bytes((size,)) + raw


class RawHttp2:
    """One connection.

    Attributes:
        frames: what came, in order.
        is_closed: the server has closed it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames: list[Received] = []
        self.is_closed = False
        self._decoder = Decoder()
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int, *, preface: bool = True, **options: Any) -> "RawHttp2":
        """Connect, and send preface and SETTINGS."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
        client = cls(reader, writer)
        if preface:
            client.send(PREFACE + settings())
        return client

    async def __aenter__(self) -> "RawHttp2":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def send(self, *parts: bytes) -> None:
        """Send bytes, in one write."""
        self.writer.write(b"".join(parts))

    def open(self, stream_id: int, path: str, *, end: bool = False, **more: str) -> None:
        """Send the headers of a call."""
        self.send(headers_frame(stream_id, request_headers(path, **more), end=end))

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        self._task.cancel()
        await asyncio.wait([self._task])

    def reset(self) -> None:
        """Close it with a TCP reset."""
        self.writer.transport.abort()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until what came makes a condition true; its value."""
        while not (found := condition()):
            if self.is_closed:
                raise AssertionError(f"the server closed the connection after {self.frames[-5:]}")
            self._changed.clear()
            await self._changed.wait()
        return found

    async def until_closed(self) -> None:
        """Wait until the server has closed the connection."""
        while not self.is_closed:
            self._changed.clear()
            await self._changed.wait()

    def of(self, stream_id: int, kind: FrameType) -> list[Received]:
        """Frames of one stream and type."""
        return [each for each in self.frames if each.stream_id == stream_id and each.type == kind]

    def body(self, stream_id: int) -> bytes:
        """The DATA of a stream."""
        return b"".join(each.payload for each in self.of(stream_id, FrameType.DATA))

    def status(self, stream_id: int) -> int | None:
        """The ``grpc-status`` of a stream; None: not yet."""
        for each in self.of(stream_id, FrameType.HEADERS):
            if "grpc-status" in each.headers:
                return int(each.headers["grpc-status"])
        return None

    async def ended(self, stream_id: int) -> dict[str, str]:
        """The trailers of a stream, once they are there."""
        await self.until(lambda: self.status(stream_id) is not None)
        return self.of(stream_id, FrameType.HEADERS)[-1].headers

    async def goaway(self) -> int:
        """The error code of the GOAWAY, once it is there."""
        await self.until(lambda: self.of(0, FrameType.GOAWAY))
        return int.from_bytes(self.of(0, FrameType.GOAWAY)[-1].payload[4:8], "big")

    async def _read(self) -> None:
        try:
            while True:
                high, low, kind, flags, stream_id = _HEADER.unpack(await self.reader.readexactly(9))
                payload = await self.reader.readexactly(high << 16 | low)
                headers: dict[str, str] = {}
                if kind == FrameType.HEADERS:
                    headers = {str(name): str(value) for name, value in self._decoder.decode(payload)}
                self.frames.append(Received(kind, flags, stream_id, payload, headers))
                self._changed.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.is_closed = True
            self.writer.close()
            self._changed.set()
