"""How the callers of a producer wait: tasks of an event loop, or threads."""

import asyncio
import atexit
import contextlib
import logging
import weakref
from collections.abc import Callable
from typing import Any, Final

from otto_logs._delivery import Delivery
from otto_logs._errors import OttoLogsError

__all__ = ["AsyncWaiting", "Waiting"]

_log: Final = logging.getLogger("otto_logs")
_EXIT_SECONDS: Final = 5.0


class AsyncWaiting:
    """Starts the delivery, and waits, on the event loop of its first use."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"<AsyncWaiting {len(self._waiters)}>"

    def start(self) -> None:
        """Start the delivery, once."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._delivery.outbox.add_listener(self._changed)
            self._delivery.start()

    async def until(self, predicate: Callable[[], bool], timeout_seconds: float | None) -> bool:
        """Wait until the predicate holds; it is asked whenever something has changed."""
        assert self._loop is not None  # noqa: S101  (set by start)
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    waiter: asyncio.Future[None] = self._loop.create_future()
                    self._waiters.add(waiter)  # before the predicate is asked, so that no change is missed
                    try:
                        if predicate():
                            return True
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
        except TimeoutError:
            return False

    async def join(self, timeout_seconds: float) -> None:
        """Wait for the sender's thread to end."""
        await asyncio.to_thread(self._delivery.sender.join, timeout_seconds)

    def _changed(self) -> None:
        """Called by the sender's thread under the outbox's lock."""
        if self._waiters and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class Waiting:
    """The same for threads, which start the delivery when the producer is made."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._at_exit: Callable[[], None] | None = None
        delivery.start()

    def __repr__(self) -> str:
        return "<Waiting>"

    def start(self) -> None:
        """Nothing is left to start."""

    def until(self, predicate: Callable[[], bool], timeout_seconds: float | None) -> bool:
        """Wait until the predicate holds; it is asked under the outbox's lock whenever something has changed."""
        return self._delivery.outbox.wait_changed(predicate, timeout_seconds)

    def join(self, timeout_seconds: float) -> None:
        """Wait for the sender's thread to end."""
        self._delivery.sender.join(timeout_seconds)

    def close_at_exit(self, close: Callable[[float], None]) -> None:
        """Have the producer closed when the interpreter exits, unless it is closed or gone before."""
        self._at_exit = _closer(weakref.WeakMethod(close))
        atexit.register(self._at_exit)

    def stay_at_exit(self) -> None:
        """The producer is being closed."""
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)


def _closer(reference: "weakref.WeakMethod[Callable[[float], Any]]") -> Callable[[], None]:
    def at_exit() -> None:
        close = reference()
        if close is None:
            return
        try:
            close(_EXIT_SECONDS)
        except OttoLogsError as error:
            _log.error("at exit: %s", error)

    return at_exit
