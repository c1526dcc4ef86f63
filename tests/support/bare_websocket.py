"""A WebSocket client without manners: frames of any kind, whole or torn."""

import asyncio
import contextlib
import os
import struct

from tests.support.waiting import time_limit

__all__ = ["BareWebSocket", "frame"]

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


def frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    final: bool = True,
    masked: bool = True,
    reserved: int = 0,
    announced: int | None = None,
) -> bytes:
    """One frame; ``announced`` is the length that it claims to have."""
    size = len(payload) if announced is None else announced
    first = (0x80 if final else 0) | reserved << 4 | opcode
    flag = 0x80 if masked else 0
    if size <= 125:
        head = bytes([first, flag | size])
    elif size <= 0xFFFF:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked_payload = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + masked_payload.to_bytes(len(payload), "big")


class BareWebSocket:
    """One connection to ``/socket.io/``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int, query: str = "EIO=4&transport=websocket") -> "BareWebSocket":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        async with time_limit("the gateway answers"):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return cls(reader, writer)

    async def join(self) -> None:
        """Connect to the namespace and read the greeting."""
        await self.write(frame(b"40/log-streaming,"))
        while b'["connected"' not in (await self.read())[1]:
            pass

    async def write(self, data: bytes) -> None:
        """Write bytes; a connection that is closed already swallows them."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def read(self) -> tuple[int, bytes]:
        """The next frame's opcode and payload; ``CLOSE`` at the end of the connection as well."""
        try:
            async with time_limit("the gateway answers"):
                first, size = await self._reader.readexactly(2)
                if size == 126:
                    (size,) = struct.unpack("!H", await self._reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
                return first & 15, await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return CLOSE, b""

    async def read_to(self, text: bytes) -> bool:
        """Read up to a frame with a text in it; False: the connection was closed before."""
        while True:
            opcode, payload = await self.read()
            if text in payload:
                return True
            if opcode == CLOSE:
                return False

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
