"""``otto-logs tasks``: what exists to read."""

import json
from typing import Any, Final

import click

from otto_logs._commands.exit_codes import say
from otto_logs._commands.history_pages import Stored
from otto_logs._commands.labels import parsed_label
from otto_logs._commands.reading import colour_option, gateway_to_read, is_coloured, reading_ends
from otto_logs._commands.rows import local_time
from otto_logs._commands.terminal import Output

__all__ = ["tasks"]

_HEAD: Final = f"{'STATUS':9} {'LINES':>11} {'WARN':>7} {'ERROR':>7}  {'LAST LINE':19}  TASK"
_STYLES: Final[dict[str, dict[str, Any]]] = {
    "RUNNING": {"fg": "cyan"},
    "COMPLETED": {"fg": "green"},
    "FAILED": {"fg": "red"},
}


@click.command(short_help="List the tasks that have lines.")
@gateway_to_read
@click.option("--status", metavar="STATUS", help="Only RUNNING, COMPLETED or FAILED.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only those with this label. Repeatable.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the gateway sends it.")
@colour_option
@click.argument("part", default="")
def tasks(
    url: str,
    token: str | None,
    status: str | None,
    labels: tuple[str, ...],
    limit: int,
    as_json: bool,
    color: bool | None,
    part: str,
) -> None:
    """List tasks, the newest activity first: all, or those with PART in their name.

    \b
    Example:
      otto-logs tasks nightly --status FAILED --label repo=shop
    """  # noqa: D301 - click wants a real \b
    query = [(name, value) for name, value in (("search", part), ("status", status)) if value]
    query += [("label", "=".join(parsed_label(label))) for label in labels]
    output = Output(colour=is_coloured(color) and not as_json)
    count = 0
    with reading_ends(), Stored(url, token) as stored:
        for task in stored.tasks(query, limit):
            count += 1
            if as_json:
                output.write_json(json.dumps(task, ensure_ascii=False))
                continue
            if count == 1:
                output.write(_HEAD)
            output.write(_row(task, colour=output.colour))
    if not count:
        say("no task matches" if query else "no task has lines yet: otto-logs run --task build-1 -- make")


def _row(task: dict[str, Any], *, colour: bool) -> str:
    levels = task.get("levels") or {}
    status, name = (str(task.get(field, "")) for field in ("status", "taskId"))
    warnings, errors = levels.get("WARN", 0), levels.get("ERROR", 0) + levels.get("FATAL", 0)
    time = local_time(str(task.get("lastTimestamp") or ""))
    parts: list[tuple[str, dict[str, Any]]] = [
        (f"{status:9}", _STYLES.get(status, {})),
        (f"{task.get('lines', 0):>11,}", {}),
        (f"{warnings:>7,}", {"fg": "yellow"} if warnings else {}),
        (f"{errors:>7,}", {"fg": "red"} if errors else {}),
    ]
    cells = " ".join(click.style(text, **style) if colour else text for text, style in parts)
    cause = f"  {task['cause']}" if task.get("cause") else ""
    return f"{cells}  {time.strftime('%Y-%m-%d %H:%M:%S') if time else '':19}  {name}{cause}"
