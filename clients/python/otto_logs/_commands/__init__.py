"""``otto-logs``: run, send, flush, tail, token."""

from importlib.metadata import version

import click

from otto_logs._commands.flush import flush
from otto_logs._commands.run import run
from otto_logs._commands.send import send
from otto_logs._commands.tail import tail
from otto_logs._commands.token import token

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("otto-logs"), prog_name="otto-logs")
def main() -> None:
    """Send logs to an Otto log gateway, and watch them.

    \b
    Environment:
      OTTO_GATEWAY  the gateway's gRPC address, for run and send (default 127.0.0.1:9090)
      OTTO_URL      the gateway's HTTP address, for tail and links (default http://127.0.0.1:4000)
      OTTO_TOKEN    the token to show
      OTTO_LOGS_SPOOL_DIR  where run and send keep lines until the gateway has them, and flush finds them

    \b
    Exit codes (run has its command's own):
      0  all went well            3  the gateway refused: token, permission, wrong value
      1  the task has failed      4  the gateway is away, or not everything was delivered
         (tail --exit-status)     130  interrupted
      2  wrong usage
    """  # noqa: D301 - click wants a real \b


for _command in (run, send, flush, tail, token):
    main.add_command(_command)
