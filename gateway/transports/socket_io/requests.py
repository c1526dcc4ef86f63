"""What clients ask for over Socket.IO, checked: a payload becomes a value or an ``ApiError`` that names the field."""

from dataclasses import dataclass
from typing import Any, Final

from filters.identifiers import IdentifierError, check_identifier
from filters.model import FilterError, LogFilter
from filters.parsing import filter_from_json
from filters.position import Position, PositionError
from gateway.errors import ApiError
from gateway.transports.stream_request import TAIL_MAX
from sessions.subscription import After, FromStart, Start, Tail

__all__ = ["SubscribeRequest", "filter_request", "identifier_of", "payload_of", "subscribe_request", "token_of"]

_SEQUENCE_MAX: Final = 10**18 - 1
"""The largest number that a position's text can hold."""


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    """The payload of ``subscribe-to-logs``."""

    task_id: str
    filter: LogFilter
    start: Start
    is_batch: bool


def payload_of(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The one object that an event carries.

    Raises:
        ApiError: INVALID_ARGUMENT; there is none, or something else.
    """
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise ApiError("INVALID_ARGUMENT", "the event takes one object")
    return arguments[0]


def identifier_of(payload: dict[str, Any], field: str) -> str:
    """A task's or pipeline's id.

    Raises:
        ApiError: INVALID_ARGUMENT that names the field.
    """
    value = payload.get(field)
    if not isinstance(value, str):
        raise _invalid(field, f"{field} must be a string, and is needed")
    try:
        return check_identifier(field, value)
    except IdentifierError as error:
        raise _invalid(field, str(error)) from error


def subscribe_request(payload: dict[str, Any]) -> SubscribeRequest:
    """Read ``{taskId, filter?, after?, tail?, batch?}``; null counts as left out.

    Raises:
        ApiError: INVALID_ARGUMENT that names the field.
    """
    is_batch = payload.get("batch")
    if is_batch is not None and not isinstance(is_batch, bool):
        raise _invalid("batch", "batch must be true or false")
    return SubscribeRequest(
        identifier_of(payload, "taskId"), _filter(payload.get("filter")), _start(payload), bool(is_batch)
    )


def filter_request(payload: dict[str, Any]) -> tuple[str, LogFilter]:
    """Read ``{taskId, filter}``; an empty filter lets everything pass.

    Raises:
        ApiError: INVALID_ARGUMENT that names the field.
    """
    task_id = identifier_of(payload, "taskId")
    if "filter" not in payload:
        raise _invalid("filter", "filter is needed; {} lets every line pass")
    return task_id, _filter(payload["filter"])


def token_of(auth: object) -> str | None:
    """The token in ``auth: {token}`` of a connect; None where the handshake itself has to tell who asks.

    Raises:
        ApiError: INVALID_ARGUMENT; ``auth`` is something else.
    """
    if auth is None:
        return None
    if not isinstance(auth, dict):
        raise _invalid("auth", "auth must be an object like {token}")
    token = auth.get("token")
    if token is None or token == "":
        return None
    if not isinstance(token, str):
        raise _invalid("auth.token", "auth.token must be a string")
    return token.removeprefix("Bearer ")


def _filter(value: object) -> LogFilter:
    try:
        return filter_from_json(value)
    except FilterError as error:
        raise _invalid(error.field, str(error)) from error


def _start(payload: dict[str, Any]) -> Start:
    after, tail = payload.get("after"), payload.get("tail")
    position = None if after is None else _position(after)
    if tail is None:
        return FromStart() if position is None else After(position)
    if not _is_count(tail, TAIL_MAX):
        raise _invalid("tail", f"tail must be a whole number from 0 to {TAIL_MAX}")
    return Tail(tail, position or Position())


def _position(value: object) -> Position:
    if isinstance(value, str):
        try:
            return Position.parse(value)
        except PositionError as error:
            raise _invalid("after", f"after: {error}") from error
    if not _is_count(value, _SEQUENCE_MAX):
        raise _invalid("after", "after must be a sequence from 0 on, or a position from the stream as a string")
    return Position(int(value))  # type: ignore[call-overload]


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _invalid(field: str, message: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", message, field=field)
