"""Compressed messages on each of the servers."""

import os
import zlib
from typing import Any

from tests.readers.memory import forget_peak, peak_bytes
from tests.support.raw_http2 import RawHttp2, data, grpc_message

PUBLISH = "/otto.logs.v1.LogIngestService/Publish"
BOMB_MEGABYTES = 56
"""As gzip less than 64 KB, the window that every stream begins with."""


def bomb() -> bytes:
    """Zeros as gzip; they are never all in memory here."""
    compressor = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join([*(compressor.compress(zeros) for _ in range(BOMB_MEGABYTES)), compressor.flush()])


# Threat: 400 KB on the wire that are 400 MB in memory, before any handler has seen who sends them.
async def test_a_gzip_bomb_is_refused_before_it_is_in_memory(serve: Any) -> None:
    """A message counts with its decompressed size, and no more than its limit is decompressed."""
    server, _ = await serve()
    compressed = bomb()
    forget_peak(os.getpid())
    before = peak_bytes(os.getpid())
    async with await RawHttp2.connect(server.port) as client:
        client.open(1, PUBLISH, grpc_encoding="gzip")
        client.send(data(1, grpc_message(compressed, compressed=True), end=True))
        assert (await client.ended(1))["grpc-status"] == "8"
    assert peak_bytes(os.getpid()) - before < BOMB_MEGABYTES << 19
