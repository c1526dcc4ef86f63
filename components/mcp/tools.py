"""The tools: each reads what a principal may read, and answers with text of bounded length."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from components.mcp.arguments import (
    ArgumentError,
    CompareTasks,
    ListTasks,
    ReadLines,
    SearchLogs,
    SummariseTask,
    TailLines,
)
from components.mcp.texts import cut, fitting, line_text, with_cursor
from gateway.auth import Principal
from gateway.history.stored_logs import (
    LogPage,
    SearchHit,
    StoredLogs,
    StoredTaskSummary,
    comparison_markdown,
    summary_markdown,
)

__all__ = ["TOOLS", "Tool"]


@dataclass(frozen=True, slots=True)
class Tool:
    """What a tool is called with, what it says of itself, and what it does.

    ``call`` raises ``ApiError`` and ``ArgumentError``, whose texts are the answer.
    """

    title: str
    description: str
    arguments: type[msgspec.Struct]
    call: Callable[[StoredLogs, Principal, Any], Awaitable[str]]


async def _list_tasks(logs: StoredLogs, principal: Principal, given: ListTasks) -> str:
    query = [("search", given.search), ("status", given.status), ("cursor", given.cursor)]
    query += [("label", label) for label in given.labels]
    page = await logs.tasks(principal, [*_present(query), ("limit", str(given.limit))])
    rows = fitting(map(_task, page.tasks), given.characters)
    while len(rows) < len(page.tasks):  # the same page, as long as fits, for its cursor; a cause may be new in it
        page = await logs.tasks(principal, [*_present(query), ("limit", str(len(rows)))])
        rows = fitting(map(_task, page.tasks), given.characters)
    return with_cursor(rows, page.next, nothing="no task matches")


def _task(task: StoredTaskSummary) -> str:
    errors = task.levels.get("ERROR", 0) + task.levels.get("FATAL", 0)
    parts = [task.task_id, task.status, f"{task.lines} lines", f"{errors} errors", f"last {task.last_timestamp}"]
    parts += [f"{name}={value}" for name, value in task.labels.items()]
    if task.cause is not msgspec.UNSET:
        parts.append(f"cause: {task.cause}")
    return " · ".join(parts)


async def _summarise(logs: StoredLogs, principal: Principal, given: SummariseTask) -> str:
    return summary_markdown(await logs.summary(principal, given.task_id), given.characters)


async def _read(logs: StoredLogs, principal: Principal, given: ReadLines) -> str:
    after = given.cursor or str(given.from_sequence - 1)
    page = await logs.page(principal, given.task_id, [*_lines_query(given), ("after", after)])
    rows = fitting(map(line_text, page.entries), given.characters)
    is_cut = len(rows) < len(page.entries)
    cursor = f"{page.epoch}-{page.entries[len(rows) - 1].sequence}" if is_cut else page.next
    notes = [f"(lines {gap.first}-{gap.last} no longer exist: {gap.reason})" for gap in page.gaps]
    if page.is_restart:
        notes.append("(the log was replaced, and begins anew)")
    has_more = is_cut or page.has_next or page.status == "RUNNING"
    return with_cursor(notes[:2] + rows, cursor if has_more else None, nothing=_nothing(page))


async def _tail(logs: StoredLogs, principal: Principal, given: TailLines) -> str:
    place = ("before", given.cursor) if given.cursor else ("tail", str(given.limit))
    page = await logs.page(principal, given.task_id, [*_lines_query(given), place])
    rows = fitting(map(line_text, reversed(page.entries)), given.characters)[::-1]
    cursor = None
    if len(rows) < len(page.entries):
        cursor = f"{page.epoch}-{page.entries[-len(rows)].sequence}"
    elif page.has_previous:
        cursor = page.previous
    return with_cursor(rows, cursor, nothing=_nothing(page))


def _nothing(page: LogPage) -> str:
    return f"no more lines match; the task is {page.status} and its last line is {page.last_sequence}"


async def _search(logs: StoredLogs, principal: Principal, given: SearchLogs) -> str:
    query = [("q", given.text), ("level", ",".join(given.levels)), ("filter", given.filter)]
    query += [("cursor", given.cursor), ("context", str(given.context))]
    found = await logs.search(principal, [*_present(query), ("limit", str(given.limit))])
    rows = fitting(map(_hit, found.hits), given.characters)
    if len(rows) < len(found.hits):
        found = await logs.search(principal, [*_present(query), ("limit", str(len(rows)))])
        rows = fitting(map(_hit, found.hits), given.characters)
    nothing = f"nothing in {found.scanned.lines} lines of {found.scanned.tasks} tasks"
    return with_cursor(rows, found.next, nothing=nothing)


def _hit(hit: SearchHit) -> str:
    lines = [line_text(line, mark="-") for line in hit.before]
    lines += [line_text(hit.entry, mark=":"), *(line_text(line, mark="-") for line in hit.after)]
    return f"{hit.entry.task_id} " + f"\n{hit.entry.task_id} ".join(lines)


async def _compare(logs: StoredLogs, principal: Principal, given: CompareTasks) -> str:
    start = _row_number(given.cursor)
    compared = await logs.comparison(principal, given.task_id, given.other_task_id or None)
    lines = comparison_markdown(compared).splitlines()
    rows = fitting((cut(line, 400) for line in lines[start:]), given.characters)
    end = start + len(rows)
    return with_cursor(rows, str(end) if end < len(lines) else None, nothing="no more")


def _row_number(cursor: str) -> int:
    if cursor and not (cursor.isdecimal() and len(cursor) < 6):
        raise ArgumentError(f"cursor is {cursor[:64]!r}: give the one at the end of an answer")
    return int(cursor or 0)


def _lines_query(given: ReadLines | TailLines) -> list[tuple[str, str]]:
    lists = (("level", given.levels), ("workerId", given.workers), ("keywords", given.keywords))
    query = [(name, value) for name, values in lists for value in values]
    query += [("filter", given.filter)] if given.filter else []
    return [*query, ("limit", str(given.limit))]


def _present(query: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in query if value]


TOOLS: Final[Mapping[str, Tool]] = {
    "list_tasks": Tool(
        "List tasks",
        "Tasks that have logs, the newest activity first, with status, counts, labels, and the cause of failed ones.",
        ListTasks,
        _list_tasks,
    ),
    "task_summary": Tool(
        "Why a task failed",
        "Exit code, command, duration, the likely cause with its lines, failed tests with file and line, and what is "
        "different from the last good run. Call it first. Works while the task runs, too.",
        SummariseTask,
        _summarise,
    ),
    "read_lines": Tool(
        "Read lines",
        "Lines of a task in ascending order, from a sequence or a cursor on. A row is: sequence, level, worker, text.",
        ReadLines,
        _read,
    ),
    "tail_lines": Tool(
        "Read the last lines",
        "The last lines of a task; with the cursor those in front of them.",
        TailLines,
        _tail,
    ),
    "search_logs": Tool(
        "Search all logs",
        "Where a text occurs in the logs of all tasks, the newest first. Each row begins with the task's id; `:` marks "
        "the match and `-` the lines around it.",
        SearchLogs,
        _search,
    ),
    "compare_with_last_good": Tool(
        "Compare with the last good run",
        "Messages that only this task has (+), or only the last good run of the same name has (-), and labels that "
        "differ.",
        CompareTasks,
        _compare,
    ),
}
