"""What the commands end with, and how they say what went wrong: one sentence, no traceback."""

import sys
from enum import IntEnum
from typing import NoReturn

import click

from otto_logs._commands.terminal import printable

__all__ = ["ExitCode", "fail", "say"]


class ExitCode(IntEnum):
    """Exit codes of all commands but ``run``, which has its command's own."""

    OK = 0
    TASK_FAILED = 1
    USAGE = 2
    REFUSED = 3
    AWAY = 4
    CANNOT_EXECUTE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130


def say(text: str) -> None:
    """One line on stderr, without what a terminal would obey; does nothing when stderr is gone."""
    try:
        click.echo(f"otto-logs: {printable(text)}", err=True)
    except OSError:
        return


def fail(text: str, code: ExitCode) -> NoReturn:
    """Say why, and end."""
    say(text)
    sys.exit(code)
