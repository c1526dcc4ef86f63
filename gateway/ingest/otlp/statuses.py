"""``google.rpc.Status`` in protobuf: what bodies of errors are in OTLP, and what gRPC carries of one in a trailer.

Written by hand: its types are in a package of their own, and three fields are all there is to it.
"""

import base64
from typing import Final

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration

from gateway.errors import ApiError
from gateway.grpc_server.status import GrpcStatus, Headers, RefusedError

__all__ = ["refusal", "retriable", "status_bytes", "status_document"]

_DETAILS: Final = "grpc-status-details-bin"
_RETRY_SECONDS: Final = 5
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


def status_bytes(error: ApiError) -> bytes:
    """The message; with ``RetryInfo`` where trying again may help."""
    status = b"\x08" + bytes([error.grpc_status.value[0]]) + _field(2, error.message.encode("utf-8", "replace"))
    if error.retry_after_seconds is None:
        return status
    retry_info = _field(1, Duration(seconds=error.retry_after_seconds).SerializeToString())
    return status + _field(3, Any(type_url=_RETRY_INFO, value=retry_info).SerializeToString())


def status_document(error: ApiError) -> dict[str, object]:
    """The same in JSON."""
    document: dict[str, object] = {"code": error.grpc_status.value[0], "message": error.message}
    if error.retry_after_seconds is not None:
        document["details"] = [{"@type": _RETRY_INFO, "retryDelay": f"{error.retry_after_seconds}s"}]
    return document


def refusal(error: ApiError) -> RefusedError:
    """A refusal as gRPC answers it: exporters retry only after ``RetryInfo`` or UNAVAILABLE."""
    details = base64.b64encode(status_bytes(error)).decode().rstrip("=")
    metadata: Headers = [(_DETAILS, details)] if error.retry_after_seconds is not None else ()
    return RefusedError(GrpcStatus(error.grpc_status.value[0]), error.message, metadata)


def retriable(error: ApiError) -> ApiError:
    """A refusal for want of room, with the time after which there may be some: exporters drop the lines without."""
    if error.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE") and error.retry_after_seconds is None:
        error.retry_after_seconds = _RETRY_SECONDS
    return error


def _field(number: int, content: bytes) -> bytes:
    size = len(content)
    length = bytearray()
    while size >= 128:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + length + content
