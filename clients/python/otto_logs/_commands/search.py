"""``otto-logs search``: a text in the logs of all tasks."""

import sys
from typing import Any

import click

from otto_logs._commands.exit_codes import ExitCode, fail, say
from otto_logs._commands.history_pages import Stored
from otto_logs._commands.reading import colour_option, filter_options, gateway_to_read, is_coloured, reading_ends
from otto_logs._commands.rows import row
from otto_logs._commands.terminal import Output
from otto_logs._values import line_count

__all__ = ["search"]


@click.command(short_help="Search the logs of all tasks.")
@gateway_to_read
@filter_options
@click.option("--context", "-C", type=click.IntRange(0, 20), default=0, metavar="N", help="Show N lines around each.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many matches, at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a match, as the gateway sends it.")
@colour_option
@click.argument("text", required=False, default="")
def search(
    url: str,
    token: str | None,
    query: list[tuple[str, str]],
    context: int,
    limit: int,
    as_json: bool,
    color: bool | None,
    text: str,
) -> None:
    """Show the lines that contain TEXT, in any case: the newest task first, and in each its newest line.

    TEXT may be left out where a filter is given. In --filter, `label:name=value` chooses tasks.

    Ends with 1 if there is none, as grep does.

    \b
    Example:
      otto-logs search 'undefined reference' --since 1d --context 2
    """  # noqa: D301 - click wants a real \b
    if not text and not query:
        raise click.UsageError("give TEXT, or a filter")
    query += [("q", text)] if text else []
    query += [("limit", str(limit)), ("context", str(context))]
    printer = _Printer(as_json=as_json, colour=is_coloured(color), has_context=context > 0)
    end: dict[str, Any] = {}
    try:
        with reading_ends(), Stored(url, token) as stored:
            for event in stored.search(query):
                if event.kind == "hit":
                    printer.hit(event.text, event.fields)
                elif event.kind == "progress":
                    printer.progress(event.fields)
                elif event.kind == "complete":
                    end = event.fields
                elif event.kind == "error":
                    fail(str(event.fields.get("message", event.text)), ExitCode.AWAY)
    finally:
        printer.clear()
    say(_summary(printer.hits, end))
    sys.exit(ExitCode.OK if printer.hits else ExitCode.TASK_FAILED)


def _summary(hits: int, end: dict[str, Any]) -> str:
    scanned = end.get("scanned") or {}
    text = _counted(hits, "match", "matches")
    if hits:
        text += f" in {_counted(len(end.get('tasks') or ()), 'task', 'tasks')}"
    lines = line_count(scanned.get("lines", 0))
    if not end.get("isComplete", True):
        return f"{text}, after {lines}; there may be more: see --limit, or search for less"
    return f"{text}, of {_counted(scanned.get('tasks', 0), 'task', 'tasks')} with {lines}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


class _Printer:
    """Writes hits to stdout as they come, and how far the search is to a terminal's stderr."""

    def __init__(self, *, as_json: bool, colour: bool, has_context: bool) -> None:
        self._as_json = as_json
        self._output = Output(colour=colour and not as_json)
        self._has_context = has_context
        self._task: str | None = None
        self._is_told = False
        self.hits = 0

    def __repr__(self) -> str:
        return f"<_Printer {self.hits} hits>"

    def hit(self, text: str, fields: dict[str, Any]) -> None:
        self.clear()
        self.hits += 1
        if self._as_json:
            self._output.write_json(text)
            return
        entry = fields.get("entry") or {}
        task = str(entry.get("taskId", ""))
        if task != self._task:
            if self._task is not None:
                self._output.write("")
            self._output.write(click.style(task, bold=True) if self._output.colour else task)
            self._task = task
        elif self._has_context:
            self._output.write("--")
        for line in fields.get("before") or ():
            self._line(line, "-")
        self._line(entry, ":")
        for line in fields.get("after") or ():
            self._line(line, "-")

    def progress(self, fields: dict[str, Any]) -> None:
        if sys.stderr.isatty():
            done, total, lines = (fields.get(name, 0) for name in ("tasks", "tasksTotal", "lines"))
            click.echo(f"\r\x1b[Ksearched {done:,} of {total:,} tasks, {line_count(lines)} …", err=True, nl=False)
            self._is_told = True

    def clear(self) -> None:
        """Take back what was said of the progress."""
        if self._is_told:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._is_told = False

    def _line(self, entry: dict[str, Any], mark: str) -> None:
        number = f"{entry.get('sequence', 0):>7}{mark}"
        text = row(entry, colour=self._output.colour).replace("\n", "\n" + " " * (len(number) + 1))
        if self._output.colour and mark == "-":
            number = click.style(number, dim=True)
        self._output.write(f"{number} {text}")
