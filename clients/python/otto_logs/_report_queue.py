"""Reports on their way to a gateway: a bounded queue, and a few threads that post them."""

import atexit
import contextlib
import encodings.idna  # noqa: F401 - a fork while a thread imports it, for a host's name, leaves it locked in the child
import http.client
import json
import logging
import os
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["HttpGateway", "ReportQueue", "ReportStatistics", "Response"]

_log: Final = logging.getLogger("otto_logs")

_THREADS_MAX: Final = 4
_IDLE_SECONDS: Final = 10.0
"""A thread that has had nothing to do for so long ends, and with it its connection."""


@dataclass(frozen=True, slots=True)
class ReportStatistics:
    """Counts since the start: taken by the gateway, refused or not delivered, dropped because the queue was full."""

    waiting: int = 0
    sent: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """What a gateway has answered."""

    status: int
    body: Any


class HttpGateway:
    """Posts JSON over one connection, kept open; for one thread.

    Args:
        url: where the gateway's HTTP is; a path in it goes before every other.
        token: asked for each request.
        timeout_seconds: for each step of a request.
    """

    def __init__(self, url: str, token: Callable[[], str | None], timeout_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"url: {url!r} must look like http://host:port")
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout_seconds, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_seconds)

    def post(self, path: str, body: bytes) -> Response:
        """Post, once more where a connection that was kept open turns out to be closed: reports may come twice.

        Raises:
            OSError, http.client.HTTPException: the gateway was not reached, or has not answered.
        """
        headers = {"Content-Type": "application/json"}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        was_open = self._connection.sock is not None
        try:
            return self._post(path, body, headers)
        except TimeoutError:
            self.close()
            raise
        except (OSError, http.client.HTTPException):
            self.close()
            if not was_open:
                raise
        try:
            return self._post(path, body, headers)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.close()

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Response:
        self._connection.request("POST", self._prefix + path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        try:
            return Response(answer.status, json.loads(text) if text else None)
        except ValueError:
            return Response(answer.status, None)


class ReportQueue:
    """Takes reports from any thread without waiting, and drops the oldest when it is full.

    Args:
        connect: makes a connection for each thread.
        reports_max, bytes_max: what may wait.
    """

    def __init__(self, connect: Callable[[], HttpGateway], *, reports_max: int, bytes_max: int) -> None:
        self._connect = connect
        self._reports_max = reports_max
        self._bytes_max = bytes_max
        self._reset()
        _queues.add(self)

    def __repr__(self) -> str:
        return f"<ReportQueue {self.statistics}>"

    @property
    def statistics(self) -> ReportStatistics:
        """An immutable snapshot."""
        with self._changed:
            return ReportStatistics(len(self._waiting) + self._posting, self._sent, self._failed, self._dropped)

    def put(self, path: str, body: bytes) -> None:
        """Take a report."""
        with self._changed:
            self._waiting.append((path, body))
            self._bytes += len(body)
            while len(self._waiting) > self._reports_max or (self._bytes > self._bytes_max and len(self._waiting) > 1):
                _, oldest = self._waiting.popleft()
                self._bytes -= len(oldest)
                self._dropped += 1
            if self._idle:
                self._changed.notify()
            elif self._threads < _THREADS_MAX:
                with contextlib.suppress(RuntimeError):  # the process may have no more threads; the next report tries
                    threading.Thread(target=self._run, name="otto-reports", daemon=True).start()
                    self._threads += 1

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything was sent or has failed; False where time was up before."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._posting, timeout_seconds)

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = self._threads = self._idle = self._posting = 0
        self._sent = self._failed = self._dropped = 0

    def _run(self) -> None:
        with contextlib.closing(self._connect()) as gateway:
            while (report := self._next()) is not None:
                is_sent = _posted(gateway, *report)
                with self._changed:
                    self._posting -= 1
                    self._sent += is_sent
                    self._failed += not is_sent
                    if not self._waiting and not self._posting:
                        self._changed.notify_all()

    def _next(self) -> tuple[str, bytes] | None:
        with self._changed:
            until = time.monotonic() + _IDLE_SECONDS
            while not self._waiting:
                self._idle += 1
                is_news = self._changed.wait(until - time.monotonic())
                self._idle -= 1
                if not is_news and not self._waiting:
                    self._threads -= 1
                    return None
            path, body = self._waiting.popleft()
            self._bytes -= len(body)
            self._posting += 1
            return path, body


def _posted(gateway: HttpGateway, path: str, body: bytes) -> bool:
    try:
        response = gateway.post(path, body)
    except Exception as error:  # noqa: BLE001 - whatever it was, it must not reach the program
        _log.debug("a report was not delivered: %s", error)
        return False
    if response.status >= 400:
        _log.debug("a report was refused: %s %s", response.status, response.body)
        return False
    return True


_queues: "weakref.WeakSet[ReportQueue]" = weakref.WeakSet()


def _forget_in_child() -> None:
    """A fork has the reports and not the threads; the parent sends them."""
    for queue in tuple(_queues):
        queue._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def _flush_all(timeout_seconds: float = 5.0) -> None:
    """At exit, send what is pending, for 5 seconds over all queues."""
    until = time.monotonic() + timeout_seconds
    for queue in tuple(_queues):
        queue.flush(max(0.0, until - time.monotonic()))


atexit.register(_flush_all)
