"""``otto-logs run``: a command as a worker."""

import contextlib
import os
import secrets
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from otto_logs._commands.child import Child
from otto_logs._commands.events import GuessedLevels
from otto_logs._commands.exit_codes import ExitCode, fail, say
from otto_logs._commands.gateway import (
    Gateway,
    default_url,
    default_worker,
    gateway_options,
    identifier,
    task_address,
)
from otto_logs._commands.labels import labels_of, shown_command
from otto_logs._commands.lines import LineSplitter, OutputLine
from otto_logs._commands.mask import MASK_SOCKET_VARIABLE, MaskServer
from otto_logs._commands.masking import Masking, masking_options
from otto_logs._errors import NotDeliveredError, OttoLogsError
from otto_logs._sync_producer import SyncLogProducer, SyncWorker
from otto_logs._values import Level, Source, SpoolPolicy, StageStatus, WorkerStatus, line_count

__all__ = ["run"]

_DIRECTORY_CHARACTERS: Final = 1000
_POLICIES: Final = {
    "block": SpoolPolicy.BLOCK,
    "drop": SpoolPolicy.DROP_OLDEST,
    "auto": SpoolPolicy.BLOCK_WHILE_CONNECTED,
}


def _checked_labels(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    labels_of(value, {})
    return value


@click.command(context_settings={"allow_interspersed_args": False}, short_help="Run a command as a worker of a task.")
@click.option("--task", callback=identifier, help="Task that the lines belong to. Default: a new one, printed.")
@click.option("--worker", callback=identifier, help="Name of this worker. Default: this machine's.")
@click.option(
    "--tty",
    "has_terminal",
    is_flag=True,
    help="Give the command a pseudo-terminal, for programs that write without colours or late to anything else.",
)
@click.option("--quiet", is_flag=True, help="Do not show the command's output here.")
@click.option(
    "--level",
    type=click.Choice(["guess", *(level.name for level in Level)], case_sensitive=False),
    default="guess",
    show_default=True,
    help="Level of the lines; guess: as their structure says, a trace of several lines being one event.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_checked_labels,
    help="Label of the run; may be repeated. Those of GitHub Actions, GitLab, Jenkins, Buildkite and Otto come from "
    "the environment.",
)
@click.option("--pipeline", callback=identifier, help="Pipeline that the command is a stage of.")
@click.option("--stage", callback=identifier, help="Its stage; reported as running, then completed or failed.")
@click.option(
    "--when-full",
    type=click.Choice(list(_POLICIES)),
    default="auto",
    show_default=True,
    help="With the spool full: block the command, drop the oldest lines, or auto: block for a gateway that is there, "
    "drop where it is away.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@masking_options
@gateway_options
def run(
    gateway: Gateway,
    masking: Masking,
    task: str | None,
    worker: str | None,
    has_terminal: bool,
    quiet: bool,
    level: str,
    labels: tuple[str, ...],
    pipeline: str | None,
    stage: str | None,
    when_full: str,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND and send its output to the gateway, as a worker of a task.

    The output is shown here as well. The exit code is the command's own (128 + n: killed by signal n; 126, 127: it
    cannot be started), also if the gateway is away or refuses: a gateway never breaks a build. SIGINT, SIGTERM,
    SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are forwarded. The command sees OTTO_TASK_ID and OTTO_WORKER_ID, and
    FORCE_COLOR, unless NO_COLOR or FORCE_COLOR is set.

    Values of variables that are named like secrets (*_TOKEN, *_PASSWORD, …) are sent as ***, in whatever form the
    command prints them. What it learns on the way it masks with: otto-logs mask VALUE

    \b
    Example:
      otto-logs run --task build-7 -- make -j4
    """  # noqa: D301 - click wants a real \b
    if (pipeline is None) != (stage is None):
        raise click.UsageError("--pipeline and --stage belong together")
    task = task or f"run-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    worker = worker or default_worker()
    gateway, producer = gateway.producer_in_any_case(_POLICIES[when_full], masking)
    say(f"task {task} · {task_address(default_url(gateway.address or ''), task)}")
    reporter = _Reporter(producer.worker(task, worker), producer, level, pipeline, stage, _described(command, labels))
    reporter.started()
    mask_server = MaskServer(producer.mask)
    told = {"OTTO_TASK_ID": task, "OTTO_WORKER_ID": worker, MASK_SOCKET_VARIABLE: mask_server.path}
    try:
        child = Child(command, {**_colours(), **os.environ, **told}, has_terminal=has_terminal)
    except OSError as error:
        text = f"cannot run {command[0]!r}: {error.strerror or error}"
        code = ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.CANNOT_EXECUTE
        reporter.line(Source.STDERR, OutputLine(f"otto-logs: {text}".encode(errors="replace")), Level.ERROR)
        reporter.ended(code)
        _close(producer, reporter, gateway)
        mask_server.close()
        fail(text, code)
    with child:
        try:
            _relay(child, reporter, echo=not quiet)
            reporter.ended(child.wait())
            _close(producer, reporter, gateway)
        except KeyboardInterrupt:  # the command has ended before; this one is meant for us
            waiting = producer.statistics.lines_waiting
            say(f"interrupted; {line_count(waiting)} not delivered")
            if waiting:
                say(gateway.where_kept)
            with contextlib.suppress(OttoLogsError):
                producer.close(0)
        exit_code = child.wait()
    mask_server.close()
    sys.exit(exit_code)


def _colours() -> dict[str, str]:
    """What has programs write colours to a pipe; the page shows them."""
    return {} if "NO_COLOR" in os.environ else {"FORCE_COLOR": "1"}


def _relay(child: Child, reporter: "_Reporter", *, echo: bool) -> None:
    """Pass the command's output on, to the terminal first."""
    splitters = {source: LineSplitter() for source in Source}
    echoed = {Source.STDOUT: sys.stdout.fileno(), Source.STDERR: sys.stderr.fileno()} if echo else {}
    for source, data in child.output():
        if source in echoed and not _write(echoed[source], data):
            del echoed[source]
            child.close_pipe(source)
        for line in splitters[source].feed(data, time.monotonic()):
            reporter.line(source, line)
    for source, splitter in splitters.items():
        for line in splitter.end():
            reporter.line(source, line)


def _write(descriptor: int, data: bytes) -> bool:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BlockingIOError:  # someone made our terminal non-blocking: what does not fit is not shown
        return True
    except OSError:
        return False
    return True


def _close(producer: SyncLogProducer, reporter: "_Reporter", gateway: Gateway) -> None:
    """Deliver what is pending, and say what was not delivered, where it is and how to deliver it."""
    try:
        gateway.close(producer)
    except NotDeliveredError as error:
        say(str(error))
        say(gateway.where_kept)
    except OttoLogsError as error:
        reporter.refused(error)
    dropped = producer.statistics.lines_dropped
    if dropped:
        say(f"dropped {line_count(dropped)} because the spool was full; the log says where")


class _Reporter:
    """Sends what the command does, and stops sending where the gateway refuses for good."""

    def __init__(
        self,
        worker: SyncWorker,
        producer: SyncLogProducer,
        level: str,
        pipeline: str | None,
        stage: str | None,
        described: dict[str, str],
    ) -> None:
        self._worker = worker
        self._producer = producer
        self._level = None if level == "guess" else Level.of(level)
        self._pipeline = pipeline
        self._stage = stage or ""
        self._guessed = GuessedLevels()
        self._started_at = time.time_ns()
        self._described = described | {"startedAt": _rfc3339(self._started_at)}
        self._is_refused = False

    def __repr__(self) -> str:
        return f"<_Reporter {self._worker!r} refused={self._is_refused}>"

    def line(self, source: Source, line: OutputLine, level: Level | None = None) -> None:
        if self._is_refused:
            return
        try:
            known = level or self._level
            known, metadata = (known, line.metadata) if known is not None else self._guessed.of(source, line)
            self._worker.log(line.text, level=known, source=source, metadata=metadata)
        except OttoLogsError as error:
            self.refused(error)

    def started(self) -> None:
        self._report(WorkerStatus.RUNNING, StageStatus.RUNNING, "", None)

    def ended(self, exit_code: int) -> None:
        if exit_code == 0:
            self._report(WorkerStatus.COMPLETED, StageStatus.COMPLETED, "exit code 0", exit_code)
        else:
            self._report(WorkerStatus.FAILED, StageStatus.FAILED, _reason(exit_code), exit_code)

    def refused(self, error: OttoLogsError) -> None:
        """Say so once; the command continues."""
        if not self._is_refused:
            self._is_refused = True
            say(f"nothing more is sent: {error}")

    def _report(self, status: WorkerStatus, stage: StageStatus, reason: str, exit_code: int | None) -> None:
        if self._is_refused:
            return
        try:
            if self._pipeline is not None:
                self._producer.report_stage(
                    self._pipeline,
                    self._stage,
                    stage,
                    message=reason,
                    percentage=0 if exit_code is None else 100,
                    workers=[self._worker.worker_id],
                    started_unix_nano=self._started_at,
                    completed_unix_nano=0 if exit_code is None else time.time_ns(),
                    error=reason if exit_code else "",
                )
            ended = {} if exit_code is None else {"exitCode": exit_code, "endedAt": _rfc3339(time.time_ns())}
            self._worker.report_status(status, reason, self._described | ended)
        except OttoLogsError as error:
            self.refused(error)


def _described(command: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, str]:
    """What the reports say of the run beside its status."""
    known = {f"label.{name}": value for name, value in labels_of(labels, os.environ).items()}
    with contextlib.suppress(OSError):  # the directory was removed
        known["directory"] = str(Path.cwd())[:_DIRECTORY_CHARACTERS]
    return known | {"command": shown_command(command)}


def _rfc3339(nanos: int) -> str:
    return datetime.fromtimestamp(nanos / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reason(exit_code: int) -> str:
    try:
        return f"killed by {signal.Signals(exit_code - 128).name}"
    except ValueError:
        return f"exit code {exit_code}"
