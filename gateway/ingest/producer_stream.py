"""One open stream of a producer: a reader that gathers while its handler waits for commits and answers.

The reader task takes messages off the wire, turns each into an append, and stops while too much is unanswered, or too
much of all streams waits for storage and some of it is this one's; HTTP/2 flow control then reaches the producer. The
handler is woken by the reader, by commits and by whatever ends the stream, and is the only one that writes.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from typing import ClassVar, Final

import grpc

from gateway.addresses import peer_address
from gateway.errors import ApiError
from gateway.ingest.authentication import AuthorizationCache, Principal
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.flow_control import FlowControl, flow_control_of
from gateway.ingest.limits import LINE_BYTES
from gateway.ingest.open_tasks import StreamTasks
from gateway.ingest.registry import ProducerRegistry, StreamEnd
from storage.journal.interface import JournalError

__all__ = ["ProducerStream"]

_BREAK_SHOWS_AFTER_SECONDS: Final = 0.01
_EXPIRY_CHECK_SECONDS_MAX: Final = 60.0
"""A token ends at a date: what a timer was told is no longer right once somebody has set the clock."""
_PUSHBACK: Final = "grpc-retry-pushback-ms"
"""How gRPC's retry design (A6) lets a server say when to come back."""
_EXPIRED: Final = StreamEnd(
    grpc.StatusCode.UNAUTHENTICATED, "the token has expired; come back with a new one and go on behind the last answer"
)


class ProducerStream(ABC):
    """The life of one stream. However it ends, what it took is answered first where the connection still stands."""

    dialect: ClassVar[Dialect]

    def __init__(
        self, context: "grpc.aio.ServicerContext[bytes, bytes]", principal: Principal, registry: ProducerRegistry
    ) -> None:
        self._context = context
        self._principal = principal
        self._registry = registry
        self._journal = registry.journal
        self._limits = registry.limits
        self._authorization = AuthorizationCache(principal)
        self._tasks = StreamTasks(registry.tasks, registry.limits.stream_tasks_max)
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._end: StreamEnd | None = None
        self._half_closed = False
        self._cut_off = False
        self._requests = 0
        self._lines = 0
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._handler: asyncio.Task[object] | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self._expiring: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "ending" if self._end else "half-closed" if self._half_closed else "open"
        return f"<{type(self).__name__} {state} unanswered={self._requests} requests, {self._lines} lines>"

    @property
    def subject(self) -> str:
        """Whose token opened it."""
        return self._principal.subject

    @property
    def address(self) -> str:
        """Where it comes from."""
        return peer_address(self._context.peer())

    def end(self, end: StreamEnd) -> None:
        """Take nothing more, answer what was taken, then end; the first reason wins.

        After ``settle_seconds_max`` it ends without the answers that are still due. A producer that reads none cannot
        be told the end either; gRPC has no way to throw out one stream, so that its place stays taken until its
        connection or the server ends.
        """
        if self._end is not None:
            return
        self._end = end
        self._wake.set()
        if self._handler is not None:
            self._cutting = self._loop.call_later(self._limits.settle_seconds_max, self._cut)

    def _check_expiry(self) -> None:
        if self._principal.expires_at is None:
            return
        left = self._principal.expires_at - time.time()
        if left > 0:
            self._expiring = self._loop.call_later(min(left, _EXPIRY_CHECK_SECONDS_MAX), self._check_expiry)
        else:
            self.end(_EXPIRED)

    def _cut(self) -> None:
        self._cut_off = True
        if self._handler is not None:
            self._handler.cancel()

    async def run(self) -> None:
        """Serve the stream until it ends; called once, by the RPC's handler.

        Raises:
            ApiError: the stream was not admitted.
        """
        self._registry.join(self)
        try:
            await self._serve()
            if self._end is not None:
                if self._end.away_milliseconds is not None:
                    away = random.randint(*self._end.away_milliseconds)  # noqa: S311 - jitter, not a secret
                    self._context.set_trailing_metadata(((_PUSHBACK, str(away)),))
                await self._context.abort(self._end.status, self._end.text)
        finally:
            self._registry.leave(self)

    async def _serve(self) -> None:
        self._handler = handler = asyncio.current_task()
        assert handler is not None  # noqa: S101  (a coroutine runs in a task)
        self._check_expiry()
        reader = self._loop.create_task(self._read())
        reader.add_done_callback(lambda _: self._wake.set())
        try:
            while self._unanswered() or not (self._end is not None or reader.done()):
                await self._wake.wait()
                self._wake.clear()
                await self._answer()
        except asyncio.CancelledError:
            if not self._cut_off:
                raise
            handler.uncancel()  # our own doing: the producer is still told why
        finally:
            for timer in (self._cutting, self._expiring):
                if timer is not None:
                    timer.cancel()
            reader.cancel()
            try:
                self._leave(clean=self._half_closed and self._end is None)
            finally:
                await asyncio.wait([reader])
                error = None if reader.cancelled() else reader.exception()
        if error is not None:
            raise error

    async def _read(self) -> None:
        context = self._context
        try:
            await self._begin()
            while self._end is None:
                await self._wait_for_room()
                message: object = await context.read()
                if message is grpc.aio.EOF:
                    await self._end_of_messages()
                    return
                size = len(message)  # type: ignore[arg-type]
                await self._wait_for_room(size)  # producers may have been paused since
                if self._end is None:  # what arrives behind the end is not taken, and the producer not told it was
                    self._take(message)  # type: ignore[arg-type]
        except ApiError as error:
            reason = Refusal.AUTHENTICATION if error.code == "PERMISSION_DENIED" else Refusal.PROTOCOL
            self._registry.counters.refused(self.dialect, reason)
            self.end(StreamEnd.of(error))
        except JournalError as error:
            self.end(StreamEnd(grpc.StatusCode.UNAVAILABLE, str(error)))

    async def _end_of_messages(self) -> None:
        """Tell a half-close from a break, which gRPC reports as an end first and as a cancellation a moment later."""
        await asyncio.sleep(_BREAK_SHOWS_AFTER_SECONDS)
        self._half_closed = True

    async def _begin(self) -> None:  # noqa: B027  (most dialects have nothing there)
        """What comes before the first message with lines."""

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Take one message.

        Raises:
            ApiError: the stream cannot go on; the message was not taken.
        """

    @abstractmethod
    def _unanswered(self) -> bool:
        """Whether something that was taken still waits for its answer."""

    @abstractmethod
    async def _answer(self) -> None:
        """Write what can be answered by now."""

    @abstractmethod
    def _leave(self, *, clean: bool) -> None:
        """The stream is over; ``clean``: the producer half-closed it, and everything was answered. Must not wait."""

    def _hold(self, lines: int, size: int) -> None:
        """Count what was taken and is not answered."""
        self._requests += 1
        self._lines += lines
        self._bytes += size

    def _let_go(self, requests: int, lines: int, size: int) -> None:
        """Count what was answered."""
        self._requests -= requests
        self._lines -= lines
        self._bytes -= size
        self._drained.set()

    def _is_full(self) -> bool:
        limits = self._limits
        return (
            self._lines >= limits.inflight_lines_max
            or self._bytes >= limits.inflight_bytes_max
            or self._requests >= limits.inflight_requests_max
        )

    def _flow_control(self, own_fullness: float = 0.0) -> FlowControl:
        """What the producer is told of the backlog: its own, or that of all."""
        fullness = max(self._journal.fullness, self._registry.gathered_fullness, own_fullness)
        return flow_control_of(self._limits, fullness, is_writable=self._journal.is_writable)

    async def _wait_for_room(self, size: int = 0) -> None:
        """Return once a message of ``size`` bytes may be taken; 0: once one may be read.

        Where too much waits for storage, the pause is for those whose lines it is: a stream that has little waiting
        goes on, or one that sends most would hold up all others.
        """
        while self._end is None:
            has_much = self._bytes + self._lines * LINE_BYTES + size > self._limits.paused_bytes_max
            if has_much and not self._journal.is_writable:
                await self._journal.wait_writable()
            elif self._is_full() or (has_much and self._requests and self._registry.gathered_fullness >= 1.0):
                self._drained.clear()
                await self._drained.wait()
            else:
                return
