"""``otto-logs why``: why a task failed."""

import json

import click

from otto_logs._commands.gateway import identifier
from otto_logs._commands.history_pages import Stored
from otto_logs._commands.reading import colour_option, gateway_to_read, is_coloured, reading_ends
from otto_logs._commands.terminal import Output

__all__ = ["why"]


@click.command(short_help="Say why a task failed.")
@gateway_to_read
@click.option(
    "--characters",
    type=click.IntRange(500, 100_000),
    default=2000,
    show_default=True,
    metavar="N",
    help="At most so many; tests, places and lines in the middle are left out for it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as the gateway sends it.")
@colour_option
@click.argument("task", callback=identifier)
def why(url: str, token: str | None, characters: int, as_json: bool, color: bool | None, task: str) -> None:
    """Say why TASK failed: exit code, command, duration, the likely cause with its lines, and the tests that failed.

    \b
    Example:
      otto-logs why build-7
    """  # noqa: D301 - click wants a real \b
    output = Output(colour=is_coloured(color) and not as_json)
    with reading_ends(), Stored(url, token) as stored:
        if as_json:
            output.write_json(json.dumps(stored.summary(task, characters), ensure_ascii=False))
            return
        for line in stored.summary_text(task, characters).splitlines():
            is_heading = output.colour and line.startswith("#")
            output.write(click.style(line, bold=True) if is_heading else line)
