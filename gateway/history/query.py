"""What a request for the past asks for: which lines, how many, from where, in which form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from filters.position import Position
from gateway.errors import ApiError
from gateway.routing.parameters import Choice, Number, PositionParameter
from gateway.transports.stream_request import AFTER

__all__ = [
    "FORMATS",
    "PAGE_LIMIT",
    "PAGE_PARAMETERS",
    "Format",
    "PageQuery",
    "format_of",
    "is_download",
    "is_message_only",
    "page_query",
]

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
_BEFORE: Final = PositionParameter("before", "The last entries in front of this position.", examples=("3",))
_TAIL: Final = Number("tail", "The last so many entries.", maximum=10_000, examples=(100,))
PAGE_LIMIT: Final = Number(
    "limit",
    "Entries of a page, 500 by default and at most `HISTORY_LINES_MAX`; of a download, all.",
    minimum=1,
    maximum=10_000,
    default=500,
    examples=(10,),
)
_FORMAT: Final = Choice(
    "format",
    "Instead of `Accept`: `json`, `ndjson` (an entry on each line) or `text`.",
    choices=("json", "ndjson", "text"),
    examples=("ndjson", "text"),
)
_PLAIN: Final = Choice("plain", "As text: only the messages.", choices=("message",))
_DOWNLOAD: Final = Choice("download", "All matching entries, as a file.", choices=("0", "1"))
PAGE_PARAMETERS: Final = (AFTER, _BEFORE, _TAIL, PAGE_LIMIT, _FORMAT, _PLAIN, _DOWNLOAD)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page: after ``after``, or in front of ``before``, or the end (``is_tail``), or else the beginning."""

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
            return PageQuery(limit, after=AFTER.of(query))
        case ["before"]:
            return PageQuery(limit, before=_BEFORE.of(query))
        case ["tail"]:
            tail = _TAIL.of(query, maximum=lines_max)
            return PageQuery(min(tail, limit) if "limit" in query else tail, is_tail=True)
        case _:
            return PageQuery(limit)


def is_download(query: Mapping[str, str]) -> bool:
    """Whether all entries are asked for, as a file: ``1`` or ``true``.

    Raises:
        ApiError: INVALID_ARGUMENT; it is something else, and not ``0`` or ``false``.
    """
    text = query.get("download", "").lower()
    return _DOWNLOAD.of({"download": {"": "0", "false": "0", "true": "1"}.get(text, text)}) == "1"


def is_message_only(query: Mapping[str, str]) -> bool:
    """Whether text has the messages alone.

    Raises:
        ApiError: INVALID_ARGUMENT; ``plain`` is something else than ``message``.
    """
    return bool(query.get("plain")) and _PLAIN.of(query) is not None


def format_of(query: Mapping[str, str], accept: str) -> Format:
    """``format``, or else the best of ``Accept``.

    Raises:
        ApiError: INVALID_ARGUMENT, or NOT_ACCEPTABLE.
    """
    wanted = _FORMAT.of(query)
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
