"""The life of the process: from settings to exit code."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, NoReturn

import structlog

from gateway.app import Gateway
from gateway.commands.exit_codes import ExitCode
from gateway.commands.file_limits import allow_open_files
from gateway.commands.preflight import exposed_databases
from gateway.commands.starting import start_gateway
from gateway.http.sockets import ListenError
from gateway.monitoring.logging import configure_logging
from gateway.settings.model import Settings
from gateway.settings.report import open_warning, visible_settings
from storage.errors import StorageError

__all__ = ["keep_to_one_heap", "serve"]

_START_ERRORS: Final = (ListenError, StorageError, OSError)
"""What a start may raise; the text of each is one sentence for the person who started it."""

_SAME_SIGNAL_SECONDS: Final = 0.5
"""Ctrl-C reaches a process from the terminal and, where a program started it, once more from that one."""
_GARBAGE_THRESHOLDS: Final = (50_000, 20, 50)
"""Objects allocated between two looks for cycles; lines are made by the thousand, and none is part of a cycle."""
_BREAK_OFF_SECONDS: Final = 1.0
_SWITCH_SECONDS: Final = 0.0002
"""How long a thread keeps Python's lock while another wants it; the live path must not wait for a reader's thread.

A line takes the lock some ten times on its way. Beside 200 readers that scan, the live path's median was five times as
long as without them at a millisecond, and three times at this; the CPU time of 100,000 lines was the same.
"""
_M_ARENA_MAX: Final = -8
"""From glibc's ``malloc.h``."""

_log = structlog.get_logger(__name__)


def serve(settings: Settings) -> NoReturn:
    """Run a gateway until a signal or an error ends it, and the process with it.

    Raises:
        SettingsError: a credential is unusable.
    """
    keep_to_one_heap()
    sys.setswitchinterval(_SWITCH_SECONDS)
    configure_logging("DEBUG" if settings.debug_mode else settings.log_level, settings.log_format)
    allow_open_files(settings)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        code = runner.run(_serve(settings))
        # Nothing is left to be done, and Python's own end would wait for threads that hang in what was cut off, and
        # answer a signal that comes meanwhile with a traceback.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def _serve(settings: Settings) -> ExitCode:
    signals = _Signals()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.receive, number)
    _log.info("starting", version=version("otto-log-gateway"), settings=visible_settings(settings))
    warning = open_warning(settings)
    if warning:
        _log.warning("anybody can read and write", why=warning)
    asked = asyncio.create_task(signals.stop.wait())
    starting = asyncio.create_task(start_gateway(settings))
    await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        return await _break_off(starting, settings.shutdown_grace_seconds)
    try:
        gateway = starting.result()
    except _START_ERRORS as error:
        sys.stderr.write(f"otto-gateway: {error}\n")
        return ExitCode.FAILED
    if settings.http_tls_certificate_file or settings.grpc_tls_certificate_file:
        loop.add_signal_handler(signal.SIGHUP, _reload_certificates, gateway)
    _log.info("listening", host=settings.listen_host, http_ports=gateway.ports[:-1], grpc_port=gateway.ports[-1])
    for warning in exposed_databases(settings):
        _log.warning("a database is open to other users", why=warning)
    _calm_garbage_collector()
    asked.add_done_callback(lambda _: gateway.ask_to_stop())
    code = ExitCode.OK
    try:
        await gateway.run()
    except RuntimeError:
        _log.exception("gateway stopping after failure")
        code = ExitCode.BROKEN
    asked.cancel()
    is_clean = await gateway.stop()
    return code if is_clean else ExitCode.BROKEN


def _reload_certificates(gateway: Gateway) -> None:
    try:
        gateway.reload_certificates()
    except ListenError as error:
        _log.error("certificate reload failed; keeping previous certificates", why=str(error))
    else:
        _log.info("certificates reloaded")


async def _break_off(starting: "asyncio.Task[Gateway]", grace_seconds: float) -> ExitCode:
    """Undo a start that is under way, such as one that waits for a database."""
    starting.cancel()
    await asyncio.wait({starting}, timeout=max(grace_seconds, _BREAK_OFF_SECONDS))
    is_clean = starting.done()
    if is_clean and not starting.cancelled() and starting.exception() is None:
        is_clean = await starting.result().stop()  # it was ready at the same moment
    _log.info("stopped before it was ready", clean=is_clean)
    return ExitCode.OK if is_clean else ExitCode.BROKEN


class _Signals:
    """The first asks the gateway to stop, the second ends it at once."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._first_at: float | None = None

    def receive(self, number: signal.Signals) -> None:
        """A signal has come."""
        if self._first_at is None:
            _log.info("asked to stop", signal=number.name)
            self._first_at = time.monotonic()
            self.stop.set()
        elif time.monotonic() - self._first_at > _SAME_SIGNAL_SECONDS:
            _log.warning("shutdown forced", signal=number.name)
            # Nothing that was acknowledged is lost: it was stored before.
            os._exit(ExitCode.FORCED)


def keep_to_one_heap() -> None:
    """Let all threads allocate from one heap; to be called before there are any.

    glibc gives each of our threads (writer, readers, sink, gRPC) a heap of its own, and what one thread has freed does
    not serve the others: 13 MB more at the peak of 20,000 lines to 100 readers. They hold Python's lock in turn, so
    that they would hardly ever allocate at the same time. Other C libraries have no such call and no such heaps.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


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
