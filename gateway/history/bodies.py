"""Bodies of answers: their forms, and compression."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, Protocol, cast

import msgspec
import zstandard
from starlette.requests import Request
from starlette.responses import Response

from filters.entry import LogEntry, decode_lines
from gateway.history.query import FORMATS, Format
from gateway.transports.sse.encoding import negotiate

__all__ = [
    "BODY_HEADERS",
    "Compressor",
    "answer",
    "compressed",
    "compressor_of",
    "json_entries",
    "json_entry",
    "ndjson",
    "plain_text",
]

_COMPRESS_BYTES_MIN: Final = 1024
_SMALL_BYTES: Final = 64 << 10
"""Put together on the loop; longer bodies in a thread."""

_GZIP: Final = 16 + zlib.MAX_WBITS

BODY_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding, Authorization, Cookie"}


class Compressor(Protocol):
    """What zlib's and zstandard's objects have in common."""

    def compress(self, data: bytes, /) -> bytes:
        """Compressed so far."""
        ...

    def flush(self) -> bytes:
        """The rest."""
        ...


def compressor_of(request: Request) -> tuple[str | None, Compressor | None]:
    """The best encoding that a client takes: its name, and what makes it; None if it takes none."""
    name = negotiate(request.headers.get("accept-encoding", "")).content_encoding
    if name == "zstd":
        return name, zstandard.ZstdCompressor(level=3).compressobj()
    return (name, zlib.compressobj(5, zlib.DEFLATED, _GZIP)) if name == "gzip" else (None, None)


async def answer(
    request: Request,
    kind: Format,
    build: Callable[[], bytes],
    size: int,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One body as a whole.

    Args:
        request: says which encodings are taken.
        kind: its form.
        build: makes it.
        size: about how many bytes it has.
        headers: beside the usual ones.
    """
    name, compressor = compressor_of(request) if size >= _COMPRESS_BYTES_MIN else (None, None)

    def make() -> bytes:
        body = build()
        return body if compressor is None else compressor.compress(body) + compressor.flush()

    body = await asyncio.to_thread(make) if size > _SMALL_BYTES else make()
    encoded = {"Content-Encoding": name} if name is not None else {}
    return Response(body, headers={**BODY_HEADERS, **encoded, **(headers or {})}, media_type=FORMATS[kind])


async def compressed(pieces: AsyncIterator[bytes], compressor: Compressor) -> AsyncIterator[bytes]:
    """A body in pieces, compressed in a thread."""
    async for piece in pieces:
        if ready := await asyncio.to_thread(compressor.compress, piece):
            yield ready
    yield compressor.flush()


def json_entry(line: bytes) -> LogEntry:
    """An entry as it is stored, for a document: it is JSON already, and is not decoded to be encoded again."""
    return cast("LogEntry", msgspec.Raw(line))


def json_entries(lines: Sequence[bytes]) -> list[LogEntry]:
    """The same for a list of them."""
    return cast("list[LogEntry]", msgspec.Raw(b"[" + b",".join(lines) + b"]"))


def ndjson(lines: Sequence[bytes]) -> bytes:
    """Each entry on a line."""
    return b"".join([line + b"\n" for line in lines])


def plain_text(lines: Sequence[bytes], *, is_message_only: bool) -> bytes:
    """Each entry as ``timestamp LEVEL worker message``, or its message alone; control characters survive."""
    entries = decode_lines(lines)
    if is_message_only:
        texts = [entry.message for entry in entries]
    else:
        texts = [f"{entry.timestamp} {entry.level} {entry.worker_id} {entry.message}" for entry in entries]
    return "".join([text + "\n" for text in texts]).encode()
