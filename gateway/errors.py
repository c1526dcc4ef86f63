"""Errors as every interface of the gateway answers them: a code, a text, a field, and the status that goes with it."""

from http import HTTPStatus
from typing import Final

import grpc
import msgspec
from starlette.responses import Response

__all__ = ["ApiError", "ErrorDetail", "ErrorDocument", "error_body", "error_codes", "error_response"]

_STATUS: Final = {
    "INVALID_ARGUMENT": (HTTPStatus.BAD_REQUEST, grpc.StatusCode.INVALID_ARGUMENT),
    "UNAUTHENTICATED": (HTTPStatus.UNAUTHORIZED, grpc.StatusCode.UNAUTHENTICATED),
    "PERMISSION_DENIED": (HTTPStatus.FORBIDDEN, grpc.StatusCode.PERMISSION_DENIED),
    "NOT_FOUND": (HTTPStatus.NOT_FOUND, grpc.StatusCode.NOT_FOUND),
    "CONFLICT": (HTTPStatus.CONFLICT, grpc.StatusCode.FAILED_PRECONDITION),
    "METHOD_NOT_ALLOWED": (HTTPStatus.METHOD_NOT_ALLOWED, grpc.StatusCode.UNIMPLEMENTED),
    "NOT_ACCEPTABLE": (HTTPStatus.NOT_ACCEPTABLE, grpc.StatusCode.INVALID_ARGUMENT),
    "PAYLOAD_TOO_LARGE": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, grpc.StatusCode.INVALID_ARGUMENT),
    "HEAD_TOO_LARGE": (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, grpc.StatusCode.INVALID_ARGUMENT),
    "RESOURCE_EXHAUSTED": (HTTPStatus.TOO_MANY_REQUESTS, grpc.StatusCode.RESOURCE_EXHAUSTED),
    "SERVER_FULL": (HTTPStatus.SERVICE_UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED),
    "UNAVAILABLE": (HTTPStatus.SERVICE_UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
    "INTERNAL": (HTTPStatus.INTERNAL_SERVER_ERROR, grpc.StatusCode.INTERNAL),
}


def error_codes() -> list[tuple[str, HTTPStatus, grpc.StatusCode]]:
    """Every code, with its status over HTTP and over gRPC."""
    return [(code, *statuses) for code, statuses in _STATUS.items()]


class ErrorDetail(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What is wrong, and what would be right.

    Attributes:
        code: a word in capitals for programs.
        message: a sentence for people.
        field: the parameter, header or JSON field that is wrong, as the client wrote it.
        position: of the character in it that is wrong, from 1.
    """

    code: str
    message: str
    field: str | None = None
    position: int | None = None


class ErrorDocument(msgspec.Struct, forbid_unknown_fields=True):
    """Every refusal and failure over HTTP."""

    error: ErrorDetail


class ApiError(Exception):
    """An error for the client, with the information that it needs to correct its request.

    Args:
        code: one of the codes above, in capitals.
        message: the error and how to correct it; never a secret, never a traceback.
        field: the parameter, header or JSON field that is wrong, as the client wrote it.
        position: of the character in it that is wrong, from 1.
        retry_after_seconds: when trying again may help; sent as ``Retry-After``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        position: int | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.position = position
        self.retry_after_seconds = retry_after_seconds

    @property
    def http_status(self) -> HTTPStatus:
        """The status of an HTTP answer."""
        return _STATUS[self.code][0]

    @property
    def grpc_status(self) -> grpc.StatusCode:
        """The status of an RPC."""
        return _STATUS[self.code][1]

    @property
    def detail(self) -> ErrorDetail:
        """What HTTP, SSE and Socket.IO send of it."""
        return ErrorDetail(self.code, self.message, self.field, self.position)


def error_body(error: ApiError) -> bytes:
    """The JSON of an answer over HTTP."""
    return msgspec.json.encode(ErrorDocument(error.detail))


def error_response(error: ApiError) -> Response:
    """The HTTP answer ``{"error": {"code", "message", "field"?, "position"?}}``."""
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.code == "UNAUTHENTICATED":
        headers["WWW-Authenticate"] = "Bearer"
    return Response(error_body(error), error.http_status, headers, media_type="application/json")
