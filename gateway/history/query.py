"""What a request for the past asks for: which lines, how many, from where, in which form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from filters.position import Position, PositionError
from gateway.errors import ApiError
from gateway.history.openapi import DOWNLOAD, FORMAT, PAGE_LIMIT, PLAIN, TAIL

__all__ = ["FORMATS", "Format", "PageQuery", "format_of", "is_download", "is_message_only", "page_query"]

Format = Literal["json", "ndjson", "text"]

FORMATS: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "text": "text/plain; charset=utf-8",
}
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
    limit = PAGE_LIMIT.of(query, maximum=lines_max, default=min(PAGE_LIMIT.default, lines_max))
    match given:
        case ["after"]:
            return PageQuery(limit, after=_position(query, "after"))
        case ["before"]:
            return PageQuery(limit, before=_position(query, "before"))
        case ["tail"]:
            tail = TAIL.of(query, maximum=lines_max)
            return PageQuery(min(tail, limit) if "limit" in query else tail, is_tail=True)
        case _:
            return PageQuery(limit)


def is_download(query: Mapping[str, str]) -> bool:
    """Whether all entries are asked for, as a file: ``1`` or ``true``.

    Raises:
        ApiError: INVALID_ARGUMENT; it is something else, and not ``0`` or ``false``.
    """
    text = query.get("download", "").lower()
    return DOWNLOAD.of({"download": {"": "0", "false": "0", "true": "1"}.get(text, text)}) == "1"


def is_message_only(query: Mapping[str, str]) -> bool:
    """Whether text has the messages alone.

    Raises:
        ApiError: INVALID_ARGUMENT; ``plain`` is something else than ``message``.
    """
    return bool(query.get("plain")) and PLAIN.of(query) is not None


def format_of(query: Mapping[str, str], accept: str) -> Format:
    """``format``, or else the best of ``Accept``.

    Raises:
        ApiError: INVALID_ARGUMENT, or NOT_ACCEPTABLE.
    """
    wanted = FORMAT.of(query)
    if wanted is not None:
        return next(name for name in FORMATS if name == wanted)
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
