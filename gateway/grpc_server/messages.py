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

    __slots__ = ("_buffer", "_message_bytes_max", "_needed", "_window_bits", "has_message", "size")

    def __init__(self, message_bytes_max: int, encoding: str = "identity") -> None:
        self._message_bytes_max = message_bytes_max
        self._window_bits = ENCODINGS[encoding]
        self._buffer = bytearray()
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
        self._needed = PREFIX_BYTES
        self.has_message = False
        self.size = 0

    def feed(self, data: bytes, start: int, end: int) -> None:
        """Take ``data[start:end]``."""
        self._buffer += memoryview(data)[start:end]
        self.size += end - start
        self.has_message = self.size >= self._needed

    def read(self, data: bytes, start: int, end: int, *, count_max: int, bytes_max: int) -> list[bytes]:
        """Take ``data[start:end]`` and give out complete messages, as ``take`` does.

        Raises:
            RefusedError: as ``take``.
        """
        if self.size:
            self.feed(data, start, end)
            return self.take(count_max=count_max, bytes_max=bytes_max)
        messages, used = self._parse(data, start, end, count_max, bytes_max)
        if used < end:
            self.feed(data, used, end)
        return messages

    def take(self, *, count_max: int, bytes_max: int) -> list[bytes]:
        """Give out complete messages: at most ``count_max``, and no more once they have ``bytes_max`` bytes.

        Raises:
            RefusedError: the next message is too large or cannot be decompressed; those before it were given out.
        """
        buffer = self._buffer
        if self.size < self._needed:
            return []
        with memoryview(buffer) as view:
            data = bytes(view[: max(self._needed, _PART_BYTES)])
        messages, used = self._parse(data, 0, len(data), count_max, bytes_max)
        del buffer[:used]
        self.size -= used
        self.has_message = self.size >= self._needed
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
                message = self._decompressed(message)
                taken += bytes_max  # one at a time: each may be as large as a message may be
            messages.append(message)
            taken += PREFIX_BYTES + len(message)
            start = stop
        return messages, start

    def _refusal(self, compressed: int, size: int) -> RefusedError:
        if compressed > 1:
            return RefusedError(GrpcStatus.INTERNAL, f"a message's first byte must be 0 or 1, not {compressed}")
        return _too_large(f"of {size} bytes", self._message_bytes_max)

    def _decompressed(self, message: bytes) -> bytes:
        if not self._window_bits:
            raise RefusedError(GrpcStatus.INTERNAL, "a message is compressed, and the call names no `grpc-encoding`")
        try:
            decompressor = zlib.decompressobj(self._window_bits)
            plain = decompressor.decompress(message, self._message_bytes_max + 1)
        except zlib.error as error:
            raise RefusedError(GrpcStatus.INTERNAL, f"a message cannot be decompressed: {error}") from error
        if len(plain) > self._message_bytes_max:
            raise _too_large("that is larger decompressed", self._message_bytes_max)
        if not decompressor.eof:
            raise RefusedError(GrpcStatus.INTERNAL, "a compressed message is incomplete")
        return plain


def _too_large(what: str, bytes_max: int) -> RefusedError:
    return RefusedError(GrpcStatus.RESOURCE_EXHAUSTED, f"a message {what}; at most {bytes_max} are taken")
