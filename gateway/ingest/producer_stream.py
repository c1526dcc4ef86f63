"""One open stream of a producer: takes messages, appends what they say, and answers after the commit.

Nothing here waits: the server that carries the stream calls ``receive`` with what has arrived and ``finish`` after the
last of it, and the journal calls back after a commit. While too much is unanswered, or too much of all streams waits
for storage and some of it is this one's, the call is paused; flow control then reaches the producer.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Final

import structlog

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call, Ending
from gateway.grpc_server.status import OWN_FAULT, GrpcStatus
from gateway.ingest.authentication import AuthorizationCache
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.flow_control import CALM_SHARE, FlowControl, flow_control_of
from gateway.ingest.limits import LINE_BYTES
from gateway.ingest.open_tasks import StreamTasks
from gateway.ingest.registry import ProducerRegistry, StreamEnd
from storage.errors import StorageError

__all__ = ["EXPIRY_CHECK_SECONDS_MAX", "ProducerStream"]

EXPIRY_CHECK_SECONDS_MAX: Final = 60.0
"""A token ends at a date: a timer's duration is no longer right once somebody has set the clock."""
_PUSHBACK: Final = "grpc-retry-pushback-ms"
"""How gRPC's retry design (A6) lets a server say when to come back."""
_EXPIRED: Final = StreamEnd(
    GrpcStatus.UNAUTHENTICATED, "the token has expired; come back with a new one and continue after the last answer"
)
_FAILED: Final = StreamEnd(GrpcStatus.INTERNAL, OWN_FAULT)

_log = structlog.get_logger(__name__)


class ProducerStream(ABC):
    """The life of one stream. However it ends, what arrived is stored, and only then is the stream forgotten.

    A ``grpc_server.interface.Handler``.

    Raises:
        ApiError: the stream was not admitted.
    """

    dialect: ClassVar[Dialect]

    def __init__(self, call: Call, principal: Principal, registry: ProducerRegistry) -> None:
        self._call = call
        self._principal = principal
        self._registry = registry
        self._journal = registry.journal
        self._masks = registry.masks
        self._limits = registry.limits
        self._authorization = AuthorizationCache(principal)
        self._tasks = StreamTasks(registry.tasks, registry.limits.stream_tasks_max)
        self._arrived: deque[bytes] = deque()
        self._end: StreamEnd | None = None
        self._ending: Ending | None = None
        self._last_end: StreamEnd | None = None
        self._is_over = self._is_paused = False
        self._requests = 0
        self._lines = 0
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._settling: asyncio.TimerHandle | None = None
        self._expiring: asyncio.TimerHandle | None = None
        registry.join(self)
        self._check_expiry()

    def __repr__(self) -> str:
        state = "over" if self._is_over else "ending" if self._end else self._ending.value if self._ending else "open"
        return f"<{type(self).__name__} {state} unanswered={self._requests} requests, {self._lines} lines>"

    @property
    def subject(self) -> str:
        """Whose token opened it."""
        return self._principal.subject

    @property
    def address(self) -> str:
        """The address of the peer."""
        return self._call.address

    # For the server

    def receive(self, messages: Sequence[bytes]) -> None:
        """Take messages, as far as there is room; the rest is taken when there is."""
        if self._end is None:
            self._arrived += messages
        self.proceed()

    def finish(self, ending: Ending) -> None:
        """Nothing more arrives."""
        self._ending = ending
        self.proceed()

    def drain(self) -> None:
        """The server stops: end once what has arrived was taken and answered."""
        if self._registry.closing is not None:
            self._end_after(self._registry.closing)

    # For all callers

    def end(self, end: StreamEnd) -> None:
        """Take nothing more, answer what was taken, then end; the first reason wins.

        After ``settle_seconds_max`` it ends without the answers that are still due.
        """
        if self._end is not None or self._is_over:
            return
        self._end = end
        self._arrived.clear()
        self._settling = self._loop.call_later(self._limits.settle_seconds_max, self._conclude)
        self.proceed()

    def _end_after(self, end: StreamEnd) -> None:
        """End once what has arrived was taken."""
        self._last_end = self._last_end or end
        self.proceed()

    def proceed(self) -> None:
        """Take what has arrived and may be taken now, and end if there is nothing left to do."""
        if self._is_over:
            return
        try:
            self._proceed()
        except Exception:  # noqa: BLE001 - the edge: what no one foresaw ends this stream, and is logged
            _log.exception("stream failed", dialect=self.dialect)
            self._end = _FAILED
            self._conclude()

    def _proceed(self) -> None:
        if self._arrived or self._is_paused or self._end is not None:
            self._take_arrived()
        else:
            self._taken()
        if self._last_end is not None and not self._arrived and self._end is None:
            self.end(self._last_end)
            return
        if self._end is not None or (self._ending is not None and not self._arrived):
            if self._end is not None or self._ending is Ending.BROKEN:
                self._hurry()
            if not self._unanswered():
                self._conclude()

    def _check_expiry(self) -> None:
        if self._principal.expires_at is None or self._is_over:
            return
        left = self._principal.expires_at - time.time()
        if left > 0:
            self._expiring = self._loop.call_later(min(left, EXPIRY_CHECK_SECONDS_MAX), self._check_expiry)
        else:
            self._end_after(_EXPIRED)

    def _take_arrived(self) -> None:
        arrived = self._arrived
        try:
            while arrived and self._has_room(len(arrived[0])):
                data = arrived.popleft()
                if not self._take(data):
                    arrived.appendleft(data)
                    self._loop.call_soon(self.proceed)
                    break
        except ApiError as error:
            reason = Refusal.AUTHENTICATION if error.code == "PERMISSION_DENIED" else Refusal.PROTOCOL
            self._registry.counters.refused(self.dialect, reason)
            self._taken()
            self.end(StreamEnd.of(error))
            return
        except StorageError as error:
            self.end(StreamEnd(GrpcStatus.UNAVAILABLE, str(error)))
            return
        self._taken()
        is_blocked = bool(arrived) or (self._end is None and not self._has_room(0))
        if is_blocked and not self._is_paused:
            self._is_paused = True
            self._call.pause()
        elif self._is_paused and not is_blocked:
            self._is_paused = False
            self._call.resume()

    def _conclude(self) -> None:
        """The end: the status, and the stream's places."""
        if self._is_over:
            return
        self._is_over = True
        for timer in (self._settling, self._expiring):
            if timer is not None:
                timer.cancel()
        end = self._end
        try:
            self._leave(clean=end is None and self._ending is Ending.HALF_CLOSED)
        finally:
            self._registry.leave(self)
            self._tell(end)

    def _tell(self, end: StreamEnd | None) -> None:
        """Give the call its status."""
        if end is None:
            self._call.end(GrpcStatus.OK)
        else:
            metadata = []
            if end.away_milliseconds is not None:
                away = random.randint(*end.away_milliseconds)  # noqa: S311 - jitter, not a secret
                metadata.append((_PUSHBACK, str(away)))
            self._call.end(end.status, end.text, metadata)

    @abstractmethod
    def _take(self, data: bytes) -> bool:
        """Take one message; False: a part of it, and the rest in a later turn of the loop, with the same message.

        Raises:
            ApiError: the stream cannot continue; the message was not taken.
        """

    def _taken(self) -> None:  # noqa: B027  (some dialects append as they take)
        """Several messages were taken: append what they brought."""

    def _hurry(self) -> None:  # noqa: B027
        """The stream is cut short: append everything that was taken."""

    @abstractmethod
    def _unanswered(self) -> bool:
        """Whether something that was taken still waits for its commit."""

    @abstractmethod
    def _leave(self, *, clean: bool) -> None:
        """The stream is over; ``clean``: the producer half-closed it, and everything was answered."""

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

    def _wait_ms(self, own_fullness: float) -> int:
        """What the producer is asked to wait for the backlog's sake."""
        if max(self._journal.fullness, own_fullness) < CALM_SHARE and self._registry.is_calm:
            return 0
        return self._flow_control(own_fullness).wait_ms

    def _flow_control(self, own_fullness: float = 0.0) -> FlowControl:
        """What the producer is notified of the backlog: its own, or that of all."""
        fullness = max(self._journal.fullness, self._registry.gathered_fullness, own_fullness)
        return flow_control_of(self._limits, fullness, is_writable=self._journal.is_writable)

    def _has_room(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may be taken now; 0: whether any may.

        Where too much waits for storage, the pause is for those whose lines it is: a stream that has little waiting
        continues, or one that sends most would hold up all others.
        """
        limits = self._limits
        if (
            self._lines >= limits.inflight_lines_max
            or self._bytes >= limits.inflight_bytes_max
            or self._requests >= limits.inflight_requests_max
        ):
            return False
        if self._bytes + self._lines * LINE_BYTES + size <= limits.paused_bytes_max:
            return True
        if not self._journal.is_writable:
            self._registry.when_writable(self)
            return False
        return not (self._requests and self._registry.gathered_fullness >= 1.0)
