"""Bodies with a ``Content-Encoding``, decoded as they arrive: in small pieces, up to a limit, and never all at once."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final, Protocol

import zstandard
from starlette.requests import ClientDisconnect, Request

from gateway.errors import ApiError
from gateway.http.json_bodies import BodyBudget

__all__ = ["ENCODINGS", "decoded_pieces", "read_encoded"]

ENCODINGS: Final = ("gzip", "deflate", "zstd", "identity")
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_PIECE_BYTES: Final = 64 << 10
_ZSTD_PIECE_BYTES: Final = 128
"""Of compressed bytes at a time: a block of four becomes 128 KiB, and zstandard has no way to stop before."""
_ZSTD_WINDOW_BYTES_MAX: Final = 8 << 20
_TURN_BYTES: Final = 256 << 10
"""Decoded before others have their turn."""


class _Decoder(Protocol):
    """Decodes one body."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What comes of more bytes, a small piece at a time."""
        ...

    def finish(self) -> None:
        """Raise ``ValueError`` if the body is not complete."""


class _Identity:
    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        """It is as complete as HTTP says."""


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._decompressor = zlib.decompressobj(window_bits)
        self._has_begun = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._decompressor.eof:  # files of gzip may follow one another
                self._decompressor = zlib.decompressobj(self._window_bits)
            self._has_begun = True
            plain = self._decompressor.decompress(data, _PIECE_BYTES)
            yield plain
            data = self._decompressor.unconsumed_tail or self._decompressor.unused_data
            if not data and len(plain) == _PIECE_BYTES and not self._decompressor.eof:
                while rest := self._decompressor.decompress(b"", _PIECE_BYTES):
                    yield rest

    def finish(self) -> None:
        if self._has_begun and not self._decompressor.eof:
            raise ValueError("it is incomplete")


class _Zstandard:
    def __init__(self) -> None:
        self._decompressor = self._next()
        self._has_begun = False

    @staticmethod
    def _next() -> "zstandard.ZstdDecompressionObj":
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX).decompressobj()

    def decode(self, data: bytes) -> Iterator[bytes]:
        start = 0
        while start < len(data):
            if self._decompressor.eof:
                self._decompressor = self._next()
            self._has_begun = True
            piece = data[start : start + _ZSTD_PIECE_BYTES]
            start += len(piece)
            yield self._decompressor.decompress(piece)
            start -= len(self._decompressor.unused_data)

    def finish(self) -> None:
        if self._has_begun and not self._decompressor.eof:
            raise ValueError("it is incomplete")


def _decoder_of(encoding: str) -> _Decoder:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Identity()
    if name in _WINDOW_BITS:
        return _Zlib(_WINDOW_BITS[name])
    if name == "zstd":
        return _Zstandard()
    message = f"Content-Encoding {name[:40]!r} is unknown: use {', '.join(ENCODINGS)}"
    raise ApiError("INVALID_ARGUMENT", message, field="Content-Encoding")


async def decoded_pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives, decoded; each piece is some hundred KiB at most, in practice.

    Raises:
        ApiError: INVALID_ARGUMENT: it is not encoded as it says, or breaks off.
    """
    decoder = _decoder_of(request.headers.get("content-encoding", ""))
    turn = 0
    try:
        async for data in request.stream():
            for piece in decoder.decode(data):
                yield piece
                turn += len(piece)
                if turn >= _TURN_BYTES:
                    turn = 0
                    await asyncio.sleep(0)
        decoder.finish()
    except ClientDisconnect as error:
        raise ApiError("INVALID_ARGUMENT", "the body is not complete") from error
    except (zlib.error, zstandard.ZstdError, ValueError) as error:
        message = f"the body cannot be decoded: {error}"
        raise ApiError("INVALID_ARGUMENT", message, field="Content-Encoding") from error


async def read_encoded(request: Request, budget: BodyBudget, bytes_max: int) -> bytearray:
    """The whole body, decoded; the caller gives its length back to the budget.

    Raises:
        ApiError: PAYLOAD_TOO_LARGE: it has more bytes than this, decoded. UNAVAILABLE: the budget is spent.
            INVALID_ARGUMENT: as ``decoded_pieces``.
    """
    body = bytearray()
    try:
        async for piece in decoded_pieces(request):
            _check_size(len(body) + len(piece), bytes_max)
            budget.take(len(piece))
            body += piece
    except BaseException:
        budget.give_back(len(body))
        raise
    return body


def _check_size(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise ApiError("PAYLOAD_TOO_LARGE", f"the body has more than {bytes_max} bytes, decoded")
