"""``otto-logs flush``: deliver what earlier commands left in a spool directory."""

import sys
import threading
import time

import click

from otto_logs._commands.exit_codes import ExitCode, fail, say
from otto_logs._commands.gateway import Gateway, Notices, gateway_options, silence_log
from otto_logs._endpoint import Endpoint
from otto_logs._orphaned_spools import OrphanedSpools
from otto_logs._spool_directory import SpoolDirectory
from otto_logs._values import Durability, line_count

__all__ = ["flush"]


@click.command(short_help="Deliver what earlier commands left on disk.")
@gateway_options
def flush(gateway: Gateway) -> None:
    """Deliver the lines in --spool that processes left which are gone, each line once.

    What a process that still runs has there is its own business. --close-timeout says how long to try. Exit codes: 0
    nothing is left, 3 the gateway refused some, 4 the gateway is away.

    \b
    Example:
      otto-logs flush --spool /var/spool/otto-logs --close-timeout 600
    """  # noqa: D301 - click wants a real \b
    if not gateway.spool_directory:
        raise click.UsageError("--spool DIR (or OTTO_LOGS_SPOOL_DIR) must say where the lines are")
    silence_log()
    started_at = time.monotonic()
    try:
        endpoint = Endpoint(gateway.address, gateway.token, gateway.tls, gateway.limits.keepalive_seconds)
        directory = SpoolDirectory(gateway.spool_directory)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    orphaned_spools = OrphanedSpools(directory, endpoint, gateway.limits, Durability.PROCESS, Notices().on_problem)
    thread = threading.Thread(target=orphaned_spools.deliver, name="otto-logs flush", daemon=True)
    thread.start()
    try:
        thread.join(gateway.close_seconds)
    except KeyboardInterrupt:
        say(f"interrupted; {line_count(orphaned_spools.lines_waiting)} not delivered, and still in {directory.path}")
        orphaned_spools.cancel()
        thread.join()
        sys.exit(ExitCode.INTERRUPTED)
    is_late, waiting = thread.is_alive(), orphaned_spools.lines_waiting
    orphaned_spools.cancel()
    thread.join()
    statistics = orphaned_spools.statistics
    elapsed = time.monotonic() - started_at
    say(f"{line_count(statistics.lines_acknowledged)} stored after {elapsed:.1f} s")
    if statistics.lines_damaged:
        say(f"{line_count(statistics.lines_damaged)} could not be read")
    if is_late:
        text = f"{line_count(waiting)} or more are still in {directory.path}; try again when the gateway is there"
        fail(text, ExitCode.AWAY)
    sys.exit(ExitCode.REFUSED if statistics.spools_refused else ExitCode.OK)
