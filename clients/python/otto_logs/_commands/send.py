"""``otto-logs send``: files, or what comes in, as a worker's lines."""

import contextlib
import hashlib
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

from otto_logs._commands.events import GuessedLevels
from otto_logs._commands.exit_codes import ExitCode, fail, say
from otto_logs._commands.follow import FollowedFile
from otto_logs._commands.gateway import Gateway, default_worker, gateway_options, identifier
from otto_logs._commands.lines import LineSplitter, OutputLine
from otto_logs._commands.masking import Masking, masking_options
from otto_logs._commands.terminal import printable
from otto_logs._errors import GatewayError, NotDeliveredError
from otto_logs._sync_producer import SyncLogProducer
from otto_logs._values import Level, Source, SpoolPolicy, WorkerStatus, line_count

__all__ = ["send"]

_READ_BYTES: Final = 64 * 1024
_PROGRESS_BYTES_LEAST: Final = 4 * 1024 * 1024


@click.command(short_help="Send files, or stdin, line by line.")
@click.option("--task", required=True, callback=identifier, help="Task that the lines belong to.")
@click.option("--worker", callback=identifier, help="Name of this worker. Default: this machine's.")
@click.option(
    "--source",
    type=click.Choice(["stdout", "stderr"]),
    default="stdout",
    show_default=True,
    help="Source that the lines get.",
)
@click.option(
    "--level",
    type=click.Choice(["guess", *(level.name for level in Level)], case_sensitive=False),
    default="INFO",
    show_default=True,
    help="Level of the lines; guess: as their structure says, a trace of several lines being one event.",
)
@click.option("--keep-open", is_flag=True, help="Do not report the worker as completed at the end.")
@click.option(
    "--follow",
    is_flag=True,
    help="Continue with what is written to the one FILE, also after its rotation, until interrupted. With --spool, a "
    "later run continues where this one stopped. Implies --keep-open.",
)
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, allow_dash=True))
@masking_options
@gateway_options
def send(
    gateway: Gateway,
    masking: Masking,
    task: str,
    worker: str | None,
    source: str,
    level: str,
    keep_open: bool,
    follow: bool,
    files: tuple[str, ...],
) -> None:
    """Send FILES, or stdin, line by line; end once the gateway has everything on disk.

    \b
    Example:
      make 2>&1 | otto-logs send --task build-7 --level guess
      otto-logs send --task web --follow /var/log/web.log --spool /var/spool/otto-logs
    """  # noqa: D301 - click wants a real \b
    worker = worker or default_worker()
    name: str | None = None
    if follow:
        if len(files) != 1 or files[0] == "-":
            raise click.UsageError("--follow wants exactly one FILE")
        keep_open = True
        name = _follow_name(task, worker, files[0])
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    elif missing := next((file for file in files if file != "-" and not Path(file).exists()), None):
        raise click.UsageError(f"FILES: {missing!r} does not exist")
    sender = _Sender(
        gateway, gateway.producer(SpoolPolicy.BLOCK, masking, spool_name=name), task, worker, level, source
    )
    code = ExitCode.OK
    try:
        sender.report(WorkerStatus.RUNNING)
        if follow:
            sender.follow(Path(files[0]))
        for file in files or ("-",):
            sender.send_file(file)
        if not keep_open:
            sender.report(WorkerStatus.COMPLETED)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except GatewayError as error:
        fail(str(error), ExitCode.REFUSED)
    except OSError as error:
        say(f"cannot read {error.filename or 'stdin'}: {error.strerror}")
        code = ExitCode.USAGE
    if code is not ExitCode.OK and not keep_open:
        sender.report(WorkerStatus.FAILED, "interrupted" if code is ExitCode.INTERRUPTED else "cannot read its input")
    sender.close()
    sys.exit(code)


class _Sender:
    """Reads files and sends their lines; with the spool full it waits, and so does the writer of our stdin."""

    def __init__(
        self, gateway: Gateway, producer: SyncLogProducer, task: str, worker: str, level: str, source: str
    ) -> None:
        self._gateway = gateway
        self._producer = producer
        self._worker = producer.worker(task, worker)
        self._level = None if level == "guess" else Level.of(level)
        self._source = Source.of(source)
        self._guessed = GuessedLevels()
        self._started_at = time.monotonic()

    def __repr__(self) -> str:
        return f"<_Sender {self._worker!r}>"

    def report(self, status: WorkerStatus, reason: str = "") -> None:
        self._worker.report_status(status, reason)

    def send_file(self, file: str) -> None:
        splitter = LineSplitter(progress_seconds=None)
        for piece in _pieces(file):
            for line in splitter.feed(piece, 0.0):
                self._send(line)
        for line in splitter.end():
            self._send(line)

    def follow(self, path: Path) -> None:
        """Send what a file has and gets, until interrupted."""
        key = str(path.absolute())
        for line, position in FollowedFile(path, self._producer.positions.get(key)):
            self._send(line, {key: position})

    def close(self) -> None:
        """Wait until everything is stored, and say how much it was."""
        try:
            self._gateway.close(self._producer)
        except NotDeliveredError as error:
            say(str(error))
            say(self._gateway.where_kept)
            sys.exit(ExitCode.AWAY)
        except GatewayError as error:
            fail(str(error), ExitCode.REFUSED)
        statistics = self._producer.statistics
        elapsed = time.monotonic() - self._started_at
        say(f"{line_count(statistics.lines_acknowledged)} stored after {elapsed:.1f} s")

    def _send(self, line: OutputLine, positions: dict[str, list[int]] | None = None) -> None:
        level, metadata = self._level, line.metadata
        if level is None:
            level, metadata = self._guessed.of(self._source, line)
        self._producer.log(
            self._worker.task_id,
            self._worker.worker_id,
            line.text,
            level=level,
            source=self._source,
            metadata=metadata,
            positions=positions,
        )


def _follow_name(task: str, worker: str, file: str) -> str:
    """The sub-directory of the spool in which the position in a file is remembered."""
    name = "\0".join((task, worker, str(Path(file).absolute())))
    return f"follow-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:32]}"


def _pieces(file: str) -> Iterator[bytes]:
    """What a file has, as it comes; with a progress bar where that takes long and someone is looking."""
    with contextlib.ExitStack() as stack:
        descriptor = 0
        if file != "-":
            descriptor = os.open(file, os.O_RDONLY)
            stack.callback(os.close, descriptor)
        state = os.fstat(descriptor)
        size = state.st_size if stat.S_ISREG(state.st_mode) else 0
        advance: Callable[[int], None] | None = None
        if size >= _PROGRESS_BYTES_LEAST and sys.stderr.isatty():
            bar = stack.enter_context(
                click.progressbar(length=size, label=printable(Path(file).name), file=sys.stderr, show_pos=False)
            )
            advance = bar.update
        while data := os.read(descriptor, _READ_BYTES):
            yield data
            if advance is not None:
                advance(len(data))
