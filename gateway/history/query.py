"""What a request for the past asks for: which lines, how many, from where, in which form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from filters.position import Position, PositionError
from gateway.errors import ApiError

__all__ = ["FORMATS", "Format", "PageQuery", "count_of", "flag_of", "format_of", "page_query"]

Format = Literal["json", "ndjson", "text"]

FORMATS: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "text": "text/plain; charset=utf-8",
}
_LINES_DEFAULT: Final = 500
_QUALITY: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)\Z")
_RANGES: Final[Mapping[str, Format]] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/plain": "text",
    "text/*": "text",
    "application/*": "json",
    "*/*": "json",
}


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page: behind ``after``, or in front of ``before``, or the end (``is_tail``), or else the beginning."""

    limit: int
    after: Position | None = None
    before: Position | None = None
    is_tail: bool = False


def page_query(query: Mapping[str, str], *, lines_max: int) -> PageQuery:
    """The page in query parameters.

    Raises:
        ApiError: INVALID_ARGUMENT that names the parameter.
    """
    given = [name for name in ("after", "before", "tail") if query.get(name) is not None]
    if len(given) > 1:
        raise ApiError("INVALID_ARGUMENT", f"{' and '.join(given)} exclude each other; give one", field=given[1])
    limit = count_of(query, "limit", minimum=1, maximum=lines_max, default=min(_LINES_DEFAULT, lines_max))
    match given:
        case ["after"]:
            return PageQuery(limit, after=_position(query, "after"))
        case ["before"]:
            return PageQuery(limit, before=_position(query, "before"))
        case ["tail"]:
            tail = count_of(query, "tail", minimum=0, maximum=lines_max, default=0)
            return PageQuery(min(tail, limit) if "limit" in query else tail, is_tail=True)
        case _:
            return PageQuery(limit)


def count_of(query: Mapping[str, str], name: str, *, minimum: int, maximum: int, default: int) -> int:
    """A whole number.

    Raises:
        ApiError: INVALID_ARGUMENT; it is none, or not between the two.
    """
    text = query.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
    if not is_number or not minimum <= int(text) <= maximum:
        raise ApiError("INVALID_ARGUMENT", f"{name} must be a whole number from {minimum} to {maximum}", field=name)
    return int(text)


def flag_of(query: Mapping[str, str], name: str) -> bool:
    """``1`` or ``true``, and ``0`` or ``false``.

    Raises:
        ApiError: INVALID_ARGUMENT; it is something else.
    """
    text = query.get(name, "0").lower()
    if text not in {"", "0", "1", "true", "false"}:
        raise ApiError("INVALID_ARGUMENT", f"{name} must be 1 or 0", field=name)
    return text in {"1", "true"}


def format_of(query: Mapping[str, str], accept: str) -> Format:
    """``format``, or else the best of ``Accept``.

    Raises:
        ApiError: INVALID_ARGUMENT, or NOT_ACCEPTABLE.
    """
    wanted = query.get("format")
    if wanted is not None:
        for name in FORMATS:
            if wanted == name:
                return name
        raise ApiError("INVALID_ARGUMENT", f"format must be one of {', '.join(FORMATS)}", field="format")
    if not accept.strip():
        return "json"
    best: Format | None = None
    best_quality = 0.0
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        qualities = [float(match[1]) for each in parameters if (match := _QUALITY.match(each))]
        quality = qualities[0] if qualities else 1.0
        if media in _RANGES and quality > best_quality:
            best, best_quality = _RANGES[media], quality
    if best is None:
        offered = ", ".join(media.partition(";")[0] for media in FORMATS.values())
        raise ApiError("NOT_ACCEPTABLE", f"Accept must name one of {offered}", field="Accept")
    return best


def _position(query: Mapping[str, str], name: str) -> Position:
    try:
        return Position.parse(query[name])
    except PositionError as error:
        raise ApiError("INVALID_ARGUMENT", f"{name}: {error}", field=name) from error
