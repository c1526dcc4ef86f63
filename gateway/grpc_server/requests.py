"""The headers of a request: which method, which encoding, how long, with which metadata."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.grpc_server.interface import Metadata
from gateway.grpc_server.messages import ENCODINGS
from gateway.grpc_server.status import GrpcStatus, Headers, RefusedError, trailers

__all__ = ["HttpRefusal", "Request", "read_request"]

_TIMEOUT: Final = re.compile(r"([0-9]{1,8})([HMSmun])")
_UNITS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_FIELD_BYTES: Final = 32
_BINARY_PARTS_MAX: Final = 64
"""Values that one header of binary metadata may list; with more of them the last is not base64."""
_NAME: Final = re.compile(rb":?[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE: Final = re.compile(rb"(?![ \t])[^\x00\r\n]*(?<![ \t])")
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_CONNECTIONS: Final = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)
_RESERVED: Final = frozenset({"te", "content-type", "user-agent", "host"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a call's headers say.

    Attributes:
        timeout_seconds: of ``grpc-timeout``; None: none.
        encoding: of its messages.
        has_length: it has a ``content-length``.
    """

    path: str
    metadata: Metadata
    timeout_seconds: float | None
    encoding: str
    has_length: bool


class HttpRefusal(Exception):  # noqa: N818 - it is an answer
    """A request that is not served; ``headers`` answer it."""

    def __init__(self, headers: Headers) -> None:
        super().__init__(headers)
        self.headers = headers


def read_request(headers: Sequence[tuple[bytes, bytes]], *, bytes_max: int) -> Request:
    """Check and read headers.

    Args:
        headers: of the request.
        bytes_max: of all of them, each counted with 32 bytes more (RFC 9113, 6.5.2).

    Raises:
        HttpRefusal: the headers are malformed (RFC 9113, 8.1.1), the method is not POST, or the content type is not
            gRPC's.
        RefusedError: a header of gRPC is not valid, or an encoding is unknown.
    """
    if sum(len(name) + len(value) + _FIELD_BYTES for name, value in headers) > bytes_max:
        raise RefusedError(GrpcStatus.RESOURCE_EXHAUSTED, f"the call's metadata has more than {bytes_max} bytes")
    _check(headers)
    method = path = content_type = ""
    encoding = "identity"
    timeout: str | None = None
    has_length = False
    metadata: list[tuple[str, str | bytes]] = []
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name == ":method":
            method = value
        elif name == ":path":
            path = value
        elif name.startswith(":") or name in _RESERVED:
            if name == "content-type":
                content_type = value
        elif name == "grpc-timeout":
            timeout = value
        elif name == "grpc-encoding":
            encoding = value
        elif name == "content-length":
            has_length = True
        elif name.endswith("-bin"):
            metadata += [(name, _binary(name, part)) for part in value.split(",", _BINARY_PARTS_MAX)]
        else:
            metadata.append((name, value))
    if method != "POST":
        raise HttpRefusal([(":status", "405"), ("allow", "POST")])
    if not _is_grpc(content_type):
        unknown = trailers(GrpcStatus.UNKNOWN, f"content-type {content_type!r} is not application/grpc")
        raise HttpRefusal([(":status", "415"), *unknown])
    if encoding not in ENCODINGS:
        raise RefusedError(GrpcStatus.UNIMPLEMENTED, f"grpc-encoding {encoding!r} is unknown: use gzip or identity")
    return Request(path, metadata, None if timeout is None else _seconds(timeout), encoding, has_length)


def _check(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse a malformed request. Other calls of its connection continue."""
    seen: dict[bytes, bytes] = {}
    is_pseudo = True
    for name, value in headers:
        if not _NAME.fullmatch(name) or name in _OF_CONNECTIONS or (name == b"te" and value.lower() != b"trailers"):
            raise _malformed("a header must not be in a request of HTTP/2")
        if not _VALUE.fullmatch(value):
            raise _malformed("a header has a value with control characters, or with white space around it")
        if name.startswith(b":"):
            if not is_pseudo or name in seen or name not in _PSEUDO:
                raise _malformed("a pseudo-header is unknown, there twice, or after other headers")
        else:
            is_pseudo = False
        if name == b"host" and seen.get(name, value) != value:
            raise _malformed("there are two hosts")
        seen[name] = value
    if not seen.get(b":path") or not _PSEUDO - {b":authority"} <= seen.keys():
        raise _malformed(":method, :scheme and :path must be there")
    authority = seen.get(b":authority", seen.get(b"host"))
    if authority is None or seen.get(b"host", authority) != authority:
        raise _malformed(":authority or host must be there, and both the same")


def _malformed(text: str) -> HttpRefusal:
    """RFC 9113, 8.1.1: it may be answered; a client whose stream is reset with an error as well reads no text."""
    return HttpRefusal([(":status", "400"), *trailers(GrpcStatus.INTERNAL, text)])


def _is_grpc(content_type: str) -> bool:
    """``application/grpc``, alone or with a suffix: messages are protobuf."""
    kind = content_type.lower()
    return kind == "application/grpc" or kind.startswith(("application/grpc+proto", "application/grpc;"))


def _seconds(text: str) -> float:
    match = _TIMEOUT.fullmatch(text)
    if match is None:
        raise RefusedError(GrpcStatus.INTERNAL, f"grpc-timeout {text[:20]!r} is no timeout: up to 8 digits and a unit")
    return int(match[1]) * _UNITS[match[2]]


def _binary(name: str, value: str) -> bytes:
    text = value.strip()
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(GrpcStatus.INTERNAL, f"metadata {name[:60]!r} is not base64") from error
