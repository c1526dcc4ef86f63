"""``otto-logs``: run, send, mask, flush, tail, tasks, search, why, token."""

import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import Final, NoReturn

import click

from otto_logs._commands.exit_codes import ExitCode

__all__ = ["main"]

_CRASHED: Final = 1
_NAMES: Final = ("run", "send", "mask", "flush", "tail", "tasks", "search", "why", "token")


class _Commands(click.Group):
    """Imports the one command that is run: gRPC, HTTP and cryptography are each needed by some of them alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NAMES:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f"otto_logs._commands.{cmd_name}"), cmd_name)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("otto-logs"), prog_name="otto-logs")
def otto_logs() -> None:
    """Send logs to an Otto log gateway, watch them, and find them again.

    \b
    Environment:
      OTTO_GATEWAY  the gateway's gRPC address, for run and send (default 127.0.0.1:9090)
      OTTO_URL      the gateway's HTTP address, to read and for links (default http://127.0.0.1:4000)
      OTTO_TOKEN    the token to show
      OTTO_LOGS_MASK_ENV   names of variables whose values run and send mask, beside *_TOKEN, *_PASSWORD, …
      OTTO_LOGS_SPOOL_DIR  where run and send keep lines until the gateway has them, and flush finds them

    \b
    Exit codes (run has its command's own):
      0  all went well            3  the gateway refused: token, permission, wrong value
      1  the task has failed      4  the gateway is away, or not everything was delivered
         (tail --exit-status),    130  interrupted
         or nothing was found
         (search)
      2  wrong usage
    """  # noqa: D301 - click wants a real \b


def main() -> NoReturn:
    """Run the command line, and end the process at once.

    The interpreter is not taken down on the way. By then all is said and done, and threads that are still in gRPC's
    hands would be ended wherever they are, with the locks that they hold: what runs after them could wait for ever.
    """
    code: object = ExitCode.OK
    _open_closed_streams()
    try:
        otto_logs(prog_name="otto-logs")
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - the process's edge; it is said, and ends with the code for it
        traceback.print_exc()
        code = _CRASHED
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader is gone
            code = code or _CRASHED
    os._exit(code if isinstance(code, int) else ExitCode.OK if code is None else _CRASHED)


def _open_closed_streams() -> None:
    """Put the null device where the caller has closed stdin, stdout or stderr, for which Python has None.

    Otherwise the next file or socket would get its number, and be written to in its place.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
