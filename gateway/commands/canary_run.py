"""``otto-gateway canary``: from options to exit code."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from canary.delivery_check import Route, Tolerance
from canary.exporter import Exporter, document, progress_line, summary
from canary.otto_writer import OttoWriter
from canary.readers import Address
from canary.runner import Canary, Pace, Verdict
from canary.writers import NativeWriter, Writer
from gateway.commands.exit_codes import ExitCode

__all__ = ["CanaryOptions", "run_canary"]

_PROGRESS_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryOptions:
    """What the command line says; ``wires`` are ``native`` and ``otto``, ``metrics_port`` None exports nothing."""

    url: str
    socket_io_url: str | None
    grpc_address: str
    token_file: Path | None
    wires: Sequence[str]
    routes: Sequence[Route]
    pace: Pace
    tolerance: Tolerance
    task_prefix: str
    duration_seconds: float | None
    metrics_host: str
    metrics_port: int | None
    as_json: bool

    def token(self) -> str | None:
        """The token to show next; a file is read anew, for it may have been replaced in the weeks since."""
        if self.token_file is not None:
            return self.token_file.read_text().strip() or None
        return os.environ.get("OTTO_TOKEN") or None


def run_canary(options: CanaryOptions) -> ExitCode:
    """Run until the time is up, or until SIGINT or SIGTERM; print a summary."""
    started = time.monotonic()
    try:
        canary, verdict = asyncio.run(_run(options))
    except (OSError, ValueError) as error:
        click.echo(f"otto-gateway: {error}", err=True)
        return ExitCode.USAGE
    seconds = time.monotonic() - started
    if options.as_json:
        click.echo(json.dumps(document(canary.state, verdict, seconds), ensure_ascii=False, indent=2))
    else:
        click.echo(summary(canary.state, verdict, seconds))
    if verdict.is_well:
        return ExitCode.OK
    return ExitCode.USAGE if canary.state.is_well else ExitCode.FAILED


async def _run(options: CanaryOptions) -> tuple[Canary, Verdict]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    writers: list[Writer] = []
    if "native" in options.wires:
        writers.append(NativeWriter(options.grpc_address, options.token))
    if "otto" in options.wires:
        writers.append(OttoWriter(options.grpc_address, options.token))
    canary = Canary(
        writers,
        Address(options.url, options.token, options.socket_io_url),
        routes=options.routes,
        pace=options.pace,
        tolerance=options.tolerance,
        task_prefix=options.task_prefix,
    )
    with _exported(canary, options):
        showing = asyncio.create_task(_show_progress(canary)) if sys.stderr.isatty() else None
        try:
            verdict = await canary.run(stop, options.duration_seconds)
        finally:
            if showing is not None:
                showing.cancel()
                click.echo("\r\x1b[K", err=True, nl=False)
    return canary, verdict


@contextlib.contextmanager
def _exported(canary: Canary, options: CanaryOptions) -> Iterator[None]:
    if options.metrics_port is None:
        yield
        return
    exporter = Exporter(canary.state, options.metrics_host, options.metrics_port)
    click.echo(f"metrics on http://{options.metrics_host}:{exporter.port}/metrics", err=True)
    try:
        yield
    finally:
        exporter.close()


async def _show_progress(canary: Canary) -> None:
    started = time.monotonic()
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        click.echo(f"\r\x1b[K{progress_line(canary.state, time.monotonic() - started)}", err=True, nl=False)
