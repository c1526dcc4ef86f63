"""gRPC messages in the DATA of one stream: the five-byte prefix, limits, decompression."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

from gateway.grpc_server.status import GrpcStatus, RefusedError

__all__ = ["ENCODINGS", "MessageReader", "framed"]

PREFIX_BYTES: Final = 5
_PREFIX: Final = struct.Struct(">BL")
_SMALL: Final = tuple(_PREFIX.pack(0, size) for size in range(256))
_PART_BYTES: Final = 64 << 10
"""What is copied out of the buffer at once."""
_INFLATED_BYTES: Final = 256 << 10
"""What is decompressed of a message in one turn of the event loop, in about a millisecond."""
_COMPRESSED_BYTES: Final = 16 << 10
"""What zlib is given at a time; it copies what it leaves over."""

ENCODINGS: Final = {"identity": 0, "gzip": 31, "deflate": 15}
"""Encodings of messages, and zlib's window bits for each; 0: none."""


def framed(messages: Sequence[bytes]) -> bytes:
    """Messages as they are sent: uncompressed, each after its prefix."""
    parts = []
    for message in messages:
        size = len(message)
        parts.append(_SMALL[size] if size < 256 else _PREFIX.pack(0, size))
        parts.append(message)
    return b"".join(parts)


class MessageReader:
    """Gathers the DATA of one stream and gives out its complete messages.

    A message that is too large is refused by its prefix, before it is buffered; a compressed one is decompressed up to
    the limit.

    Attributes:
        has_message: a complete message, or one that must be refused, may wait.
        size: bytes that wait: complete messages that were not taken, and the beginning of one.

    Args:
        message_bytes_max: of one message, after decompression.
        encoding: the call's ``grpc-encoding``, one of ``ENCODINGS``.
    """

    __slots__ = ("_buffer", "_inflating", "_message_bytes_max", "_needed", "_window_bits", "has_message", "size")

    def __init__(self, message_bytes_max: int, encoding: str = "identity") -> None:
        self._message_bytes_max = message_bytes_max
        self._window_bits = ENCODINGS[encoding]
        self._buffer = bytearray()
        self._inflating: _Inflation | None = None
        self._needed = PREFIX_BYTES
        self.has_message = False
        self.size = 0

    def __repr__(self) -> str:
        return f"<MessageReader {self.size} bytes waiting>"

    @property
    def missing(self) -> int:
        """How many bytes the message that has begun still needs, as far as is known; 0: none has begun."""
        return max(0, self._needed - self.size) if self.size else 0

    def clear(self) -> None:
        """Forget what is pending."""
        self._buffer = bytearray()
        self._inflating = None
        self._needed = PREFIX_BYTES
        self.has_message = False
        self.size = 0

    def feed(self, data: bytes, start: int, end: int) -> None:
        """Take ``data[start:end]``."""
        self._buffer += memoryview(data)[start:end]
        self.size += end - start
        self.has_message = self._inflating is not None or self.size >= self._needed

    def read(self, data: bytes, start: int, end: int, *, count_max: int, bytes_max: int) -> list[bytes]:
        """Take ``data[start:end]`` and give out complete messages, as ``take`` does.

        Raises:
            RefusedError: as ``take``.
        """
        if self.size or self._inflating is not None:
            self.feed(data, start, end)
            return self.take(count_max=count_max, bytes_max=bytes_max)
        messages, used = self._parse(data, start, end, count_max, bytes_max)
        self.feed(data, used, end)
        return messages

    def take(self, *, count_max: int, bytes_max: int) -> list[bytes]:
        """Give out complete messages: at most ``count_max``, and no more once they have ``bytes_max`` bytes.

        None, while ``has_message``: a large one is decompressed in several turns.

        Raises:
            RefusedError: the next message is too large or cannot be decompressed; those before it were given out.
        """
        if self._inflating is not None:
            inflated = self._inflated()
            self.has_message = self._inflating is not None or self.size >= self._needed
            return inflated
        buffer = self._buffer
        if self.size < self._needed:
            return []
        with memoryview(buffer) as view:
            data = bytes(view[: max(self._needed, _PART_BYTES)])
        messages, used = self._parse(data, 0, len(data), count_max, bytes_max)
        del buffer[:used]
        self.size -= used
        self.has_message = self._inflating is not None or self.size >= self._needed
        return messages

    def _parse(self, data: bytes, start: int, end: int, count_max: int, bytes_max: int) -> tuple[list[bytes], int]:
        """Messages, and the place after the last of them.

        A refusal is raised only if no message stands before it, so that those are given out first.
        """
        messages: list[bytes] = []
        taken = 0
        unpack = _PREFIX.unpack_from
        while True:
            if end - start < PREFIX_BYTES:
                self._needed = PREFIX_BYTES
                break
            compressed, size = unpack(data, start)
            stop = start + PREFIX_BYTES + size
            if size > self._message_bytes_max or compressed > 1:
                self._needed = PREFIX_BYTES
                if messages:
                    break
                raise self._refusal(compressed, size)
            if stop > end or taken >= bytes_max or len(messages) >= count_max:
                self._needed = PREFIX_BYTES + size
                break
            message = data[start + PREFIX_BYTES : stop]
            if compressed:
                if messages:
                    self._needed = PREFIX_BYTES + size
                    break
                self._begin_inflating(message)
                self._needed = PREFIX_BYTES
                return self._inflated(), stop  # one at a time: each may be as large as a message may be
            messages.append(message)
            taken += PREFIX_BYTES + len(message)
            start = stop
        return messages, start

    def _refusal(self, compressed: int, size: int) -> RefusedError:
        if compressed > 1:
            return RefusedError(GrpcStatus.INTERNAL, f"a message's first byte must be 0 or 1, not {compressed}")
        return _too_large(f"of {size} bytes", self._message_bytes_max)

    def _begin_inflating(self, message: bytes) -> None:
        if not self._window_bits:
            raise RefusedError(GrpcStatus.INTERNAL, "a message is compressed, and the call names no `grpc-encoding`")
        self._inflating = _Inflation(message, self._window_bits, self._message_bytes_max)

    def _inflated(self) -> list[bytes]:
        """The message that is being decompressed, once it is complete."""
        assert self._inflating is not None  # noqa: S101  (it is only called then)
        inflation, self._inflating = self._inflating, None
        message = inflation.step()
        if message is not None:
            return [message]
        self._inflating = inflation
        return []


class _Inflation:
    """A compressed message, decompressed in steps that the event loop does not notice."""

    __slots__ = ("_bytes_max", "_data", "_decompressor", "_parts", "_size", "_used")

    def __init__(self, data: bytes, window_bits: int, bytes_max: int) -> None:
        self._data = data
        self._bytes_max = bytes_max
        self._decompressor = zlib.decompressobj(window_bits)
        self._parts: list[bytes] = []
        self._size = self._used = 0

    def __repr__(self) -> str:
        return f"<_Inflation {self._used} of {len(self._data)} bytes to {self._size}>"

    def step(self) -> bytes | None:
        """The message; None: another step is needed.

        Raises:
            RefusedError: it is too large, broken or incomplete.
        """
        decompressor = self._decompressor
        left = _INFLATED_BYTES
        while not decompressor.eof:
            if left <= 0:
                return None
            piece = decompressor.unconsumed_tail
            if not piece:
                piece = self._data[self._used : self._used + _COMPRESSED_BYTES]
                self._used += len(piece)
            try:
                plain = decompressor.decompress(piece, min(left, self._bytes_max + 1 - self._size))
            except zlib.error as error:
                raise RefusedError(GrpcStatus.INTERNAL, f"a message cannot be decompressed: {error}") from error
            if not piece and not plain and not decompressor.eof:
                raise RefusedError(GrpcStatus.INTERNAL, "a compressed message is incomplete")
            self._parts.append(plain)
            self._size += len(plain)
            left -= max(len(plain), len(piece) - len(decompressor.unconsumed_tail), 1)
            if self._size > self._bytes_max:
                raise _too_large("that is larger decompressed", self._bytes_max)
        return b"".join(self._parts)


def _too_large(what: str, bytes_max: int) -> RefusedError:
    return RefusedError(GrpcStatus.RESOURCE_EXHAUSTED, f"a message {what}; at most {bytes_max} are taken")
