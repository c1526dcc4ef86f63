"""``serve --workers``: several gateways on the same ports of one machine, and the process that watches over them."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

from gateway.commands.exit_codes import ExitCode
from gateway.http.sockets import ListenError, close_all, listen, share_ports
from gateway.settings.consistency import is_postgres
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError

__all__ = ["check_workers", "run_workers", "settings_of"]

_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_RESTART_SECONDS: Final = 1.0
"""Pause before a worker that has ended is started again."""

_PR_SET_PDEATHSIG: Final = 1
"""From Linux's ``sys/prctl.h``."""


def check_workers(settings: Settings) -> None:
    """Return if several gateways can run with these settings.

    Raises:
        SettingsError: they cannot.
    """
    problems = []
    if not settings.has_shared_journal:
        problems.append("--workers: several gateways need a journal on PostgreSQL; set DATABASE_URL=postgresql://…")
    if settings.grpc_server != "h2":
        problems.append("--workers: GRPC_SERVER=grpcio cannot share its port; leave it out")
    problems += [
        f"--workers: {name} must not be 0: all of them listen on the same port"
        for name, port in _ports(settings).items()
        if not port
    ]
    if problems:
        raise SettingsError(problems)


def settings_of(settings: Settings, number: int) -> Settings:
    """The settings of a worker, counted from 1: polling tables in a file are its own, the first's as of one alone."""
    stem, dot, suffix = settings.polling_database.rpartition(".")
    if number == 1 or is_postgres(settings.polling_database):
        return settings
    return settings.model_copy(update={"polling_database_url": f"{stem}-{number}{dot}{suffix}"})


def run_workers(settings: Settings, count: int, serve: Callable[[Settings], NoReturn]) -> ExitCode:
    """Run workers until a signal ends them, and start those again that end by themselves.

    Args:
        settings: of ``check_workers``.
        count: how many workers.
        serve: runs one, in a process of its own.

    Returns:
        The worst code of all. A worker that cannot start ends the others.
    """
    try:  # without sharing: another program's port is not to be shared with it
        for name, port in _ports(settings).items():
            close_all(listen(settings.listen_host, port, setting=name))
    except ListenError as error:
        sys.stderr.write(f"otto-gateway: {error}\n")
        return ExitCode.FAILED
    return _Supervisor(lambda number: serve(settings_of(settings, number))).run(range(1, count + 1))


class _Supervisor:
    """Belongs to the main thread of a process that has no other.

    Args:
        work: is called in a new process with the worker's number, and does not return.
    """

    def __init__(self, work: Callable[[int], NoReturn]) -> None:
        self._work = work
        self._workers: dict[int, int] = {}  # numbers by process id
        self._is_stopping = False
        self._code = ExitCode.OK

    def run(self, numbers: Iterable[int]) -> ExitCode:
        for each in _SIGNALS:
            signal.signal(each, lambda received, _: self._receive(received))
        for number in numbers:
            self._start(number)
        while self._workers:
            pid, status = os.wait()
            self._ended(self._workers.pop(pid), os.waitstatus_to_exitcode(status))
        return self._code

    def _receive(self, number: int) -> None:
        self._is_stopping = self._is_stopping or number != signal.SIGHUP
        for pid in self._workers:
            os.kill(pid, number)

    def _start(self, number: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if self._is_stopping:
                return
            pid = os.fork()
            if not pid:
                self._become(number)
            self._workers[pid] = number
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _become(self, number: int) -> NoReturn:
        """In the new process."""
        if sys.platform == "linux":  # so that none outlives a supervisor that was killed
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        share_ports()
        code = ExitCode.FAILED
        try:
            self._work(number)
        except SettingsError as error:
            sys.stderr.writelines(f"otto-gateway: {problem}\n" for problem in error.problems)
            code = ExitCode.USAGE
        finally:
            os._exit(code)

    def _ended(self, number: int, code: int) -> None:
        if self._is_stopping or code in (ExitCode.FAILED, ExitCode.USAGE):
            known = next((each for each in ExitCode if each == code), ExitCode.BROKEN)
            self._code = max(self._code, known)
            if not self._is_stopping:
                self._receive(signal.SIGTERM)
            return
        sys.stderr.write(f"otto-gateway: worker {number} has ended with {code} and is started again\n")
        time.sleep(_RESTART_SECONDS)
        self._start(number)


def _ports(settings: Settings) -> dict[str, int]:
    return {
        "HTTP_PORT": settings.http_port,
        "WEBSOCKET_PORT": settings.websocket_port,
        "GRPC_PORT": settings.grpc_port,
    }
