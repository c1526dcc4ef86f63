"""``otto-logs tail``: a task's log, live."""

import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from otto_logs._commands.exits import ExitCode, fail, say
from otto_logs._commands.gateway import default_url, identifier, read_token
from otto_logs._commands.rows import gap_row, message_of, row
from otto_logs._commands.stream import LogStream, StreamError, StreamEvent

__all__ = ["tail"]

_AGO: Final = re.compile(r"([0-9]{1,9})([smhd])\Z")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """``10m`` as the time that was ten minutes ago; anything else is the gateway's to judge."""
    match = _AGO.match(value or "")
    if match is None:
        return value
    ago = timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        return (datetime.now(UTC) - ago).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise click.BadParameter(f"{value} is too long ago") from None


@click.command(name="tail", short_help="Show the log of a task, live.")
@click.option("--url", help="The gateway's HTTP address. Default: OTTO_URL, or http://127.0.0.1:4000.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the token, instead of OTTO_TOKEN.",
)
@click.option("--level", "levels", multiple=True, help="Only these levels: ERROR or ERROR,WARN; may be repeated.")
@click.option("--keywords", multiple=True, help="Only lines with any of these, in any case; may be repeated.")
@click.option("--worker", "workers", multiple=True, help="Only these workers; may be repeated.")
@click.option("--source", "sources", multiple=True, help="Only stdout, or only stderr.")
@click.option("--since", callback=_time, help="Only lines from then on: 10m, 2h, 1d, or RFC 3339.")
@click.option("--until", callback=_time, help="Only lines until then, likewise.")
@click.option("--tail", "count", type=click.IntRange(min=0), metavar="N", help="Start at the last N matching lines.")
@click.option("--after", metavar="POSITION", help="Start behind this sequence number.")
@click.option("--color/--no-color", default=None, help="Colours. Default: on a terminal, unless NO_COLOR is set.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the gateway sends it.")
@click.option("--raw", is_flag=True, help="The messages alone.")
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
    url: str | None,
    token_file: Path | None,
    levels: tuple[str, ...],
    keywords: tuple[str, ...],
    workers: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    until: str | None,
    count: int | None,
    after: str | None,
    color: bool | None,
    as_json: bool,
    raw: bool,
    exit_status: bool,
    give_up: float,
    task: str,
) -> None:
    """Show the log of TASK from its first line, and go on until the task has ended.

    Filters are joined: a line is shown where every kind of filter that was given lets it through. A lost connection is
    made again and goes on where it was; lines that the gateway no longer has are announced in their place.

    \b
    Example:
      otto-logs tail build-7 --level WARN,ERROR,FATAL --tail 100
    """  # noqa: D301 - click wants a real \b
    if as_json and raw:
        raise click.UsageError("--json and --raw exclude each other")
    query = [
        *(("level", value) for value in levels),
        *(("keywords", value) for value in keywords),
        *(("workerId", value) for value in workers),
        *(("source", value) for value in sources),
        *(
            (name, str(value))
            for name, value in (("startTime", since), ("endTime", until), ("tail", count), ("after", after))
            if value is not None
        ),
    ]
    colour = color if color is not None else sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    printer = _Printer("json" if as_json else "raw" if raw else "row", colour=colour)
    stream = LogStream((url or default_url()).rstrip("/"), task, query, read_token(token_file), give_up)
    try:
        status = _show(stream, printer)
    except StreamError as error:
        fail(str(error), error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough; Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
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
        self._colour = colour

    def __repr__(self) -> str:
        return f"<_Printer {self._form} colour={self._colour}>"

    def line(self, event: StreamEvent) -> None:
        if self._form == "json":
            self._write(event.text)
        elif self._form == "raw":
            self._write(message_of(event.fields))
        else:
            self._write(row(event.fields, colour=self._colour))

    def gap(self, event: StreamEvent) -> None:
        if self._form == "json":
            self._write(f'{{"gap":{event.text}}}')
        elif self._form == "raw":
            say(gap_row(event.fields, colour=False))
        else:
            self._write(gap_row(event.fields, colour=self._colour))

    @staticmethod
    def _write(text: str) -> None:
        output = sys.stdout.buffer
        output.write(text.encode("utf-8", "surrogatepass") + b"\n")
        output.flush()
