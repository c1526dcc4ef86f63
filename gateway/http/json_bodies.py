"""JSON bodies: requests read within a budget and decoded into a type, refused with the wrong field; answers."""

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.errors import ApiError

__all__ = ["BodyBudget", "answer", "around_list", "decoded", "read_body", "refusal_of", "text_times"]

T = TypeVar("T")

_SMALL_BYTES: Final = 64 << 10
"""Decoded on the loop; longer bodies in a thread."""

_RETRY_AFTER_SECONDS: Final = 1
_PLACE: Final = re.compile(r" - at `\$\.?([A-Za-z_]*)[^`]*`$")
_NAMED: Final = re.compile(r"(?:missing required|contains unknown) field `([^`]{1,64})`")


class BodyBudget:
    """How many bytes of bodies may be held at a time, over all requests of a kind."""

    def __init__(self, bytes_max: int) -> None:
        self._left = self._bytes_max = bytes_max

    def __repr__(self) -> str:
        return f"<BodyBudget {self._bytes_max - self._left} of {self._bytes_max} bytes>"

    def take(self, size: int) -> None:
        """Take a part of it.

        Raises:
            ApiError: UNAVAILABLE; there is not so much left.
        """
        if size > self._left:
            message = "too many large requests at a time; try again"
            raise ApiError("UNAVAILABLE", message, retry_after_seconds=_RETRY_AFTER_SECONDS)
        self._left -= size

    def give_back(self, size: int) -> None:
        """Give it back."""
        self._left += size


async def read_body(request: Request, budget: BodyBudget) -> bytearray:
    """The whole body; the caller gives its length back to the budget.

    Raises:
        ApiError: the budget is spent, the body is too long, or the client has gone.
    """
    body = bytearray()
    try:
        async for piece in request.stream():
            budget.take(len(piece))
            body += piece
    except ClientDisconnect as error:
        budget.give_back(len(body))
        raise ApiError("INVALID_ARGUMENT", "the body is not complete") from error
    except BaseException:
        budget.give_back(len(body))
        raise
    return body


async def decoded(body: bytes | bytearray, kind: type[T]) -> T:
    """The body as a value.

    Raises:
        ApiError: INVALID_ARGUMENT; it is no JSON, or a field of it is wrong or missing.
    """
    if len(body) <= _SMALL_BYTES:
        return _decoded(body, kind)
    return await asyncio.to_thread(_decoded, body, kind)


def _decoded(body: bytes | bytearray, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise refusal_of(error, kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError("INVALID_ARGUMENT", "the body must be a JSON object in UTF-8") from error


def refusal_of(error: msgspec.ValidationError, kind: type[Any]) -> ApiError:
    """INVALID_ARGUMENT that names the field which is wrong, missing or unknown."""
    text = str(error)
    found = _NAMED.search(text) or _PLACE.search(text)
    field = found[1] if found and found[1] else None
    what = _choices(kind, field) or _PLACE.sub("", text)
    message = f"{field}: {what}" if field else f"the body must be a JSON object: {what}"
    return ApiError("INVALID_ARGUMENT", message, field=field)


def _choices(kind: type[Any], field: str | None) -> str:
    """What a field with a few possible values may be; empty for other fields."""
    for each in msgspec.structs.fields(kind):
        choices = get_args(each.type) if get_origin(each.type) is Literal else ()
        if each.encode_name == field and choices:
            return f"it is needed, and is {', '.join(map(str, choices[:-1]))} or {choices[-1]}"
    return ""


def answer(value: Any, status: int = 200) -> Response:
    """A value as JSON that no cache keeps."""
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def around_list(document: msgspec.Struct, name: str) -> tuple[bytes, bytes]:
    """A document in front of the elements of an empty list, and after them, to be sent in pieces."""
    head, field, foot = msgspec.json.encode(document).partition(b'"%b":[' % name.encode())
    return head + field, foot


def text_times(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its times as SQLite writes them."""
    return {
        name: value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
        for name, value in row.items()
    }
