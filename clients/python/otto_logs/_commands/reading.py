"""The options of commands that read: where the gateway is, and which lines are wanted."""

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from otto_logs._commands.exit_codes import ExitCode, fail
from otto_logs._commands.gateway import default_url, read_token
from otto_logs._commands.stream import StreamError

__all__ = ["colour_option", "filter_options", "gateway_to_read", "is_coloured", "reading_ends"]

_F = TypeVar("_F", bound=Callable[..., Any])

_AGO: Final = re.compile(r"([0-9]{1,9})([smhd])\Z")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PARAMETERS: Final = {
    "levels": "level",
    "keywords": "keywords",
    "workers": "workerId",
    "sources": "source",
    "since": "startTime",
    "until": "endTime",
    "expression": "filter",
}


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


def gateway_to_read(function: _F) -> Callable[..., Any]:
    """Give a command the gateway as ``url``, without a slash at its end, and ``token``."""

    @click.option("--url", help="The gateway's HTTP address. Default: OTTO_URL, or http://127.0.0.1:4000.")
    @click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with the token, instead of OTTO_TOKEN.",
    )
    @functools.wraps(function)
    def command(*arguments: Any, url: str | None, token_file: Path | None, **options: Any) -> Any:
        place = (url or default_url()).rstrip("/")
        return function(*arguments, url=place, token=read_token(token_file), **options)

    return command


def filter_options(function: _F) -> Callable[..., Any]:
    """Give a command the filter as ``query``: the gateway's parameters."""

    @click.option("--level", "levels", multiple=True, help="Only these levels: ERROR or ERROR,WARN; may be repeated.")
    @click.option("--keywords", multiple=True, help="Only lines with any of these, in any case; may be repeated.")
    @click.option("--worker", "workers", multiple=True, help="Only these workers; may be repeated.")
    @click.option("--source", "sources", multiple=True, help="Only stdout, or only stderr.")
    @click.option("--since", callback=_time, help="Only lines from then on: 10m, 2h, 1d, or RFC 3339.")
    @click.option("--until", callback=_time, help="Only lines until then, likewise.")
    @click.option(
        "--filter",
        "expression",
        metavar="EXPRESSION",
        help="Only lines that an expression lets through: '(timeout OR refused) -retry /exit [1-9]/ level:ERROR'.",
    )
    @functools.wraps(function)
    def command(*arguments: Any, **options: Any) -> Any:
        query: list[tuple[str, str]] = []
        for option, parameter in _PARAMETERS.items():
            given = options.pop(option)
            values = given if isinstance(given, tuple) else () if given is None else (given,)
            query += [(parameter, value) for value in values]
        return function(*arguments, query=query, **options)

    return command


colour_option = click.option(
    "--color/--no-color", default=None, help="Colours. Default: on a terminal, unless NO_COLOR is set."
)


def is_coloured(chosen: bool | None) -> bool:
    """Whether to paint, given what ``colour_option`` got."""
    return chosen if chosen is not None else sys.stdout.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def reading_ends() -> Iterator[None]:
    """End the process, with its exit code, where reading or what is done with it breaks off."""
    try:
        yield
    except StreamError as error:
        fail(str(error), error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Anyone who read our output has enough; Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
