"""``otto-gateway``: serve, check, migrate, settings.

Exit codes: 0 all is well; 1 it cannot start, or a check has failed; 2 the command line or the settings are wrong;
3 it had to stop by itself, or could not stop cleanly; 130 it was told to stop a second time, and did so at once.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import structlog

from gateway.ingest.address import ListenError
from gateway.logging import configure_logging
from gateway.settings import Settings
from gateway.settings_report import reference_lines, setting_lines, visible_settings
from gateway.settings_sources import SettingsError, load_settings
from storage.journal import JournalError
from storage.polling import PollingTableError

__all__ = ["ExitCode", "main"]

_START_ERRORS: Final = (ListenError, JournalError, PollingTableError, OSError)
_GARBAGE_THRESHOLDS: Final = (50_000, 20, 50)
"""Objects allocated between two looks for cycles; lines are made by the thousand, and none is part of a cycle."""

_log = structlog.get_logger(__name__)


class ExitCode(IntEnum):
    """What the process ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BROKEN = 3
    FORCED = 130


def _with_settings(command: Callable[[Settings], None]) -> Callable[..., None]:
    """Give a command ``--config``, and the settings that follow from it."""

    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="OTTO_CONFIG",
        help="Settings file (TOML). The environment goes before it.",
    )
    def run(config: Path | None, **arguments: Any) -> None:
        try:
            settings = load_settings(config)
        except SettingsError as error:
            for problem in error.problems:
                _say(problem)
            sys.exit(ExitCode.USAGE)
        command(settings, **arguments)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("otto-log-gateway"), prog_name="otto-gateway")
def main() -> None:
    """Live log gateway: gRPC in, durable journal, Server-Sent Events and Socket.IO out."""


@main.command()
@_with_settings
def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM or SIGINT; a second one ends it at once."""
    configure_logging("DEBUG" if settings.debug_mode else settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        code = runner.run(_serve(settings))
    sys.exit(code)


@main.command()
@_with_settings
def check(settings: Settings) -> None:
    """Print the settings, and check that the databases open and the ports are free."""
    from gateway.readiness import problems_of

    for line in setting_lines(settings):
        click.echo(line)
    problems = problems_of(settings)
    for problem in problems:
        _say(problem)
    if settings.is_open_to_everybody:
        _say(_open_text(settings))
    click.echo("everything is ready" if not problems else f"{len(problems)} of the checks failed")
    sys.exit(ExitCode.FAILED if problems else ExitCode.OK)


@main.command()
@_with_settings
def migrate(settings: Settings) -> None:
    """Bring the databases to the present schema; harmless where they are there already."""
    from storage.database import migrate as migrate_database
    from storage.polling import PollingTable

    try:
        revision = migrate_database(settings.database_url)
        table = PollingTable(settings.polling_database)
        table.prepare()
        asyncio.run(table.close())
    except _START_ERRORS as error:
        _fail(error)
    click.echo(f"the database is at revision {revision}")


@main.command(name="settings")
def list_settings() -> None:
    """List every setting: name, default, values, meaning."""
    for line in reference_lines():
        click.echo(line)


async def _serve(settings: Settings) -> ExitCode:
    from gateway.app import Gateway  # takes most of a second to import, which --help need not wait for

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, number, stop)
    _log.info("starting", version=version("otto-log-gateway"), settings=visible_settings(settings))
    if settings.is_open_to_everybody:
        _log.warning("anybody can read and write", why=_open_text(settings))
    try:
        gateway = await Gateway.start(settings)
    except _START_ERRORS as error:
        _fail(error)
    _log.info("listening", host=settings.listen_host, http_ports=gateway.ports[:-1], grpc_port=gateway.ports[-1])
    _calm_garbage_collector()
    asked = asyncio.create_task(stop.wait())
    asked.add_done_callback(lambda _: gateway.ask_to_stop())
    code = ExitCode.OK
    try:
        await gateway.run()
    except RuntimeError:
        _log.exception("the gateway has to stop")
        code = ExitCode.BROKEN
    asked.cancel()
    is_clean = await gateway.stop()
    return code if is_clean else ExitCode.BROKEN


def _on_signal(number: signal.Signals, stop: asyncio.Event) -> None:
    if stop.is_set():
        _log.warning("ended at once", signal=number.name)
        # Nothing that was acknowledged is lost: it was stored before.
        os._exit(ExitCode.FORCED)
    _log.info("asked to stop", signal=number.name)
    stop.set()


def _calm_garbage_collector() -> None:
    """What exists now lives as long as the process: no look for cycles needs to visit it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _open_text(settings: Settings) -> str:
    return (
        f"HOST={settings.host} and no credentials are set: whoever can reach the gateway can read and write every log; "
        "set JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL, or remove HOST to listen on 127.0.0.1 only"
    )


def _fail(error: Exception) -> NoReturn:
    _say(str(error))
    sys.exit(ExitCode.FAILED)


def _say(text: str) -> None:
    click.echo(f"otto-gateway: {text}", err=True)
