"""Lines as Server-Sent Events in HTTP chunks: plain, zstd or gzip, made once per channel and run.

The entries' JSON has no raw line feed (``filters.entry.encode_lines`` guarantees it), and positions are made of digits
and hexadecimal, so nothing here needs escaping.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Final

import zstandard

from filters.block import Selection
from filters.position import Position
from gateway.transports.sse.checksum import CHECKSUM_OF_NOTHING, append_checksum, checksum_of, crc32_of, shift_of
from sessions.notices import Notice
from sessions.transport import EncodedBatch

__all__ = ["GZIP", "IDENTITY", "ZSTD", "Chunk", "GzipChecksum", "SseEncoding", "event_bytes", "event_text", "negotiate"]

_ZSTD_LEVEL: Final = 3
_GZIP_LEVEL: Final = 5
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, unknown system
_DEFLATE_END: Final = b"\x03\x00"  # an empty final block
_QUALITY: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)\Z")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One HTTP chunk as it goes on the wire, with what a gzip trailer needs to know of the text in it."""

    wire: bytes
    checksum: int = 0
    shift: int = 0
    length: int = 0


class SseEncoding:
    """Plain events; the base of the compressed ones.

    Args:
        is_named: lines are events ``log``, and not without a name.

    Attributes:
        name: part of the channel's key.
        content_encoding: the value of ``Content-Encoding``, or None.
    """

    name: str = "sse"
    content_encoding: str | None = None

    def __init__(self, *, is_named: bool = False) -> None:
        self._event = b"event: log\n" if is_named else b""
        if is_named:
            self.name += "+named"

    def encode(self, epoch: str, selection: Selection) -> EncodedBatch:
        """One event per line; its id is the line's position."""
        template = b"id: " + epoch.encode() + b"-%d\n" + self._event + b"data: %b\n\n"
        text = b"".join([template % pair for pair in zip(selection.sequences, selection.lines, strict=True)])
        chunk = self.chunk(text)
        return EncodedBatch(
            selection.start,
            selection.end,
            len(selection.lines),
            chunk,
            len(chunk.wire),
            selection.received_at,
        )

    def chunk(self, text: bytes) -> Chunk:
        """Text as one HTTP chunk that can follow and precede any other."""
        return Chunk(_http_chunk(text))

    def opening(self, text: bytes) -> Chunk:
        """The first chunk of a response."""
        return self.chunk(text)


class ZstdEncoding(SseEncoding):
    """Every chunk is a zstd frame of its own; frames may be concatenated (RFC 8878, section 3)."""

    name = "sse+zstd"
    content_encoding = "zstd"

    def __init__(self, *, is_named: bool = False) -> None:
        super().__init__(is_named=is_named)
        self._compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)

    def chunk(self, text: bytes) -> Chunk:
        """Text as a frame in a chunk."""
        return Chunk(_http_chunk(self._compressor.compress(text)))


class GzipEncoding(SseEncoding):
    """Every chunk is a run of deflate blocks after a full flush, which forgets the history: any may follow any.

    Separate gzip members would be simpler, but browsers ignore what follows the first. So each response is one member,
    whose trailer is put together from the chunks that it was made of (``GzipChecksum``).
    """

    name = "sse+gzip"
    content_encoding = "gzip"

    def __init__(self, *, is_named: bool = False) -> None:
        super().__init__(is_named=is_named)
        self._compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)

    def chunk(self, text: bytes) -> Chunk:
        """Text as deflate blocks in a chunk."""
        return _checked(self._deflate(text), text)

    def opening(self, text: bytes) -> Chunk:
        """The member's header goes before the first text."""
        return _checked(_GZIP_HEADER + self._deflate(text), text)

    def _deflate(self, text: bytes) -> bytes:
        return self._compressor.compress(text) + self._compressor.flush(zlib.Z_FULL_FLUSH)


class GzipChecksum:
    """Follows what one response was made of, to end it with a trailer that is true."""

    __slots__ = ("_checksum", "_length")

    def __init__(self) -> None:
        self._checksum = CHECKSUM_OF_NOTHING
        self._length = 0

    def add(self, chunk: Chunk) -> None:
        """A chunk was written."""
        self._checksum = append_checksum(self._checksum, chunk.checksum, chunk.shift)
        self._length += chunk.length

    def trailer(self) -> bytes:
        """The end of the deflate stream, the checksum and the length modulo 2^32 (RFC 1952)."""
        crc32 = crc32_of(self._checksum)
        return _DEFLATE_END + crc32.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little")


IDENTITY: Final = SseEncoding()
ZSTD: Final = ZstdEncoding()
GZIP: Final = GzipEncoding()
_NAMED: Final = {
    IDENTITY: SseEncoding(is_named=True),
    ZSTD: ZstdEncoding(is_named=True),
    GZIP: GzipEncoding(is_named=True),
}
"""The same with lines as events ``log``."""


_READS_ONE_FRAME: Final = "python-httpx/"
"""httpx up to 0.28 asks for zstd, and fails at a frame that begins where a read began."""


def negotiate(accept_encoding: str, *, is_named: bool = False, user_agent: str = "") -> SseEncoding:
    """The encoding for an ``Accept-Encoding`` header: zstd before gzip before none, by quality first.

    A client that is known to read one zstd frame only gets gzip.
    """
    qualities: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        match = _QUALITY.match(parameter.strip())
        qualities[coding.strip()] = float(match[1]) if match else 1.0
    best, best_quality = IDENTITY, 0.0
    for encoding in (GZIP,) if user_agent.startswith(_READS_ONE_FRAME) else (ZSTD, GZIP):
        quality = qualities.get(str(encoding.content_encoding), qualities.get("*", 0.0))
        if quality > best_quality:
            best, best_quality = encoding, quality
    chosen = best if best_quality >= qualities.get("identity", 0.0) else IDENTITY
    return _NAMED[chosen] if is_named else chosen


def event_text(notice: Notice) -> bytes:
    """A notice as a named event."""
    return event_bytes(notice.payload.event, notice.json(), position=notice.position)


def event_bytes(
    name: str, data: bytes, *, position: Position | None = None, retry_milliseconds: int | None = None
) -> bytes:
    """One event as it is written to a stream.

    Args:
        name: of the event.
        data: one line.
        position: its id, which clients name when they come back.
        retry_milliseconds: when a client is to come back after the end of the stream.
    """
    identity = f"id: {position}\n".encode() if position is not None else b""
    retry = b"retry: %d\n" % retry_milliseconds if retry_milliseconds is not None else b""
    return b"%bevent: %b\ndata: %b\n%b\n" % (identity, name.encode(), data, retry)


def _checked(data: bytes, text: bytes) -> Chunk:
    return Chunk(_http_chunk(data), checksum_of(zlib.crc32(text)), shift_of(len(text)), len(text))


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
