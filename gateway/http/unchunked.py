"""Answers to HTTP/1.0, which has no chunks: the same bytes without their framing, up to the end of the connection."""

import asyncio
from typing import Any, Final

__all__ = ["UnchunkedTransport", "without_framing"]

_HEADER: Final = b"\r\ntransfer-encoding: chunked\r\n"


class UnchunkedTransport:
    """Takes uvicorn's writes for a connection, and the shared chunks of streams; all else is the connection's own.

    Every write is either a head or whole chunks, so nothing has to be kept between two of them.

    Args:
        transport: the connection.
        has_head: whether the first write is the head of an answer, which says if chunks follow.
    """

    def __init__(self, transport: asyncio.Transport, *, has_head: bool) -> None:
        self._transport = transport
        self._has_head = has_head
        self._is_framed = not has_head

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write a head without the header, chunks without their framing, and the rest as it is."""
        if self._has_head:
            self._has_head = False
            head, end, body = data.partition(b"\r\n\r\n")
            self._is_framed = _HEADER in head + b"\r\n"
            data = (head + b"\r\n").replace(_HEADER, b"\r\n") + end[2:] + body
        elif self._is_framed:
            data = without_framing(data)
        if data:
            self._transport.write(data)


def without_framing(chunks: bytes) -> bytes:
    """What is in a run of whole chunks; their extensions and a trailer are not expected."""
    pieces, start = [], 0
    while start < len(chunks):
        line = chunks.index(b"\r\n", start)
        size, start = int(chunks[start:line], 16), line + 2
        pieces.append(chunks[start : start + size])
        start += size + 2
    return b"".join(pieces)
