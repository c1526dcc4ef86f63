"""One subscriber: a position in a channel, and a transport. It holds no queue."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from filters.matching import Matcher
from filters.model import LogFilter
from filters.position import Position
from filters.read_owner import ReadOwner
from sessions.channel import Channel
from sessions.close_reasons import CloseReason
from sessions.containment import contained, contained_task
from sessions.notices import Completed, Gap, Heartbeat, Notice, StreamError
from sessions.services import SessionServices
from sessions.session_state import SessionState
from sessions.subscription import After, Subscription, Tail
from sessions.topic import Topic
from sessions.transport import EncodedBatch, Transport

__all__ = ["Session"]

_log = logging.getLogger(__name__)

_SILENT: Final = frozenset({CloseReason.COMPLETED, CloseReason.CLIENT_GONE, CloseReason.UNSUBSCRIBED})
"""Reasons that need no error event: the client knows, or is not there."""


class Session:
    """Gives one subscriber every matching line of its task once, in order.

    Its position is the sequence up to which everything that matches was handed to the transport. Whatever it gets next
    starts exactly there, from the live run, from memory or from the journal: ``pump`` is the one function that changes
    between them, and it never awaits.

    Args:
        services: what all sessions share.
        topic: the task.
        subscription: what the subscriber asked for.
        transport: its connection.
        on_close: called once, when the session ends.
    """

    def __init__(
        self,
        services: SessionServices,
        topic: Topic,
        subscription: Subscription,
        transport: Transport,
        on_close: "Callable[[Session, CloseReason], None]",
    ) -> None:
        self.id = secrets.token_hex(8)
        self.subscription = subscription
        self.filter = subscription.filter
        self.position = 0
        self.state = SessionState.STARTING
        self.opened_at = time.time()
        self.lines = 0
        self.bytes = 0
        self._services = services
        self._topic = topic
        self._transport = transport
        self._on_close = on_close
        self._channel: Channel | None = None
        self._writable = True
        self._has_failed = False
        self._owner = ReadOwner(subscription.principal, self.id)
        self._work: asyncio.Task[None] | None = None
        self._progress_at = self._written_at = time.monotonic()
        self._closed: asyncio.Future[CloseReason] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return (
            f"<Session {self.id} {self.kind} {self._topic.task_id!r} {self.state.value} "
            f"position={self.position} lag={self.lag}>"
        )

    @property
    def kind(self) -> str:
        """The kind of its transport."""
        return self._transport.kind

    @property
    def lag(self) -> int:
        """How many lines of its channel it has not been given yet."""
        if self._channel is None or self.state is SessionState.LIVE:
            return 0
        return self._channel.lag_of(self.position)

    @property
    def is_lagging(self) -> bool:
        """Whether its lag has reached ``Limits.lagging_lines``."""
        return self.state is not SessionState.LIVE and self.lag >= self._services.limits.lagging_lines

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self.state is SessionState.CLOSED

    @contained_task
    async def begin(self) -> None:
        """Find out where to start, then give what exists. Runs once, as a task of the hub."""
        self._work = asyncio.current_task()
        try:
            await self._topic.load()
            position = await self._starting_position()
        except self._services.history_errors:
            self.close(CloseReason.STORAGE_UNAVAILABLE)
            return
        if self.is_closed:
            return
        self.position = position
        self._announce_gap(self._topic.first - 1)
        self._channel = self._join()
        self.pump()

    def deliver(self, runs: Sequence[EncodedBatch]) -> None:
        """Take fresh runs at the live end; called by the flush on live sessions only."""
        try:  # as in ``contained``, without its call for each session and flush
            for run in runs:
                self._give(run)
                if not self._writable or self.is_closed:
                    self._fall_behind()
                    return
        except Exception:  # noqa: BLE001
            self.fail()

    @contained
    def pump(self) -> None:
        """Give what exists until the transport is full, the live end is reached, or more needs its turn.

        Near the live end a session is served at once. One that is farther after than ``Limits.lagging_lines``, or
        whose lines only the journal has, takes turns with the others that are.

        This is the seam between stored and live. It does not await: between reading ``channel.head`` and joining the
        live sessions nothing can be published, so no line falls in between; and each run starts exactly at the
        session's position, so none is given twice.
        """
        channel = self._channel
        if channel is None or self.is_closed or self.state is SessionState.READING:
            return
        while self._writable and not self.is_closed:
            behind = channel.head - self.position
            if behind <= 0:
                self._reach_head(channel)
                return
            run = channel.batch_after(self.position) if behind <= self._services.limits.lagging_lines else None
            if run is None:
                self._enter(SessionState.READING)
                channel.live.discard(self)
                channel.behind.add(self)
                self._services.scheduler.schedule(self)
                return
            self._give(run)
        self._fall_behind()

    @contained
    def run_slice(self) -> None:
        """Give one run, or have it read from the journal; called by the scheduler when this session has its turn."""
        channel = self._channel
        if channel is None or self.is_closed:
            return
        run = channel.batch_after(self.position) if self.position < channel.head else None
        if run is None and self.position < channel.head:
            self._services.spawn(self._read(channel))
            return
        self._enter(SessionState.BLOCKED)
        if run is not None:
            self._give(run)
        self.pump()

    def resume(self) -> None:
        """The transport can take more."""
        self.touch()
        if self._writable:
            return
        self._writable = True
        self.pump()

    def touch(self) -> None:
        """The client gave a sign of life."""
        self._progress_at = time.monotonic()

    @contained
    def change_filter(self, log_filter: LogFilter) -> None:
        """Apply another filter from the next line on; lines that were given are neither repeated nor taken back."""
        if log_filter == self.filter or self.is_closed:
            return
        self.filter = log_filter
        left = self._channel
        if left is None:
            return
        self._channel = self._join()
        self._topic.leave(self, left)
        if self.state is SessionState.LIVE:
            # Its old channel may have been flushed less far than the new one, or farther; pump() looks.
            self._channel.behind.discard(self)
            self._channel.live.add(self)
        self.pump()

    @contained
    def finish_if_complete(self) -> None:
        """End the session where its task has ended and every line of it was given."""
        ended = self._topic.ended
        if ended is None or self._channel is None or self.position < ended.last:
            return
        self._notify(
            Completed(ended.status, ended.timestamp, ended.last),
            Position(ended.last, self._services.history.epoch, end_seen=True),
        )
        self.close(CloseReason.COMPLETED)

    @contained
    def check(self, now: float, wall: float) -> None:
        """What time does to a session: expiry, time-out, heartbeat.

        Args:
            now: ``time.monotonic()``.
            wall: ``time.time()``.
        """
        expires_at = self.subscription.expires_at
        if expires_at is not None and wall >= expires_at:
            self.close(CloseReason.TOKEN_EXPIRED)
        elif not self._writable:
            if now - self._progress_at >= self._services.limits.timeout_seconds:
                self.close(CloseReason.SESSION_TIMEOUT)
        elif now - self._written_at >= self._services.limits.heartbeat_seconds:
            self._notify(Heartbeat(_timestamp(wall)))
            if not self._writable and self.state is SessionState.LIVE:
                self._fall_behind()

    def fail(self) -> None:
        """End the session because of an error of ours; to be called where the exception is being handled.

        Never raises. The first error is logged; what follows from it, such as a failed notification, is not.
        """
        if not self._has_failed:
            self._has_failed = True
            _log.exception("session failed", extra={"session": self.id, "transport": self.kind})
        self.close(CloseReason.INTERNAL)

    def close(self, reason: CloseReason) -> None:
        """End the session; idempotent and synchronous. Never raises: what the transport raises is logged."""
        if self.is_closed:
            return
        self._enter(SessionState.CLOSED)
        if self._work is not None and self._work is not asyncio.current_task():
            self._work.cancel()  # nobody waits for what it reads
        channel, self._channel = self._channel, None
        if channel is not None:
            self._topic.leave(self, channel)
        self._on_close(self, reason)
        if reason not in _SILENT:
            self._report(reason)
        self._end_transport(reason)
        self._closed.set_result(reason)

    async def wait_closed(self) -> CloseReason:
        """Return the reason once the session has ended."""
        return await asyncio.shield(self._closed)

    def _join(self) -> Channel:
        return self._topic.join(self, self.filter, self.subscription.encoding)

    async def _starting_position(self) -> int:
        start, head = self.subscription.start, self._topic.head
        match start:
            case After(position):
                if not position.belongs_to(self._services.history.epoch):
                    return 0
                if position.epoch and position.sequence > head:
                    # Another gateway may have given it out, and has not been followed that far yet.
                    stored = await self._services.history.task_state(self._topic.task_id)
                    # An id that was given out cannot be beyond the end, unless the journal went back in time and
                    # nobody noticed. Which lines this client has not seen is unknown; repeating is better than a
                    # hole.
                    return 0 if position.sequence > stored.last else position.sequence
                return position.sequence
            case Tail(0):
                return head
            case Tail(count, floor):
                tail = await self._services.history.tail_start(
                    self._topic.task_id, count, head, Matcher(self.filter), owner=self._owner
                )
                return max(tail, floor.sequence) if floor.belongs_to(self._services.history.epoch) else tail
            case _:
                return 0

    @contained_task
    async def _read(self, channel: Channel) -> None:
        """Fetch the next run from the journal, then continue from memory if that has the rest."""
        self._services.meter.catch_up()
        self._work = asyncio.current_task()
        try:
            run = await channel.stored_run_after(self.position, self._owner)
        except self._services.history_errors:
            self.close(CloseReason.STORAGE_UNAVAILABLE)
            return
        if self.is_closed:
            return
        self._enter(SessionState.BLOCKED)
        # Where the filter was changed meanwhile, this run is not wanted any more. Where a heartbeat, or the gap before
        # the run, has filled the transport, the run is fetched again once there is room.
        if channel is self._channel:
            self._announce_gap(run.start, "damaged" if run.is_damaged else "retention")
            if self._writable:
                self._give(run)
        self.pump()

    @contained
    def _report(self, reason: CloseReason) -> None:
        self._notify(StreamError.of(reason))

    @contained
    def _end_transport(self, reason: CloseReason) -> None:
        self._transport.end(reason)

    def _give(self, run: EncodedBatch) -> None:
        self.position = run.end
        if run.data is None:
            return
        self.lines += run.count
        self.bytes += run.size
        self._written_at = self._progress_at = time.monotonic()
        self._services.meter.add(self._transport.kind, run)
        if not self._transport.write(run):
            self._writable = False

    def _notify(self, payload: Heartbeat | Gap | Completed | StreamError, position: Position | None = None) -> None:
        self._written_at = time.monotonic()
        if not self._transport.notify(Notice(payload, position)):
            self._writable = False

    def _announce_gap(self, start: int, reason: str = "retention") -> None:
        """Say that the lines after the position up to ``start`` no longer exist, if there are any, and continue there.

        A transport without room is notified later: the next read from this position finds the same gap.
        """
        if start <= self.position or not self._writable:
            return
        self._services.meter.gap()
        self._notify(Gap(self.position + 1, start, reason))
        self.position = start

    def _reach_head(self, channel: Channel) -> None:
        if self.position > channel.head:
            self._enter(SessionState.AHEAD)
            channel.live.discard(self)
            channel.behind.add(self)
            channel.ahead.add(self)
            self.finish_if_complete()
            return
        channel.behind.discard(self)
        channel.live.add(self)
        self._enter(SessionState.LIVE)
        channel.keep(())
        self.finish_if_complete()

    def _fall_behind(self) -> None:
        channel = self._channel
        if channel is None:
            return  # closed by its transport while it wrote
        channel.live.discard(self)
        channel.behind.add(self)
        self._enter(SessionState.BLOCKED)

    def _enter(self, state: SessionState) -> None:
        self.state = self.state.to(state)


def _timestamp(wall: float) -> str:
    """A Unix time as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
