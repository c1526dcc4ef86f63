"""What clients ask for over Socket.IO, checked: a payload becomes a value or an ``ApiError`` that names the field."""

from typing import Any, TypeVar

import msgspec

from filters.model import FilterError, LogFilter
from filters.parsing import filter_from_json
from filters.position import Position
from gateway.errors import ApiError
from gateway.http.json_bodies import refusal_of
from gateway.routing.parameters import NUMBER_MAX, checked_identifier, checked_position
from gateway.transports.socket_io.messages import NamedPipeline, NamedTask, SubscribeToLogs, UpdateLogFilter
from gateway.transports.stream_request import TAIL_MAX
from sessions.subscription import After, FromStart, Start, Tail

__all__ = ["request_of", "start_of", "token_of"]

T = TypeVar("T", bound=SubscribeToLogs | UpdateLogFilter | NamedTask | NamedPipeline)


def request_of(arguments: tuple[Any, ...], kind: type[T]) -> T:
    """The one object that an event carries; null counts as left out, but for a filter that is needed.

    Raises:
        ApiError: INVALID_ARGUMENT that names the field.
    """
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise ApiError("INVALID_ARGUMENT", "the event takes one object")
    payload: dict[str, Any] = arguments[0]
    given = {name: value for name, value in payload.items() if value is not None}
    if "filter" in payload:
        given["filter"] = _filter(payload["filter"])
    try:
        request = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise refusal_of(error, kind) from error
    if isinstance(request, NamedPipeline):
        checked_identifier("pipelineId", request.pipeline_id)
    else:
        checked_identifier("taskId", request.task_id)
    return request


def start_of(request: SubscribeToLogs) -> Start:
    """Where a subscription starts.

    Raises:
        ApiError: INVALID_ARGUMENT that names the field.
    """
    position = None if request.after is None else _position(request.after)
    if request.tail is None:
        return FromStart() if position is None else After(position)
    if not 0 <= request.tail <= TAIL_MAX:
        raise _invalid("tail", f"tail must be a whole number from 0 to {TAIL_MAX}")
    return Tail(request.tail, position or Position())


def token_of(auth: object) -> str | None:
    """The token in ``auth: {token}`` of a connect; None if the handshake itself has to identify the caller.

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
        raise _invalid(error.field, str(error), error.position) from error


def _position(value: int | str) -> Position:
    if isinstance(value, str):
        return checked_position("after", value)
    if not 0 <= value <= NUMBER_MAX:
        raise _invalid("after", "after must be a sequence from 0 on, or a position from the stream as a string")
    return Position(value)


def _invalid(field: str, message: str, position: int | None = None) -> ApiError:
    return ApiError("INVALID_ARGUMENT", message, field=field, position=position)
