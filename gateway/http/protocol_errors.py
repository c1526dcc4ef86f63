"""Refusals below the application, where uvicorn answers by itself: in the one form of errors."""

import asyncio
from typing import Any, Final

from gateway.errors import ApiError, error_body

__all__ = ["RefusingHttp", "RefusingHttptools", "error_document"]

HEAD_BYTES_MAX: Final = 64 << 10

_UVICORNS_TEXT: Final = "Invalid HTTP request received."
_OURS: Final = "this is not a request in HTTP/1.1"
_HOSTS: Final = "a request in HTTP/1.1 has one Host header, and no request has two"


class RefusingHttp:
    """Answers what is no HTTP; goes before one of uvicorn's HTTP protocols.

    uvicorn's own answer is plain text, and would be written into the middle of a response that is being sent.
    """

    transport: asyncio.Transport
    cycle: Any
    _head_size: int = 0
    _has_wrong_hosts: bool = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what was received, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        elif msg == _UVICORNS_TEXT and self._head_size <= HEAD_BYTES_MAX:
            self._refuse(ApiError("INVALID_ARGUMENT", _HOSTS if self._has_wrong_hosts else _OURS))
        else:
            text = f"the head of a request may have at most {HEAD_BYTES_MAX} bytes"
            self._refuse(ApiError("HEAD_TOO_LARGE", text))

    def _refuse(self, error: ApiError) -> None:
        body = error_document(error)
        status = error.http_status
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class RefusingHttptools(RefusingHttp):
    """The same, and refuses what httptools takes and h11 does not: a long head in one piece, no Host or two."""

    parser: Any
    _hosts: int = 0

    def on_message_begin(self) -> None:  # noqa: D102
        self._head_size = self._hosts = 0
        super().on_message_begin()  # type: ignore[misc]

    def on_url(self, url: bytes) -> None:  # noqa: D102
        self._head_size += len(url)
        super().on_url(url)  # type: ignore[misc]

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        self._head_size += len(name) + len(value) + 4  # a colon, a blank, and the end of the line
        self._hosts += name.lower() == b"host"
        super().on_header(name, value)  # type: ignore[misc]

    def on_headers_complete(self) -> None:  # noqa: D102
        if self._head_size > HEAD_BYTES_MAX:
            raise ValueError("the head is too long")  # the parser passes it on as an error of its own
        self._has_wrong_hosts = self._hosts > 1 or (self._hosts == 0 and self.parser.get_http_version() == "1.1")
        if self._has_wrong_hosts:
            raise ValueError(_HOSTS)
        super().on_headers_complete()  # type: ignore[misc]


def error_document(error: ApiError) -> bytes:
    """``{"error": {"code", "message", "field"?}}``."""
    return error_body(error)
