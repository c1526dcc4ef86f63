"""Filters as clients write them, in a query string or as JSON, brought into the one canonical form."""

from collections.abc import Callable, Iterable
from typing import Final

from filters.entry import LEVELS, SOURCES
from filters.expressions.canonical import with_expression
from filters.expressions.parser import TEXT_CHARACTERS_MAX, ExpressionError, parse
from filters.identifiers import IdentifierError, check_identifier
from filters.levels import LEVEL_NAMES, SOURCE_NAMES
from filters.messages import cut_message
from filters.model import FilterError, LogFilter
from filters.timestamps import from_rfc3339

__all__ = [
    "KEYWORDS_MAX",
    "KEYWORD_LENGTH_MAX",
    "VALUES_MAX",
    "filter_from_json",
    "filter_from_query",
]

KEYWORDS_MAX: Final = 100
"""Keywords of one filter; more would make matching one line expensive for everybody."""

KEYWORD_LENGTH_MAX: Final = TEXT_CHARACTERS_MAX
"""Characters of one keyword, case-folded."""

VALUES_MAX: Final = 1000
"""Workers, or tasks, of one filter."""

_JSON_LISTS: Final = ("levels", "sources", "keywords", "workerIds", "taskIds")
_ELEMENTS_MAX: Final = 1_000
"""Elements of a list, before it is looked whether they are different: each costs a microsecond of the event loop."""
_JSON_TEXTS: Final = ("startTime", "endTime", "expression")
_QUERY_TEXTS: Final = {"startTime": "startTime", "endTime": "endTime", "filter": "expression"}
_QUERY_LISTS: Final = {"level": "levels", "source": "sources", "keywords": "keywords", "workerId": "workerIds"}


def filter_from_query(pairs: Iterable[tuple[str, str]], *, has_labels: bool = False) -> LogFilter:
    """The filter in query parameters: ``level, source, keywords, workerId, startTime, endTime, filter``.

    A list is separated by commas or by repeating the parameter; blanks around an element and empty elements count for
    nothing. Other parameters are none of the filter's business.

    Args:
        pairs: the parameters.
        has_labels: whether the expression may choose tasks by labels.

    Raises:
        FilterError: a parameter has a wrong value; ``field`` is its name.
    """
    lists: dict[str, list[tuple[str, str]]] = {}
    texts: dict[str, tuple[str, str]] = {}
    for name, value in pairs:
        if name in _QUERY_LISTS:
            elements = lists.setdefault(_QUERY_LISTS[name], [])
            elements += [(name, element.strip()) for element in value.split(",")]
        elif name in _QUERY_TEXTS and value:
            if _QUERY_TEXTS[name] in texts:
                raise FilterError(name, f"{name} may be given once")
            texts[_QUERY_TEXTS[name]] = (name, value)
    return _build(lists, texts, has_labels=has_labels)


def filter_from_json(value: object, field: str = "filter") -> LogFilter:
    """The filter in a JSON object; None is the filter that everything passes.

    Each list may also be a single string. Blank strings and null count for nothing. Keywords, workers and tasks are
    taken as they are, so that here they may hold commas and begin with a blank.

    Raises:
        FilterError: something is wrong; ``field`` says where, like ``filter.levels[1]``.
    """
    if value is None:
        return LogFilter()
    if not isinstance(value, dict):
        raise FilterError(field, f"{field} must be an object, not {_kind(value)}")
    lists: dict[str, list[tuple[str, str]]] = {}
    texts: dict[str, tuple[str, str]] = {}
    for name, content in value.items():
        place = f"{field}.{name}"
        if name in _JSON_LISTS:
            lists[name] = _strings(place, content)
        elif name in _JSON_TEXTS:
            if content is None or content == "":
                continue
            if not isinstance(content, str):
                raise FilterError(place, f"{place} must be a string, not {_kind(content)}")
            texts[name] = (place, content)
        else:
            known = ", ".join((*_JSON_LISTS, *_JSON_TEXTS))
            shown = cut_message(str(name), 64)[0]
            raise FilterError(f"{field}.{shown}", f"{field} has no field {shown!r}; it has {known}")
    return _build(lists, texts, field + ".")


def _strings(place: str, content: object) -> list[tuple[str, str]]:
    if content is None:
        return []
    if isinstance(content, str):
        return [(place, content)]
    if not isinstance(content, list):
        raise FilterError(place, f"{place} must be a list of strings, not {_kind(content)}")
    _refuse_beyond(_ELEMENTS_MAX, place, len(content))
    found = []
    for index, element in enumerate(content):
        if not isinstance(element, str):
            raise FilterError(f"{place}[{index}]", f"{place}[{index}] must be a string, not {_kind(element)}")
        found.append((f"{place}[{index}]", element))
    return found


def _build(
    lists: dict[str, list[tuple[str, str]]],
    texts: dict[str, tuple[str, str]],
    prefix: str = "",
    *,
    has_labels: bool = False,
) -> LogFilter:
    """The canonical filter of values, each with the place where it was written."""

    def canonical(name: str, check: Callable[[str, str], str], most: int) -> tuple[str, ...]:
        if elements := lists.get(name):
            _refuse_beyond(_ELEMENTS_MAX, elements[0][0].partition("[")[0], len(elements))
        values = {check(place, value) for place, value in lists.get(name, ()) if value and not value.isspace()}
        if values:
            _refuse_beyond(most, lists[name][0][0].partition("[")[0], len(values))
        return tuple(sorted(values))

    start_time, end_time = (_time(*texts[name]) if name in texts else "" for name in ("startTime", "endTime"))
    if start_time and end_time and start_time > end_time:
        raise FilterError(prefix + "startTime", f"{prefix}startTime must not be later than {prefix}endTime")
    fields = LogFilter(
        levels=_some_of(LEVELS, canonical("levels", _level, VALUES_MAX)),
        sources=_some_of(SOURCES, canonical("sources", _source, VALUES_MAX)),
        keywords=canonical("keywords", _keyword, KEYWORDS_MAX),
        start_time=start_time,
        end_time=end_time,
        worker_ids=canonical("workerIds", _identifier, VALUES_MAX),
        task_ids=canonical("taskIds", _identifier, VALUES_MAX),
    )
    if "expression" not in texts:
        return fields
    return _with_written(fields, *texts["expression"], has_labels=has_labels)


def _with_written(fields: LogFilter, place: str, expression: str, *, has_labels: bool) -> LogFilter:
    try:
        node = parse(expression, has_labels=has_labels)
    except ExpressionError as error:
        message = f"{place}, character {error.position}: {error}"
        raise FilterError(place, message, error.position) from error
    return fields if node is None else with_expression(fields, node)


def _refuse_beyond(most: int, place: str, count: int) -> None:
    if count > most:
        raise FilterError(place, f"{place} may have at most {most} values, not {count}")


def _some_of(all_values: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, ...]:
    """The values in the order of all of them; none where they are all of them, which restricts nothing."""
    return tuple(value for value in all_values if value in values) if len(values) < len(all_values) else ()


def _level(place: str, value: str) -> str:
    level = LEVEL_NAMES.get(value.strip().upper())
    if level is None:
        raise FilterError(place, f"{place}: unknown level {value[:64]!r}; levels are {', '.join(LEVELS)}")
    return level


def _source(place: str, value: str) -> str:
    source = SOURCE_NAMES.get(value.strip().lower())
    if source is None:
        raise FilterError(place, f"{place}: unknown source {value[:64]!r}; sources are {', '.join(SOURCES)}")
    return source


def _keyword(place: str, value: str) -> str:
    folded = value.casefold()
    if len(folded) > KEYWORD_LENGTH_MAX:
        raise FilterError(place, f"{place}: a keyword may have at most {KEYWORD_LENGTH_MAX} characters")
    try:
        folded.encode()
    except UnicodeEncodeError:
        raise FilterError(place, f"{place} must be valid Unicode") from None
    return folded


def _identifier(place: str, value: str) -> str:
    try:
        return check_identifier(place, value)
    except IdentifierError as error:
        raise FilterError(place, str(error)) from error


def _time(place: str, value: str) -> str:
    try:
        return from_rfc3339(value)
    except ValueError as error:
        raise FilterError(place, f"{place}: {error}") from error


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
