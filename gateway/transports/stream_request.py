"""What a request for a task's stream asks for: where to start, and which lines."""

from collections.abc import Mapping
from typing import Final

from filters.model import FilterError, LogFilter
from filters.parsing import filter_from_query
from filters.position import Position, PositionError
from gateway.errors import ApiError
from sessions.subscription import After, FromStart, Start, Tail

__all__ = ["TAIL_MAX", "filter_of", "is_named", "last_event_id_of", "start_of", "tail_count"]

TAIL_MAX: Final = 1_000_000_000
"""More lines than a task can have; stops numbers that no journal could search for."""
_LAST_EVENT_IDS: Final = ("lastEventId", "last-event-id")


def filter_of(pairs: list[tuple[str, str]]) -> LogFilter:
    """The filter in query parameters.

    Raises:
        ApiError: INVALID_ARGUMENT that names the parameter.
    """
    try:
        return filter_from_query(pairs)
    except FilterError as error:
        raise ApiError("INVALID_ARGUMENT", str(error), field=error.field) from error


def last_event_id_of(query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Where a client says what it has seen, and the text: ``Last-Event-ID``, or else the parameter of polyfills."""
    given = headers.get("last-event-id", "").strip()
    if given:
        return "Last-Event-ID", given
    for name in _LAST_EVENT_IDS:
        if query.get(name):
            return name, query[name].strip()
    return None


def is_named(query: Mapping[str, str]) -> bool:
    """Whether lines are asked for as events ``log``; they have no name otherwise.

    Raises:
        ApiError: INVALID_ARGUMENT; another name is asked for.
    """
    name = query.get("event", "message")
    if name not in {"message", "log"}:
        raise ApiError("INVALID_ARGUMENT", "event must be log or message", field="event")
    return name == "log"


def start_of(query: Mapping[str, str], headers: Mapping[str, str]) -> Start:
    """Where a stream starts.

    ``Last-Event-ID`` wins: a browser that reconnects repeats the address it started with, ``tail`` included.

    Raises:
        ApiError: INVALID_ARGUMENT that names the header or the parameter.
    """
    seen = last_event_id_of(query, headers)
    if seen is not None:
        return After(_position(*seen))
    after = query.get("after")
    floor = _position("after", after) if after is not None else None
    tail = query.get("tail")
    if tail is not None:
        return Tail(tail_count("tail", tail), floor or Position())
    return FromStart() if floor is None else After(floor)


def tail_count(field: str, text: str) -> int:
    """A number of lines.

    Raises:
        ApiError: INVALID_ARGUMENT; it is not a whole number from 0 on.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(TAIL_MAX)) or int(text) > TAIL_MAX:
        raise ApiError("INVALID_ARGUMENT", f"{field} must be a whole number from 0 to {TAIL_MAX}", field=field)
    return int(text)


def _position(field: str, text: str) -> Position:
    try:
        return Position.parse(text)
    except PositionError as error:
        raise ApiError("INVALID_ARGUMENT", f"{field}: {error}", field=field) from error
