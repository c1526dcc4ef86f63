"""Requests as bytes, for what no HTTP client would send."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.support.waiting import time_limit

__all__ = ["BareAnswer", "bare_request"]


@dataclass(frozen=True)
class BareAnswer:
    """What came back; ``status`` 0: the connection was closed without an answer."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def bare_request(port: int, data: bytes) -> BareAnswer:
    """Send bytes and read one answer, to its announced end or that of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with time_limit("the gateway answers"):
            return await _answer(reader)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> BareAnswer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return BareAnswer(0, b"", b"")
    status = int(head.split(b" ", 2)[1])
    if status == 100:
        return await _answer(reader)
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    body = b"" if length is None or status in (204, 304) else await reader.readexactly(int(length[1]))
    return BareAnswer(status, head, body)
