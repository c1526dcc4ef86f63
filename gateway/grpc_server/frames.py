"""HTTP/2 frames (RFC 9113, 4.1): cutting received bytes into frames, and the frames that are written without h2."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

__all__ = [
    "ACK",
    "END_HEADERS",
    "END_STREAM",
    "HEADER_BYTES",
    "PADDED",
    "PREFACE",
    "Frame",
    "FrameSizeError",
    "FrameSplitter",
    "FrameType",
    "PrefaceError",
    "data_header",
    "empty_data",
    "goaway",
    "headers",
    "increment_of",
    "ping",
    "window_update",
]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES: Final = 9
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8

_HEADER: Final = struct.Struct(">BHBBL")
_STREAM_BITS: Final = 0x7FFF_FFFF


class FrameType(IntEnum):
    """The types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class PrefaceError(Exception):
    """The peer does not begin as an HTTP/2 client does."""


class FrameSizeError(Exception):
    """The peer announces a frame that is larger than it may be; it has not been read."""


class Frame(NamedTuple):
    """The position of one frame in ``data``: its header from ``start``, its payload from ``payload`` to ``end``."""

    type: int
    flags: int
    stream_id: int
    data: bytes
    start: int
    payload: int
    end: int


class FrameSplitter:
    """Cuts what arrives into frames, after the client's preface.

    Memory is bounded by one frame and one read: a frame that is too large is refused by its header.

    Args:
        frame_bytes_max: payload bytes of one frame (SETTINGS_MAX_FRAME_SIZE).
    """

    __slots__ = ("_data", "_frame_bytes_max", "_has_preface", "_needed", "_position")

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._data: bytes | bytearray = b""
        self._position = 0
        self._needed = len(PREFACE)
        self._has_preface = False

    def __repr__(self) -> str:
        return f"<FrameSplitter {len(self)} bytes waiting>"

    def __len__(self) -> int:
        return len(self._data) - self._position

    @property
    def is_amid_frame(self) -> bool:
        """Whether the beginning of a frame has arrived, and not its end."""
        return len(self._data) > self._position

    @property
    def has_preface(self) -> bool:
        """Whether the client's preface has arrived."""
        return self._has_preface

    def feed(self, data: bytes) -> None:
        """Take bytes; ``frames`` yields what they complete."""
        if len(self._data) == self._position:
            self._data, self._position = data, 0
            return
        if not isinstance(self._data, bytearray):
            self._data = bytearray(memoryview(self._data)[self._position :])
        else:
            del self._data[: self._position]
        self._position = 0
        self._data += data

    def frames(self) -> Iterator[Frame]:
        """The complete frames, each once; the caller may stop in between and continue later.

        Raises:
            PrefaceError: the first bytes are not the preface; nothing after them has been looked at.
            FrameSizeError: a frame is too large.
        """
        if not self._has_preface and not self._take_preface():
            return
        if len(self._data) - self._position < self._needed:
            return
        data = self._data if isinstance(self._data, bytes) else bytes(memoryview(self._data)[self._position :])
        if data is not self._data:
            self._data, self._position = data, 0
        size = len(data)
        unpack = _HEADER.unpack_from
        position = self._position
        while True:
            if size - position < HEADER_BYTES:
                self._needed = HEADER_BYTES
                return
            high, low, kind, flags, stream_id = unpack(data, position)
            length = high << 16 | low
            if length > self._frame_bytes_max:
                raise FrameSizeError(f"a frame of {length} bytes; at most {self._frame_bytes_max}")
            payload = position + HEADER_BYTES
            end = payload + length
            if end > size:
                self._needed = HEADER_BYTES + length
                return
            start, self._position = position, end
            self._needed = HEADER_BYTES  # the caller may stop here
            position = end
            yield Frame(kind, flags, stream_id & _STREAM_BITS, data, start, payload, end)

    def _take_preface(self) -> bool:
        """Whether the whole preface is there."""
        begun = bytes(memoryview(self._data)[: len(PREFACE)])
        if not PREFACE.startswith(begun):
            raise PrefaceError("the connection does not begin with the preface of HTTP/2")
        if len(begun) < len(PREFACE):
            return False
        self._position = len(PREFACE)
        self._has_preface = True
        self._needed = HEADER_BYTES
        return True


def window_update(stream_id: int, increment: int) -> bytes:
    """Credit for a stream, or for the connection (stream 0)."""
    return b"\x00\x00\x04\x08\x00" + struct.pack(">LL", stream_id, increment)


def increment_of(frame: Frame) -> int:
    """The credit that a WINDOW_UPDATE of four bytes gives."""
    return int.from_bytes(frame.data[frame.payload : frame.end], "big") & _STREAM_BITS


def ping(payload: bytes, *, is_ack: bool) -> bytes:
    """A PING with eight bytes, or the answer to one."""
    return b"\x00\x00\x08\x06" + (b"\x01" if is_ack else b"\x00") + b"\x00\x00\x00\x00" + payload


def goaway(last_stream_id: int, error_code: int, text: bytes = b"") -> bytes:
    """GOAWAY: streams after ``last_stream_id`` are not served."""
    length = 8 + len(text)
    return length.to_bytes(3, "big") + b"\x07\x00" + struct.pack(">LLL", 0, last_stream_id, error_code) + text


def data_header(stream_id: int, length: int) -> bytes:
    """The header of a DATA frame that does not end its stream."""
    return _HEADER.pack(length >> 16, length & 0xFFFF, FrameType.DATA, 0, stream_id)


def headers(stream_id: int, block: bytes) -> bytes:
    """All headers of a response that continues: a block in one frame."""
    length = len(block)
    return _HEADER.pack(length >> 16, length & 0xFFFF, FrameType.HEADERS, END_HEADERS, stream_id) + block


def empty_data(stream_id: int, flags: int = 0) -> bytes:
    """An empty DATA frame."""
    return b"\x00\x00\x00\x00" + bytes((flags,)) + stream_id.to_bytes(4, "big")
