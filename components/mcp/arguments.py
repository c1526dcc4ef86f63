"""What tools take: types, from which their JSON Schemas are made."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

__all__ = [
    "ArgumentError",
    "CompareTasks",
    "ListTasks",
    "ReadLines",
    "SearchLogs",
    "SummariseTask",
    "TailLines",
    "arguments_of",
    "input_schema",
]

T = TypeVar("T", bound=msgspec.Struct)

CHARACTERS_MAX: Final = 50_000
_TaskId = Annotated[str, Meta(description="The task's id.", min_length=1, max_length=256)]
_Characters = Annotated[int, Meta(description="The answer has at most so many characters.", ge=500, le=CHARACTERS_MAX)]
_Cursor = Annotated[str, Meta(description="The cursor at the end of the answer before; empty: from the beginning.")]
_Levels = Annotated[
    Sequence[str], Meta(description="Only lines of these levels: TRACE, DEBUG, INFO, WARN, ERROR, FATAL.")
]
_Workers = Annotated[Sequence[str], Meta(description="Only lines of these workers.")]
_Keywords = Annotated[Sequence[str], Meta(description="Only lines with one of these texts, whatever the case.")]


_Filter = Annotated[
    str,
    Meta(
        description="Only lines that a filter lets pass: `timeout -retry level:ERROR worker:w1 /code \\d+/ (a OR b)`.",
        max_length=4096,
    ),
]


class ArgumentError(Exception):
    """Arguments that a tool does not take; the text says what would be right."""


class _Arguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Of any tool."""


class _OfLines(_Arguments, frozen=True):
    """Which lines of a task."""

    task_id: _TaskId
    levels: _Levels = ()
    workers: _Workers = ()
    keywords: _Keywords = ()
    filter: _Filter = ""
    limit: Annotated[int, Meta(description="At most so many lines.", ge=1, le=1000)] = 100
    cursor: _Cursor = ""
    characters: _Characters = 4000


class ListTasks(_Arguments, frozen=True):
    """Arguments of ``list_tasks``."""

    search: Annotated[str, Meta(description="Part of the task's id, whatever the case.", max_length=256)] = ""
    status: Annotated[str, Meta(description="RUNNING, COMPLETED or FAILED; empty: any.")] = ""
    labels: Annotated[Sequence[str], Meta(description="Only tasks with all of these labels, as name=value.")] = ()
    limit: Annotated[int, Meta(description="At most so many tasks.", ge=1, le=200)] = 20
    cursor: _Cursor = ""
    characters: _Characters = 4000


class SummariseTask(_Arguments, frozen=True):
    """Arguments of ``task_summary``."""

    task_id: _TaskId
    characters: _Characters = 2000


class ReadLines(_OfLines, frozen=True):
    """Arguments of ``read_lines``."""

    from_sequence: Annotated[int, Meta(description="The first line's sequence, without a cursor.", ge=1)] = 1


class TailLines(_OfLines, frozen=True):
    """Arguments of ``tail_lines``."""


class SearchLogs(_Arguments, frozen=True):
    """Arguments of ``search_logs``."""

    text: Annotated[str, Meta(description="A text that lines contain, whatever the case; it or a filter.")] = ""
    levels: _Levels = ()
    filter: _Filter = ""
    context: Annotated[int, Meta(description="Lines around each match.", ge=0, le=20)] = 0
    limit: Annotated[int, Meta(description="At most so many matches.", ge=1, le=1000)] = 50
    cursor: _Cursor = ""
    characters: _Characters = 4000


class CompareTasks(_Arguments, frozen=True):
    """Arguments of ``compare_with_last_good``."""

    task_id: _TaskId
    other_task_id: Annotated[str, Meta(description="Compare with this task instead.", max_length=256)] = ""
    cursor: _Cursor = ""
    characters: _Characters = 4000


def arguments_of(kind: type[T], given: Mapping[str, Any]) -> T:
    """The arguments that a request has.

    Raises:
        ArgumentError: one is missing, unknown or wrong.
    """
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        raise ArgumentError(f"{error}; see the tool's input schema") from error


@cache
def input_schema(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The JSON Schema of arguments."""
    (_,), named = msgspec.json.schema_components([kind])
    return {name: value for name, value in named[kind.__name__].items() if name not in {"title", "description"}}
