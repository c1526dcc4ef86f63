"""What a request for a task's stream asks for: where to start, and which lines."""

from collections.abc import Mapping
from typing import Any, Final

from filters.entry import LEVELS, SOURCES
from filters.expressions.parser import CHARACTERS_MAX
from filters.model import FilterError, LogFilter
from filters.parsing import KEYWORD_LENGTH_MAX, KEYWORDS_MAX, VALUES_MAX, filter_from_query
from filters.position import Position
from gateway.errors import ApiError
from gateway.routing.parameters import Choice, Number, Parameter, PositionParameter, checked_position
from sessions.subscription import After, FromStart, Start, Tail

__all__ = [
    "AFTER",
    "EVENT",
    "FILTER_PARAMETERS",
    "LAST_EVENT_ID_PARAMETERS",
    "TAIL",
    "TAIL_MAX",
    "filter_of",
    "is_named",
    "last_event_id_of",
    "start_of",
]

TAIL_MAX: Final = 1_000_000_000
"""More lines than a task can have; stops numbers that no journal could search for."""
_LAST_EVENT_IDS: Final = ("lastEventId", "last-event-id")
_NO_CONTROLS: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_TIME: Final = {"type": "string", "format": "date-time"}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}


FILTER_PARAMETERS: Final = (
    Parameter(
        "level",
        "Lines of these levels, in any case; `WARNING` is `WARN`, `CRITICAL` is `FATAL`, `NOTICE` is `INFO`.",
        schema=_list({"type": "string", "enum": list(LEVELS)}, len(LEVELS)),
        examples=(["ERROR", "FATAL"],),
    ),
    Parameter(
        "keywords",
        "Messages that contain one of these, whatever the case.",
        schema=_list({"type": "string", "maxLength": KEYWORD_LENGTH_MAX}, KEYWORDS_MAX),
        examples=(["timeout", "refused"],),
    ),
    Parameter(
        "workerId",
        "Lines of these workers.",
        schema=_list({"type": "string", "maxLength": 256, "pattern": _NO_CONTROLS}, VALUES_MAX),
        examples=(["worker-1"],),
    ),
    Parameter(
        "source",
        "Lines of these sources; `table` are rows that other programs have inserted into `job_logs`.",
        schema=_list({"type": "string", "enum": list(SOURCES)}, len(SOURCES)),
        examples=(["stderr"],),
    ),
    Parameter("startTime", "Lines from this time on, RFC 3339.", schema=_TIME, examples=("2026-01-01T00:00:00Z",)),
    Parameter("endTime", "Lines up to this time, included.", schema=_TIME, examples=("2099-12-31T23:59:59.999+09:00",)),
    Parameter(
        "filter",
        'An expression: texts, `"phrases"`, `-exclusion`, `/regular expressions/`, `level:`, `worker:`, `source:`, '
        "`trace_id:`, `span_id:`, joined by blanks (AND), `OR` and parentheses.",
        schema={"type": "string", "maxLength": CHARACTERS_MAX},
        examples=('(timeout OR "connection refused") -retry level:WARN,ERROR', "/exit (code|status) [1-9]/i"),
    ),
)
TAIL: Final = Number(
    "tail", "Start at the last so many matching lines; 0: live only.", maximum=TAIL_MAX, examples=(100, 0)
)
AFTER: Final = PositionParameter(
    "after",
    "Start behind this position: a sequence, or the `id` of an event.",
    examples=("1", "5f0c2a91-1042"),
)
LAST_EVENT_ID_PARAMETERS: Final = (
    PositionParameter(
        "Last-Event-ID",
        "As `after`, and stronger than `tail` and `after`: a browser sends it when it reconnects.",
        place="header",
        examples=("5f0c2a91-1042",),
    ),
    PositionParameter(
        "lastEventId",
        "The same for clients that cannot set the header, as polyfills of `EventSource` send it; also as "
        "`last-event-id`. The header is stronger.",
        examples=("5f0c2a91-1042",),
    ),
)
EVENT: Final = Choice(
    "event",
    "Name of the events that are lines: `log`, or none, for which `message` stands.",
    choices=("message", "log"),
)


def filter_of(pairs: list[tuple[str, str]], *, has_labels: bool = False) -> LogFilter:
    """The filter in query parameters; ``has_labels``: it may choose tasks by labels.

    Raises:
        ApiError: INVALID_ARGUMENT that names the parameter.
    """
    try:
        return filter_from_query(pairs, has_labels=has_labels)
    except FilterError as error:
        raise ApiError("INVALID_ARGUMENT", str(error), field=error.field, position=error.position) from error


def last_event_id_of(query: Mapping[str, str], headers: Mapping[str, str]) -> Position | None:
    """What a client says that it has seen: ``Last-Event-ID``, or else the parameter of polyfills.

    Raises:
        ApiError: INVALID_ARGUMENT that names the header or the parameter.
    """
    header = headers.get("last-event-id", "").strip()
    for name, text in (("Last-Event-ID", header), *((name, query.get(name, "")) for name in _LAST_EVENT_IDS)):
        if text:
            return checked_position(name, text.strip())
    return None


def is_named(query: Mapping[str, str]) -> bool:
    """Whether lines are asked for as events ``log``; they have no name otherwise.

    Raises:
        ApiError: INVALID_ARGUMENT; another name is asked for.
    """
    return EVENT.of(query) == "log"


def start_of(query: Mapping[str, str], headers: Mapping[str, str]) -> Start:
    """Where a stream starts.

    ``Last-Event-ID`` wins: a browser that reconnects repeats the address it started with, ``tail`` included.

    Raises:
        ApiError: INVALID_ARGUMENT that names the header or the parameter.
    """
    seen = last_event_id_of(query, headers)
    if seen is not None:
        return After(seen)
    floor = AFTER.of(query)
    if "tail" in query:
        return Tail(TAIL.of(query), floor or Position())
    return FromStart() if floor is None else After(floor)
