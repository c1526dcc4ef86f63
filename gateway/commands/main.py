"""The commands of ``otto-gateway``, from serve and check to settings.

What takes long to import (gRPC, the databases) is imported by the commands that need it.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from components.alerts.commands import rules
from components.automation.commands import automation
from gateway.commands.canary import canary
from gateway.commands.exit_codes import ExitCode
from gateway.monitoring.terminal import open_closed_streams
from gateway.settings.model import Settings
from gateway.settings.report import open_warning, reference_lines, setting_lines
from gateway.settings.sources import SettingsError, load_settings

__all__ = ["main", "without_painters"]

_NICENESS = 10

_EXIT_CODES = "\b\nExit codes:\n" + "\n".join(f"  {code.value:>3}  {code.meaning}" for code in ExitCode)


def _with_settings(command: Callable[..., ExitCode]) -> Callable[..., None]:
    """Give a command ``--config``, the settings that follow from it, and an exit code."""

    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="OTTO_CONFIG",
        help="Settings file (TOML); also OTTO_CONFIG. The environment goes before it.",
    )
    def run(config: Path | None, **arguments: Any) -> None:
        # gRPC's own log goes to standard error past ours, and says what our sentences say; it is read at the import.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        try:
            code = command(load_settings(config), **arguments)
        except SettingsError as error:
            for problem in error.problems:
                _say(problem)
            code = ExitCode.USAGE
        sys.exit(code)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXIT_CODES)
@click.version_option(version("otto-log-gateway"), prog_name="otto-gateway")
def main() -> None:
    """Live log gateway: gRPC in, durable journal, Server-Sent Events and Socket.IO out.

    Settings come from the environment and from a file; `otto-gateway settings` lists them.
    """
    open_closed_streams()


@main.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Gateways on the same ports of this machine; more than one need a journal on PostgreSQL.",
)
@_with_settings
def serve(settings: Settings, *, workers: int) -> ExitCode:
    """Run the gateway until SIGTERM or SIGINT; a second one ends it at once."""
    from gateway.commands.workers import check_workers, run_workers

    if workers > 1:
        check_workers(settings)
    with without_painters():
        from gateway.commands.serve import serve

    return run_workers(settings, workers, serve) if workers > 1 else serve(settings)


@main.command()
@_with_settings
def check(settings: Settings) -> ExitCode:
    """Print the settings; check that credentials and databases are usable and ports free."""
    from gateway.commands.preflight import exposed_databases, problems_of

    for line in setting_lines(settings):
        click.echo(line)
    problems = problems_of(settings)
    for problem in problems:
        _say(problem)
    warning = open_warning(settings)
    if warning:
        _say(warning)
    if not problems:
        for warning in exposed_databases(settings):
            _say(warning)
    click.echo("everything is ready" if not problems else f"not ready: {len(problems)} problems")
    return ExitCode.FAILED if problems else ExitCode.OK


@main.command()
@click.option("--dry-run", is_flag=True, help="Print what would be changed, and change nothing.")
@click.option("--from", "source", metavar="URL", help="Move this SQLite database; needs --to.")
@click.option("--to", "target", metavar="URL", help="The PostgreSQL database that it is moved to.")
@_with_settings
def migrate(settings: Settings, *, dry_run: bool, source: str | None, target: str | None) -> ExitCode:
    """Bring the databases to the present schema, or move one to PostgreSQL; harmless if it is done already."""
    with without_painters():
        from gateway.commands.migration import migrate_databases, move_to_postgres, pending_changes
        from gateway.databases import journal_location, polling_location
        from storage.errors import StorageError

    if source or target:
        if dry_run or not (source and target):
            _say("--from and --to belong together, without --dry-run")
            return ExitCode.USAGE
        return move_to_postgres(source, target)
    try:
        if dry_run:
            changes = pending_changes(settings)
            click.echo("\n".join(changes) if changes else "nothing would be changed")
            return ExitCode.OK
        revision = migrate_databases(journal_location(settings), polling_location(settings))
    except (StorageError, OSError) as error:
        _say(str(error))
        return ExitCode.FAILED
    click.echo(f"the database is at revision {revision}")
    return ExitCode.OK


@main.command()
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@click.option("--repair-polling", "repair", is_flag=True, help="Put the rows of job_logs right; no gateway may run.")
@click.option("--jobs", type=click.IntRange(0), help="Processes beside this one; one less than processors without it.")
@click.option(
    "--sample", type=click.FloatRange(0, 100), default=100.0, help="Percent of the records; rows are left out."
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep how far it has got in this file, and continue from there.",
)
@_with_settings
def verify(
    settings: Settings, *, as_json: bool, repair: bool, jobs: int | None, sample: float, resume: Path | None
) -> ExitCode:
    """Check the journal, and job_logs against it; also beside a running gateway.

    \b
    Ends with 0 where all is well, with 1 if something is not, and with 2 if it could not be checked.
    """  # noqa: D301 - click wants a real \b
    with without_painters():
        from gateway.commands.verify import verify_databases

    return verify_databases(settings, as_json=as_json, repair=repair, jobs=jobs, sample=sample, resume=resume)


@main.command()
@click.option("--rewrite", is_flag=True, help="Mask what is found, in the journal and in job_logs; no gateway may run.")
@click.option("--rule", "names", multiple=True, metavar="NAME", help="Look for this alone; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@_with_settings
def scan(settings: Settings, *, rewrite: bool, names: tuple[str, ...], as_json: bool) -> ExitCode:
    """Find secrets of a known shape in stored lines; says where they are, and not what.

    \b
    Ends with 0 if there are none, or they are masked, and with 1 if there are some.
    """  # noqa: D301 - click wants a real \b
    with without_painters():
        from gateway.commands.scan import scan_databases

    return scan_databases(settings, names=names, rewrite=rewrite, as_json=as_json)


@main.command()
@click.option("--dry-run", is_flag=True, help="Say what would go and change nothing; a gateway may be running.")
@_with_settings
def prune(settings: Settings, *, dry_run: bool) -> ExitCode:
    """Remove what the RETENTION_ settings do not keep, as a running gateway does by itself."""
    with without_painters():
        from gateway.commands.prune import prune
        from storage.errors import StorageError

    try:
        report = asyncio.run(prune(settings, is_dry=dry_run))
    except (StorageError, OSError) as error:
        _say(str(error))
        return ExitCode.FAILED
    for line in report:
        click.echo(line)
    return ExitCode.OK


@main.command()
@click.option("--polling", "is_polling", is_flag=True, help="The database of job_logs, where it is another.")
@_with_settings
def compact(settings: Settings, *, is_polling: bool) -> ExitCode:
    """Give the space that removed lines have left back to the file system; no gateway may run on the database."""
    with without_painters():
        from gateway.commands.compact import compact_database

    return compact_database(settings, is_polling=is_polling)


@main.command()
@click.argument("file")
@click.option("--rate", default=100, show_default=True, type=click.IntRange(0), help="MB per second; 0: no limit.")
@click.option("--polling", "is_polling", is_flag=True, help="The database of job_logs, where it is another.")
@click.option("--verify", "is_verified", is_flag=True, help="Read every line of the copy, as `verify` does.")
@_with_settings
def backup(settings: Settings, *, file: str, rate: int, is_polling: bool, is_verified: bool) -> ExitCode:
    """Copy the database into FILE, which must not exist; `-` is standard output. A gateway may be running.

    The copy is of one moment, and checked before it gets its name.
    """
    with without_painters():
        from gateway.commands.backup import back_up_database

    with suppress(OSError):
        os.nice(_NICENESS)  # the gateway goes first
    return back_up_database(settings, file, megabytes_per_second=rate, is_polling=is_polling, is_verified=is_verified)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--polling", "is_polling", is_flag=True, help="The database of job_logs, where it is another.")
@_with_settings
def restore(settings: Settings, *, file: Path, is_polling: bool) -> ExitCode:
    """Replace what is in the database by the backup FILE; no gateway may run on it."""
    with without_painters():
        from gateway.commands.backup import restore_database

    return restore_database(settings, file, is_polling=is_polling)


main.add_command(automation)
main.add_command(canary)
main.add_command(rules)


@main.command(name="settings")
def list_settings() -> None:
    """List every setting: name, default, values, meaning."""
    for line in reference_lines():
        click.echo(line)


def _say(text: str) -> None:
    click.echo(f"otto-gateway: {text}", err=True)


@contextmanager
def without_painters() -> Iterator[None]:
    """Let optional imports of libraries find nothing.

    structlog imports a formatter of tracebacks and Mako a highlighter of source if these are installed. A gateway uses
    neither, and they would stay in memory.
    """
    absent = [name for name in ("pygments", "rich") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None means: not to be had
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
