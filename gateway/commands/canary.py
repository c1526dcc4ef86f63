"""The options of ``otto-gateway canary``. What the canary itself needs is imported when it runs: it is an extra."""

import os
import sys
from pathlib import Path

import click

from gateway.commands.exit_codes import ExitCode

__all__ = ["canary"]


@click.command()
@click.option(
    "--url", envvar="OTTO_URL", default="http://127.0.0.1:4000", show_default=True, help="HTTP; also OTTO_URL."
)
@click.option("--socket-io-url", help="Socket.IO, where it is not at the same address.")
@click.option(
    "--grpc",
    "grpc_address",
    envvar="OTTO_GATEWAY",
    default="127.0.0.1:9090",
    show_default=True,
    help="Where lines are written to; also OTTO_GATEWAY.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a token that may read and write, read at each connection. Default: OTTO_TOKEN.",
)
@click.option(
    "--wire",
    "wires",
    type=click.Choice(["native", "otto"]),
    multiple=True,
    default=["native"],
    show_default=True,
    help="The wire to write on; may be repeated.",
)
@click.option(
    "--route",
    "routes",
    type=click.Choice(["sse", "socketio", "polling"]),
    multiple=True,
    default=["sse", "socketio", "polling"],
    help="The way out to read from; may be repeated. Default: all.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop after so long. Default: on SIGINT or SIGTERM.",
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Pause between two writes.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0.001, max=10_000),
    default=10.0,
    show_default=True,
    metavar="LINES",
    help="Lines a second on each wire.",
)
@click.option("--task-prefix", default="canary", show_default=True, help="What the names of the tasks begin with.")
@click.option(
    "--task-lines",
    type=click.IntRange(min=1, max=1_000_000),
    default=10_000,
    show_default=True,
    help="Lines after which the next task is begun; also after an hour.",
)
@click.option(
    "--late-after",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="A line that takes longer is late.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="A stored line that does not come for so long is missing.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=9465,
    show_default=True,
    metavar="PORT",
    help="Port of /metrics; 0: any free one.",
)
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of /metrics.")
@click.option("--no-metrics", is_flag=True, help="Export nothing.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object.")
def canary(
    url: str,
    socket_io_url: str | None,
    grpc_address: str,
    token_file: Path | None,
    wires: tuple[str, ...],
    routes: tuple[str, ...],
    duration: float | None,
    interval: float,
    rate: float,
    task_prefix: str,
    task_lines: int,
    late_after: float,
    grace: float,
    metrics_port: int,
    metrics_host: str,
    no_metrics: bool,
    as_json: bool,
) -> None:
    """Write numbered lines to a gateway, read them back on every way out, and judge.

    \b
    Ends with 0 where all is well, with 1 if a line was missing, doubled, out of order or unexpected, and with 2
    where that could not be found out. Needs the extra `canary`: pip install 'otto-log-gateway[canary]'.
    """  # fmt: skip  # noqa: D301 - click wants a real \b
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from canary.delivery_check import Route, Tolerance
        from canary.runner import Pace
        from gateway.commands.canary_run import CanaryOptions, run_canary
    except ModuleNotFoundError as error:
        click.echo(f"otto-gateway: the canary needs {error.name}: pip install 'otto-log-gateway[canary]'", err=True)
        sys.exit(ExitCode.USAGE)
    sys.exit(
        run_canary(
            CanaryOptions(
                url=url,
                socket_io_url=socket_io_url,
                grpc_address=grpc_address,
                token_file=token_file,
                wires=tuple(dict.fromkeys(wires)),
                routes=tuple(Route(route) for route in dict.fromkeys(routes)),
                pace=Pace(rate=rate, interval_seconds=interval, task_lines_max=task_lines),
                tolerance=Tolerance(late_seconds=late_after, grace_seconds=grace),
                task_prefix=task_prefix,
                duration_seconds=duration,
                metrics_host=metrics_host,
                metrics_port=None if no_metrics else metrics_port,
                as_json=as_json,
            )
        )
    )
