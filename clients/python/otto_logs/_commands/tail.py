"""``otto-logs tail``: a task's log, live."""

import sys
from collections.abc import Iterable

import click

from otto_logs._commands.exit_codes import ExitCode, say
from otto_logs._commands.gateway import identifier
from otto_logs._commands.reading import colour_option, filter_options, gateway_to_read, is_coloured, reading_ends
from otto_logs._commands.rows import gap_row, message_of, row
from otto_logs._commands.stream import LogStream, StreamEvent
from otto_logs._commands.terminal import Output

__all__ = ["tail"]


@click.command(name="tail", short_help="Show the log of a task, live.")
@gateway_to_read
@filter_options
@click.option("--tail", "count", type=click.IntRange(min=0), metavar="N", help="Start at the last N matching lines.")
@click.option("--after", metavar="POSITION", help="Start behind this sequence number.")
@colour_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the gateway sends it.")
@click.option("--raw", is_flag=True, help="The messages alone, with all that is in them, also on a terminal.")
@click.option("--exit-status", is_flag=True, help="End with 1 where the task has failed.")
@click.option(
    "--give-up",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to try while the gateway is away.",
)
@click.argument("task", callback=identifier)
def tail(
    url: str,
    token: str | None,
    query: list[tuple[str, str]],
    count: int | None,
    after: str | None,
    color: bool | None,
    as_json: bool,
    raw: bool,
    exit_status: bool,
    give_up: float,
    task: str,
) -> None:
    """Show the log of TASK from its first line, and continue until the task has ended.

    Filters are joined: a line is shown where every kind of filter that was given lets it through. A lost connection is
    made again and continues where it was; lines that the gateway no longer has are announced in their place.

    \b
    Example:
      otto-logs tail build-7 --level WARN,ERROR,FATAL --tail 100
    """  # noqa: D301 - click wants a real \b
    if as_json and raw:
        raise click.UsageError("--json and --raw exclude each other")
    query += [(name, str(value)) for name, value in (("tail", count), ("after", after)) if value is not None]
    printer = _Printer("json" if as_json else "raw" if raw else "row", colour=is_coloured(color))
    stream = LogStream(url, task, query, token, give_up)
    with reading_ends():
        status = _show(stream, printer)
    sys.exit(ExitCode.TASK_FAILED if exit_status and status == "FAILED" else ExitCode.OK)


def _show(events: Iterable[StreamEvent], printer: "_Printer") -> str:
    """Show everything; the status that the task ended with."""
    for event in events:
        if event.kind == "message":
            printer.line(event)
        elif event.kind == "gap":
            printer.gap(event)
        elif event.kind == "complete":
            status = str(event.fields.get("status", ""))
            if status:
                say(f"the task has ended: {status}")
            return status
        elif event.kind == "error":
            say(str(event.fields.get("message", event.text)))
    return ""


class _Printer:
    """Writes rows, JSON or messages to stdout, each as soon as it is there."""

    def __init__(self, form: str, *, colour: bool) -> None:
        self._form = form
        self._output = Output(colour=colour and form == "row", raw=form == "raw")

    def __repr__(self) -> str:
        return f"<_Printer {self._form} {self._output!r}>"

    def line(self, event: StreamEvent) -> None:
        if self._form == "json":
            self._output.write_json(event.text)
        elif self._form == "raw":
            self._output.write(message_of(event.fields))
        else:
            self._output.write(row(event.fields, colour=self._output.colour))

    def gap(self, event: StreamEvent) -> None:
        if self._form == "json":
            self._output.write_json(f'{{"gap":{event.text}}}')
        elif self._form == "raw":
            say(gap_row(event.fields, colour=False))
        else:
            self._output.write(gap_row(event.fields, colour=self._output.colour))
