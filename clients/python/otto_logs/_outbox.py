"""The outbox: the one thing that the program's threads and the sender share.

Everything in it is guarded by one lock. Callers put lines in and wait for room or for acknowledgements; the sender
takes requests out as credit allows, and reports what becomes of the connection.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping

from otto.logs.v1 import logs_pb2

from otto_logs._errors import ClosedError, ForkedError, GatewayError, SpoolFullError
from otto_logs._limits import ProducerLimits
from otto_logs._masked_spool import masked_spool
from otto_logs._spool import AT_ONCE, Address, FlushMarker, Spool, SpoolUnwritableError
from otto_logs._statistics import Problem, ProducerState, ProducerStatistics
from otto_logs._values import Level, Source, SpoolPolicy

__all__ = ["Outbox"]

_outboxes: "weakref.WeakSet[Outbox]" = weakref.WeakSet()


class Outbox:
    """What was accepted and not acknowledged, the credit, and the state of the producer."""

    def __init__(self, spool: Spool, policy: SpoolPolicy, limits: ProducerLimits) -> None:
        self._spool = spool
        self._policy = policy
        self._limits = limits
        self._make_locks()
        self._listeners: list[Callable[[], None]] = []
        self._state = ProducerState.CONNECTING
        self._is_there = False  # the gateway has answered, and nothing has failed since
        self._error: GatewayError | None = None
        self._reason = ""
        self._pid = os.getpid()
        self._closing = False
        self._abandoned = False
        self._urgent = 0
        self._stream = 0  # counts connections; the sender of an older one is asked to stop
        self._credit = 0
        self._not_before = self._progress_at = time.monotonic()
        self._accepted = self._acknowledged = self._dropped = self._reported_drops = 0
        self._sent = self._resent = self._number = self._connections = self._problems = 0
        _outboxes.add(self)

    def __repr__(self) -> str:
        return f"<Outbox {self._state} credit={self._credit} {self._spool!r}>"

    # -- the program's side ------------------------------------------------------------------------------------------

    def try_line(
        self,
        address: Address,
        message: bytes,
        time_unix_nano: int,
        level: Level,
        source: Source,
        metadata: Mapping[str, str] | None,
        positions: Mapping[str, object] | None = None,
    ) -> bool:
        """Accept a line (see ``Spool.append_line``); False if the policy is to wait for room.

        Raises:
            OttoLogsError: nothing is accepted any more.
        """
        with self._lock:
            while self._make_room(len(message)):
                now = time.monotonic()
                before = self._spool.ready_at()
                try:
                    self._spool.append_line(address, message, time_unix_nano, level, source, metadata, now, positions)
                except SpoolUnwritableError:
                    continue  # there is no room after all, and the policy decides again
                self._accepted += 1
                if before is None or (before > AT_ONCE and self._spool.ready_at() == AT_ONCE):
                    self._work.notify()
                return True
            return False

    def try_item(self, request: logs_pb2.PublishRequest) -> bool:
        """Accept anything but lines; False if the policy is to wait for room.

        Raises:
            OttoLogsError: nothing is accepted any more.
            SpoolFullError: there are no lines that could be dropped for it.
        """
        with self._lock:
            while self._make_room(request.ByteSize()):
                try:
                    self._spool.append_item(request)
                except SpoolUnwritableError:
                    continue
                self._work.notify()
                return True
            return False

    def _make_room(self, size: int) -> bool:
        self._check()
        spool = self._spool
        if spool.has_room(size):
            return True
        if self._policy is SpoolPolicy.BLOCK:
            return False
        if self._policy is SpoolPolicy.BLOCK_WHILE_CONNECTED and self._is_there:
            return False
        self._dropped += spool.drop_oldest(size)
        if not spool.has_room(size):
            if self._is_there and self._policy is not SpoolPolicy.DROP_OLDEST:
                return False
            raise SpoolFullError("the spool is full, and nothing in it can be dropped; give it more bytes")
        return True

    def mask(self, secrets: Iterable[str]) -> None:
        """Have values masked in what is accepted from now on."""
        with self._lock:
            self._spool = masked_spool(self._spool, secrets, self._work)

    def begin_flush(self) -> FlushMarker:
        """Mark the end of what was accepted so far, and send it without lingering."""
        with self._lock:
            self._check_process()
            barrier = self._spool.append_barrier()
            if not barrier.passed:
                self._urgent += 1
            self._work.notify()
            return barrier

    def end_flush(self) -> None:
        """A flush is over, whatever became of it."""
        with self._lock:
            self._urgent = max(0, self._urgent - 1)

    def wait_changed(self, predicate: Callable[[], bool], timeout_seconds: float | None) -> bool:
        """Wait until the predicate holds; it is asked under the lock whenever something has changed."""
        with self._lock:
            return self._changed.wait_for(predicate, timeout_seconds)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """``listener`` is called, on any thread and under the lock, whenever something may have changed."""
        with self._lock:
            self._listeners.append(listener)

    def close(self) -> None:
        """Accept nothing more; what is there is still sent until ``abandon``. Idempotent."""
        with self._lock:
            self._closing = True
            self._notify_all()

    def abandon(self) -> None:
        """Give up what is not acknowledged."""
        with self._lock:
            self._closing = self._abandoned = True
            self._notify_all()

    def release(self) -> None:
        """Nobody uses the spool any more: let go of its files."""
        with self._lock:
            self._closing = True
            self._spool.close()

    @property
    def is_foreign(self) -> bool:
        """Whether this is the child of the process that made the producer."""
        return os.getpid() != self._pid

    @property
    def error(self) -> GatewayError | None:
        """Why the gateway refused for good."""
        return self._error

    @property
    def lines_waiting(self) -> int:
        """As the spool says."""
        return self._spool.lines_waiting

    @property
    def is_empty(self) -> bool:
        """As the spool says."""
        return self._spool.is_empty

    @property
    def statistics(self) -> ProducerStatistics:
        """An immutable snapshot of the counters."""
        with self._lock:
            return ProducerStatistics(
                state=self._state,
                lines_accepted=self._accepted,
                lines_acknowledged=self._acknowledged,
                lines_dropped=self._dropped,
                lines_damaged=self._spool.lines_damaged,
                lines_waiting=self._spool.lines_waiting,
                lines_in_flight=self._spool.lines_in_flight,
                bytes_waiting=self._spool.bytes_waiting,
                requests_sent=self._sent,
                requests_resent=self._resent,
                acknowledged_number=self._number,
                connections=self._connections,
                problems=self._problems,
                error=str(self._error) if self._error is not None else self._reason,
            )

    # -- the sender's side -------------------------------------------------------------------------------------------

    @property
    def is_finished(self) -> bool:
        """Whether the sender has nothing left to do."""
        return self._abandoned or self._error is not None or (self._closing and self._spool.is_empty)

    def open_stream(self) -> int:
        """A connection is being made; the token that its sender shows."""
        with self._lock:
            self._stream += 1
            self._credit = 0
            self._progress_at = time.monotonic()
            if self._state is not ProducerState.AWAY:
                self._state = ProducerState.CONNECTING
            return self._stream

    def greet(self, response: logs_pb2.PublishResponse) -> bool:
        """The gateway has answered the Hello; False if it has another journal, and nothing is sent to it."""
        with self._lock:
            before = self._spool.lines_waiting
            if not self._spool.rewind(response.acknowledged_number):
                return False
            self._acknowledged += before - self._spool.lines_waiting
            self._connections += 1
            self._state = ProducerState.CONNECTED
            self._is_there = True
            self._take_flow(response)
            self._number = response.acknowledged_number
            return True

    def renumber(self, producer_id: str) -> None:
        """Number what is not acknowledged from 1, under another producer id."""
        with self._lock:
            self._spool.renumber(producer_id)
            self._number = 0

    def answer(self, response: logs_pb2.PublishResponse) -> bool:
        """The gateway has acknowledged something, or changed the credit; whether it has stored more than before."""
        with self._lock:
            progress = response.acknowledged_number > self._number
            if progress:
                self._acknowledged += self._spool.acknowledge(response.acknowledged_number)
                self._number = response.acknowledged_number
            self._problems += len(response.problems)
            self._take_flow(response)
            return progress

    def _take_flow(self, response: logs_pb2.PublishResponse) -> None:
        self._progress_at = time.monotonic()
        self._credit = response.credit_lines
        self._not_before = self._progress_at + response.wait_ms / 1000
        self._notify_all()

    def next_request(self, stream: int) -> bytes | None:
        """The next request that credit allows, as soon as there is one; None: half-close, or the stream is over.

        Lines gather only while something that was sent is not acknowledged: what the gateway has time for is not held.

        Raises:
            TimeoutError: the gateway answers nothing any more.
        """
        with self._lock:
            while stream == self._stream and not self._abandoned:
                now = time.monotonic()
                wake_at: float | None
                if self._state is not ProducerState.CONNECTED:
                    wake_at = self._progress_at + self._limits.hello_seconds_max
                    if now >= wake_at:
                        raise TimeoutError(f"no answer to the Hello within {self._limits.hello_seconds_max:g} s")
                elif self._closing and self._spool.is_empty:
                    return None
                elif now < self._not_before:
                    wake_at = self._not_before
                else:
                    ready_at = self._spool.ready_at()
                    was_idle = not self._spool.has_in_flight
                    if ready_at is not None and (ready_at <= now or was_idle or self._urgent or self._closing):
                        request = self._spool.next_request(self._credit - self._spool.lines_in_flight)
                        if request is not None:
                            if was_idle:
                                self._progress_at = now  # until now there was nothing to be acknowledged
                            self._sent += 1
                            self._resent += request.times_sent > 1
                            return request.data
                        ready_at = None  # only an answer helps
                    wake_at = self._stalled_at(now, ready_at)
                self._work.wait(None if wake_at is None else max(0.0, wake_at - now))
            return None

    def _stalled_at(self, now: float, ready_at: float | None) -> float | None:
        """When to look again: once a run is ready, or when the gateway should have acknowledged something."""
        if not self._spool.has_in_flight:
            return ready_at
        stalled_at = self._progress_at + self._limits.acknowledgement_seconds_max
        if now >= stalled_at:
            raise TimeoutError(f"nothing was acknowledged for {self._limits.acknowledgement_seconds_max:g} s")
        return stalled_at if ready_at is None else min(ready_at, stalled_at)

    def end_stream(self) -> None:
        """The connection is gone; its sender stops."""
        with self._lock:
            self._stream += 1
            self._notify_all()

    def away(self, reason: str) -> None:
        """The gateway cannot be reached at the moment."""
        with self._lock:
            self._state = ProducerState.AWAY
            self._is_there = False
            self._reason = reason
            self._problems += 1
            self._notify_all()

    def fail(self, error: GatewayError) -> None:
        """The gateway refused for good."""
        with self._lock:
            self._state = ProducerState.FAILED
            self._is_there = False
            self._error = error
            self._problems += 1
            self._notify_all()

    def finish(self) -> None:
        """The sender has stopped."""
        with self._lock:
            self._closing = True
            if self._error is None:
                self._state = ProducerState.CLOSED
            self._notify_all()

    def wait_retry(self, seconds: float) -> None:
        """Wait before connecting again, or until there is nothing left to connect for."""
        with self._lock:
            self._work.wait_for(lambda: self.is_finished, seconds)

    def take_drops(self) -> int:
        """How many lines were dropped since this was last asked."""
        with self._lock:
            count = self._dropped - self._reported_drops
            self._reported_drops = self._dropped
            return count

    def take_problems(self) -> list[Problem]:
        """What the spool has to say since this was last asked."""
        with self._lock:
            problems = self._spool.take_problems()
            self._problems += len(problems)
            return problems

    def follow(self, state: ProducerState, reason: str) -> None:
        """How the connection is on which leftovers are delivered, before our own is made."""
        with self._lock:
            if state in {ProducerState.CONNECTING, ProducerState.CONNECTED, ProducerState.AWAY}:
                self._state = state
                self._is_there = state is ProducerState.CONNECTED or (
                    self._is_there and state is not ProducerState.AWAY
                )
                self._reason = reason
                self._notify_all()

    def _make_locks(self) -> None:
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._changed = threading.Condition(self._lock)

    def _notify_all(self) -> None:
        self._work.notify_all()
        self._changed.notify_all()
        for listener in self._listeners:
            listener()

    def _check(self) -> None:
        self._check_process()
        if self._error is not None:
            raise self._error
        if self._closing:
            raise ClosedError("the producer is closed")

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedError(
                f"this producer belongs to process {self._pid}, and its connection did not survive the fork; "
                "make a new producer in the child"
            )


def _in_child() -> None:
    """A lock that another thread of the parent held would stay locked for ever."""
    for outbox in list(_outboxes):
        outbox._make_locks()


os.register_at_fork(after_in_child=_in_child)
