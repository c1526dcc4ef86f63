"""Status codes of gRPC, and the headers that carry them."""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, TypeAlias

__all__ = [
    "OWN_FAULT",
    "GrpcStatus",
    "Headers",
    "RefusedError",
    "decode_message",
    "encode_message",
    "trailers",
    "trailers_only",
]

Headers: TypeAlias = Sequence[tuple[str, str]]

OWN_FAULT: Final = "the gateway ran into an error of its own; come back and resume"
"""The text of INTERNAL, whatever the error."""

_UNSAFE: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]")
_MESSAGE_BYTES_MAX: Final = 2_048
"""Of a status text; peers limit the trailers that they accept, some to 8 KiB."""


class GrpcStatus(IntEnum):
    """The status of a call; numbers as in gRPC's specification."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RefusedError(Exception):
    """A call is answered with this status instead of being served; ``metadata`` becomes trailers."""

    def __init__(self, status: GrpcStatus, text: str, metadata: Headers = ()) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.metadata = metadata


def trailers(status: GrpcStatus, text: str = "", more: Headers = ()) -> list[tuple[str, str]]:
    """The trailers of a call; ``more`` are sent along as they are."""
    headers = [("grpc-status", str(int(status)))]
    if text:
        headers.append(("grpc-message", encode_message(text)))
    return [*headers, *more]


def trailers_only(status: GrpcStatus, text: str = "") -> list[tuple[str, str]]:
    """The headers that are a whole answer."""
    return [(":status", "200"), ("content-type", "application/grpc"), *trailers(status, text)]


def encode_message(text: str) -> str:
    """A status text as ``grpc-message`` carries it: UTF-8, percent-encoded outside of printable ASCII, bounded."""
    raw = text.encode("utf-8", "replace")[:_MESSAGE_BYTES_MAX]
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("ascii")


def decode_message(value: str) -> str:
    """The text that ``encode_message`` encoded."""
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), value.encode("latin-1"))
    return raw.decode("utf-8", "replace")
