"""The transport of one connection, as far as HTTP/2 needs it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, cast

__all__ = ["Link"]

_WRITE_HIGH_BYTES: Final = 256 << 10
"""Unsent bytes of a connection at which nothing more is read from it, or written to it, until they are few again."""
_LEFTOVER_BYTES: Final = 256 << 10
_LINGER_SECONDS: Final = 1.0
"""How long a peer that broke a rule may read why, before its connection is closed."""


class Link:
    """Attributes:
    address: the peer's, without port.
    is_plain: without TLS.
    is_http2: the peer has agreed to speak it, where it can be asked.
    is_reading_paused: nothing is read.
    """

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        peer = transport.get_extra_info("peername")
        tls = transport.get_extra_info("ssl_object")
        self.address: str = peer[0] if isinstance(peer, tuple) else str(peer or "")
        self.is_plain = tls is None
        self.is_http2 = tls is None or tls.selected_alpn_protocol() == "h2"
        self.is_reading_paused = False
        self._is_lingering = False
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)

    def __repr__(self) -> str:
        return f"<Link {self.address} paused={self.is_reading_paused}>"

    def pause_reading(self, *, paused: bool) -> None:
        """Read nothing, or again."""
        if paused is self.is_reading_paused:
            return
        self.is_reading_paused = paused
        if paused:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Write, unless the connection is closing."""
        if data and not self._is_lingering and not self._transport.is_closing():
            self._transport.write(data)

    def leftovers(self) -> Iterator[bytes]:
        """Read the bytes that are left in the kernel after a failed write: the transport does not read them.

        A peer that sends and closes at once makes our next write fail while its last bytes are still unread. With TLS
        they cannot be decrypted any more.
        """
        if self.is_plain:
            socket: Any = self._transport.get_extra_info("socket")
            with suppress(OSError, ValueError):
                while data := os.read(socket.fileno(), _LEFTOVER_BYTES):
                    yield data

    def linger(self) -> None:
        """Close once the peer had time to read why: closing with bytes unread would reset the connection at once."""
        if self._is_lingering:
            return
        self._is_lingering = True
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)
        else:
            self._transport.close()

    def close(self) -> None:
        """Close after what was written."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
