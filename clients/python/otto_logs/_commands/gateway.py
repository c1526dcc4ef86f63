"""The options that say where the gateway is, and the producer that they make."""

import logging
import os
import shlex
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import click

from otto_logs._commands.away_note import AwayNote
from otto_logs._commands.exit_codes import say
from otto_logs._commands.masking import Masking
from otto_logs._delivery import SPOOL_DIRECTORY_VARIABLE
from otto_logs._endpoint import DEFAULT_GATEWAY, Tls
from otto_logs._errors import NotDeliveredError
from otto_logs._gateway_url import default_url
from otto_logs._limits import ProducerLimits
from otto_logs._statistics import Problem, ProblemKind, ProducerState
from otto_logs._sync_producer import SyncLogProducer
from otto_logs._values import SpoolPolicy, check_identifier, line_count

__all__ = [
    "Gateway",
    "Notices",
    "default_url",
    "default_worker",
    "gateway_options",
    "identifier",
    "silence_log",
    "task_address",
]

_F = TypeVar("_F", bound=Callable[..., Any])

_REPEAT_SECONDS: Final = 30.0
_MEMORY_MEBIBYTES: Final = 64
_MEBIBYTE: Final = 1024 * 1024
_CLOSE_SECONDS: Final = 10.0
_SILENT_SECONDS: Final = 1.0
"""A wait that is no longer than this is not announced."""
_CLOSE_SECONDS_LEAST: Final = 1.0
"""Time for one attempt: a gateway may have come back since it was seen away."""


def identifier(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Click's callback for options that name a task, a worker, a pipeline or a stage."""
    if value is None:
        return None
    try:
        return check_identifier(str(parameter.name), value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def default_worker() -> str:
    """The name of the machine."""
    return socket.gethostname() or "worker"


def task_address(url: str, task_id: str) -> str:
    """The page that shows a task."""
    return f"{url}/?{urlencode({'task': task_id})}"


@dataclass(frozen=True, slots=True)
class Gateway:
    """How the command line says to reach the gateway.

    ``close_timeout``, in seconds, is None if the command line gives none.
    """

    address: str | None
    token: str | None
    tls: Tls | None
    spool_directory: str | None
    spool_mebibytes: int | None
    close_timeout: float | None

    @property
    def close_seconds(self) -> float:
        """How long to wait at the end for the gateway to have everything."""
        return _CLOSE_SECONDS if self.close_timeout is None else self.close_timeout

    @property
    def limits(self) -> ProducerLimits:
        """The limits of a command's producer."""
        size = {} if self.spool_mebibytes is None else {"spool_disk_bytes_max": self.spool_mebibytes * _MEBIBYTE}
        memory = self.spool_mebibytes or _MEMORY_MEBIBYTES
        if self.spool_directory:
            memory = min(memory, _MEMORY_MEBIBYTES)
        return ProducerLimits(spool_bytes_max=memory * _MEBIBYTE, backoff_seconds_max=10.0, **size)

    @property
    def where_kept(self) -> str:
        """What becomes of lines that were not delivered."""
        if not self.spool_directory:
            return "they were in memory alone, and are lost; --spool DIR would keep them"
        directory = shlex.quote(self.spool_directory)
        return (
            f"the next command with --spool {directory} delivers them, and so does: otto-logs flush --spool {directory}"
        )

    def producer_in_any_case(self, policy: SpoolPolicy, masking: Masking) -> tuple["Gateway", SyncLogProducer]:
        """A producer as by ``producer``, in memory where the spool's directory cannot be used; and what it goes by.

        Raises:
            click.UsageError: another option is wrong.
        """
        try:
            return self, self.producer(policy, masking)
        except click.UsageError as error:
            if not self.spool_directory:
                raise
            in_memory = replace(self, spool_directory=None)
            producer = in_memory.producer(policy, masking)
            say(f"--spool cannot be used, and lines wait in memory: {error.message}")
            return in_memory, producer

    def producer(self, policy: SpoolPolicy, masking: Masking, *, spool_name: str | None = None) -> SyncLogProducer:
        """A producer that masks secrets, and says on stderr what goes wrong.

        Raises:
            click.UsageError: an option is wrong.
        """
        silence_log()
        try:
            producer = SyncLogProducer(
                self.address,
                token=self.token,
                tls=self.tls,
                policy=policy,
                limits=self.limits,
                on_problem=Notices(self._away_note).on_problem,
                close_at_exit=False,
                spool_directory=self.spool_directory or "",
                spool_name=spool_name,
                mask_env=masking.names,
            )
        except (ValueError, OSError) as error:
            raise click.UsageError(str(error)) from None
        masking.warn()
        for secret in masking.secrets:
            producer.mask(secret)
        return producer

    def close(self, producer: SyncLogProducer) -> None:
        """Wait until the gateway has everything, and close.

        What a gateway has been away already, as this or other commands have seen within a minute, is taken off the
        default wait. One that comes back in what is left of it gets all of the wait.

        Raises:
            NotDeliveredError: time was up.
            GatewayError: the gateway refused for good.
        """
        seconds, away = self.close_seconds, self._away_note.seconds()
        if away and self.close_timeout is None and not producer.statistics.connections:
            try:
                producer.flush(max(_CLOSE_SECONDS_LEAST, seconds - away))
            except NotDeliveredError:
                if producer.statistics.state is not ProducerState.CONNECTED:
                    say(f"the gateway has been away for {away:.0f} s; --close-timeout would wait for longer")
                    seconds = 0.0
        if seconds > _SILENT_SECONDS:
            seconds -= self._announce(producer, seconds)
        try:
            producer.close(seconds)
        finally:
            if producer.statistics.connections:
                self._away_note.clear()

    @staticmethod
    def _announce(producer: SyncLogProducer, seconds: float) -> float:
        """Say how long the end will be waited for, unless it comes at once; the seconds that this took."""
        try:
            producer.flush(_SILENT_SECONDS)
        except NotDeliveredError:
            waiting = line_count(producer.statistics.lines_waiting)
            say(f"waiting up to {seconds:.0f} s for the gateway to have everything ({waiting}); see --close-timeout")
        else:
            return 0.0
        return _SILENT_SECONDS

    @property
    def _away_note(self) -> AwayNote:
        return AwayNote(self.address or DEFAULT_GATEWAY)


def silence_log() -> None:
    """Keep the package's own log quiet; the notices say it all."""
    logging.getLogger("otto_logs").addHandler(logging.NullHandler())
    logging.getLogger("otto_logs").propagate = False


_EACH_TIME: Final = frozenset({ProblemKind.LEFTOVER, ProblemKind.DAMAGED})


class Notices:
    """Says problems on stderr, and the same kind not again for a while."""

    def __init__(self, away_note: AwayNote | None = None) -> None:
        self._away_note = away_note
        self._said_at: dict[ProblemKind, float] = {}

    def on_problem(self, problem: Problem) -> None:
        if problem.kind in {ProblemKind.FAILED, ProblemKind.DROPPED}:
            return  # the command says it when it ends
        if problem.kind is ProblemKind.DISCONNECTED and self._away_note is not None:
            self._away_note.update()
        now = time.monotonic()
        if problem.kind not in _EACH_TIME and now - self._said_at.get(problem.kind, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return
        self._said_at[problem.kind] = now
        say(f"{problem.field}: {problem.message}" if problem.field else problem.message)


def gateway_options(function: _F) -> Callable[..., Any]:
    """Give a command the options of ``Gateway``, as one argument ``gateway``."""

    @click.option("--gateway", metavar="HOST:PORT", envvar="OTTO_GATEWAY", help=f"Default: {DEFAULT_GATEWAY}.")
    @click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with the token, instead of OTTO_TOKEN.",
    )
    @click.option("--tls", is_flag=True, help="Use TLS; the options below imply it.")
    @click.option("--ca", type=click.Path(exists=True, dir_okay=False), help="Certificate authority to trust (PEM).")
    @click.option("--certificate", type=click.Path(exists=True, dir_okay=False), help="Own certificate (PEM).")
    @click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Its private key (PEM).")
    @click.option(
        "--spool",
        "spool_directory",
        metavar="DIR",
        envvar=SPOOL_DIRECTORY_VARIABLE,
        type=click.Path(file_okay=False),
        help="Keep lines on disk until the gateway has them; the next command with this DIR delivers what is left. "
        "Default: in memory.",
    )
    @click.option(
        "--spool-size",
        "spool_mebibytes",
        type=click.IntRange(1, 4096),
        metavar="MIB",
        help="Room for lines that the gateway does not have yet. Default: 64 in memory, 1024 in --spool.",
    )
    @click.option(
        "--close-timeout",
        "close_timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="How long to wait at the end for the gateway to have everything. Default: 10, less the time for which "
        "commands on this machine have found the gateway away, and 1 at least.",
    )
    def command(
        gateway: str | None,
        token_file: Path | None,
        tls: bool,
        ca: str | None,
        certificate: str | None,
        key: str | None,
        spool_directory: str | None,
        spool_mebibytes: int | None,
        close_timeout: float | None,
        **arguments: Any,
    ) -> Any:
        if (certificate is None) != (key is None):
            raise click.UsageError("--certificate and --key belong together")
        secure = Tls(ca_file=ca, certificate_file=certificate, key_file=key) if tls or ca or certificate else None
        given = Gateway(gateway, read_token(token_file), secure, spool_directory, spool_mebibytes, close_timeout)
        return function(given, **arguments)

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    return command


def read_token(file: Path | None) -> str | None:
    """The token in a file, or in ``OTTO_TOKEN``.

    Raises:
        click.UsageError: the file is empty or cannot be read.
    """
    if file is None:
        return os.environ.get("OTTO_TOKEN") or None
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--token-file: {error}") from None
    if not token:
        raise click.UsageError(f"--token-file: {file} is empty")
    return token
