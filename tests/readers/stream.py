"""One subscriber on a bare socket that reads as much as it is asked to, on either transport.

Every line's text ends with ``#SEQUENCE@…"``: its number in its task, from 1. That is looked for in the bytes, so that a
slow reader costs its own process next to nothing.
"""

import asyncio
import contextlib
import json
import re
import socket
import struct
from typing import Final

from canary.sequence_check import SequenceCheck

__all__ = ["TRANSPORTS", "Stream"]

TRANSPORTS: Final = ("sse", "socketio")

_MARK: Final = re.compile(rb'#(\d+)@\d*"')
_CARRY_BYTES: Final = 64
_RECEIVE_BYTES: Final = 16 << 10
_PING: Final = b"\x81\x012"
_NAMESPACE: Final = "/log-streaming"
_UPGRADE: Final = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Stream:
    """A subscription to one task that continues after its last line whenever it is opened again.

    Args:
        headers: further ones of SSE, each with its end.

    Attributes:
        lines: what was seen of the task's.
        is_closed: whether the gateway has ended the connection.
        reason: the code that the gateway gave for it, where there was one to read.
    """

    def __init__(self, transport: str, port: int, task_id: str, *, headers: str = "") -> None:
        self.transport = transport
        self.lines = SequenceCheck()
        self.is_closed = True
        self.reason = ""
        self._port = port
        self._task_id = task_id
        self._headers = headers
        self._socket = socket.socket()
        self._carry = b""

    def __repr__(self) -> str:
        return f"<Stream {self.transport} last={self.last} closed={self.is_closed}>"

    @property
    def last(self) -> int:
        """The sequence up to which every line was seen."""
        return self.lines.complete_upto

    async def open(self) -> None:
        """Subscribe behind the last line; returns once the gateway has said yes."""
        self._socket.close()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._socket.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self._socket, ("127.0.0.1", self._port))
        self.is_closed, self._carry, self.reason = False, b"", ""
        if self.transport == "sse":
            resume = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
            path = f"/api/v1/log-streaming/logs/{self._task_id}/stream"
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._headers}{resume}\r\n"
            await self._say(head.encode(), b"\r\n\r\n")
            return
        await self._say(_UPGRADE.encode(), b'"sid"')
        await self._say(frame(f"40{_NAMESPACE},"), b'"connected"')
        await self.emit("subscribe-to-logs", {"taskId": self._task_id, "after": self.last})

    async def emit(self, event: str, payload: object, *, acknowledge: bool = True) -> None:
        """Send an event, and wait for its acknowledgement."""
        packet = f"42{_NAMESPACE},{'1' if acknowledge else ''}{json.dumps([event, payload])}"
        await self._say(frame(packet), b"43/log-streaming,1" if acknowledge else b"")

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def take(self, size: int) -> int:
        """Read at most ``size`` bytes, waiting for the first; how many there were, and 0 at the end."""
        data = b""
        with contextlib.suppress(ConnectionError):
            data = await asyncio.get_running_loop().sock_recv(self._socket, size)
        if data:
            await self._see(data)
        else:
            self.is_closed = True
        return len(data)

    async def take_until(self, last: int) -> None:
        """Read as fast as it comes, up to a line or to the end of the connection."""
        while self.last < last and not self.is_closed:
            await self.take(1 << 16)

    def reset(self) -> None:
        """Let the next ``close`` be a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    async def _say(self, data: bytes, answer: bytes) -> None:
        """Send, and read until the answer is there; lines may be around it."""
        await self.send(data)
        heard = b""
        while answer not in heard:
            got = await asyncio.get_running_loop().sock_recv(self._socket, 1 << 14)
            if not got:
                raise ConnectionError(f"refused: {heard[-500:]!r}")
            heard += got
        if answer:
            await self._see(heard)

    async def _see(self, data: bytes) -> None:
        if self.transport == "socketio" and _PING in data:
            with contextlib.suppress(OSError):
                await self.send(frame("3"))
        data = self._carry + data
        if b"SESSION_TIMEOUT" in data:
            self.reason = "SESSION_TIMEOUT"
        end = 0
        for mark in _MARK.finditer(data):
            self.lines.see(int(mark[1]))
            end = mark.end()
        self._carry = data[max(end, len(data) - _CARRY_BYTES) :]


def frame(text: str) -> bytes:
    """A text message of a client: masked, with zeros."""
    payload = text.encode()
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload
