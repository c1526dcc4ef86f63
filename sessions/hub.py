"""The hub: takes committed entries and makes them available to sessions."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Collection, Coroutine, Sequence
from typing import Any, TypeVar

from sessions.admission import Admission
from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.close_reasons import CloseReason
from sessions.encoded_batch_cache import EncodedBatchCache
from sessions.limits import Limits
from sessions.services import SessionServices
from sessions.session import Session
from sessions.statistics import DeliveryMeter, HubStatistics, Observer
from sessions.subscription import Subscription
from sessions.topic import Topic
from sessions.transport import CommittedLines, History, Transport

__all__ = ["Hub"]

T = TypeVar("T")

_SWEEP_SECONDS_MAX = 1.0
_LIVE_SECONDS = 0.1
"""How long after a flush another one is to be expected."""
_COMMIT_AWAITED_TICKS = 0.5
"""How much longer than a tick lines wait for another commit to go with them.

With a commit every 5 ms and a tick of 12 ms that is a flush at every third commit: a third fewer writes than one
whenever the tick is over, and on average lines wait no longer, since those of the third do not wait at all.
"""


class Hub:
    """Fans committed lines out to sessions. The publisher never waits for a subscriber.

    Tasks that nobody watches cost one dictionary look-up per block. Flushes are coalesced: one at once when idle, then
    at most one per tick, and the tick is never shorter than the last flush took, so that the hub spends at most half of
    its time flushing and many readers mean longer runs, not a longer queue. A flush follows a commit where it can: once
    the tick is over the next commit takes what waited along, and only if none comes soon it goes without. A commit
    that has gathered lines for a while is followed at once: there will not be another one so soon.

    Args:
        history: the journal.
        limits: see ``Limits``.
        admission: counts sessions; shared with other kinds of streams.
        observer: receives latencies.
        history_errors: what ``history`` raises when it cannot be read; sessions then end with STORAGE_UNAVAILABLE.
        scheduler: gives lagging sessions their turns; by default one that makes room for flushes.
    """

    def __init__(
        self,
        history: History,
        limits: Limits | None = None,
        *,
        admission: Admission | None = None,
        observer: Observer | None = None,
        history_errors: tuple[type[Exception], ...] = (OSError,),
        scheduler: CatchUpScheduler | None = None,
    ) -> None:
        self.history = history
        self.limits = limits or Limits()
        self.admission = admission or Admission(self.limits.sessions_max)
        self.history_errors = history_errors
        self._closed: Counter[CloseReason] = Counter()
        self._observer = observer
        self._services = SessionServices(
            history=history,
            history_errors=history_errors,
            limits=self.limits,
            cache=EncodedBatchCache(self.limits.run_bytes_total),
            meter=DeliveryMeter(),
            scheduler=scheduler or CatchUpScheduler(self._is_live),
            spawn=self._spawn,
        )
        self._topics: dict[str, Topic] = {}
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dirty: set[Topic] = set()
        self._oldest_at: float | None = None
        self._window_bytes = 0
        self._flushes = 0
        self._flush_timer: asyncio.TimerHandle | None = None
        self._is_flush_due = False
        self._flushed_at = -math.inf  # never
        self._flush_seconds = 0.0
        self._tick = self.limits.tick_seconds
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Hub {len(self._sessions)} sessions {len(self._topics)} tasks tick={self._tick * 1000:.0f}ms>"

    @property
    def epoch(self) -> str:
        """The journal's life."""
        return self.history.epoch

    @property
    def sessions(self) -> Sequence[Session]:
        """The open sessions."""
        return tuple(self._sessions.values())

    @property
    def watched(self) -> Collection[str]:
        """The tasks that have sessions; follows them."""
        return self._topics.keys()

    @property
    def statistics(self) -> HubStatistics:
        """An immutable snapshot; walks over the sessions that are behind."""
        channels = [channel for topic in self._topics.values() for channel in topic.channels.values()]
        meter = self._services.meter
        return HubStatistics(
            active=Counter(session.kind for session in self._sessions.values()),
            delivered=meter.totals(),
            lagging=sum(channel.lagging for channel in channels),
            behind=sum(len(channel.behind) for channel in channels),
            catch_ups=meter.catch_ups,
            gaps=meter.gaps,
            closed={reason.code: self._closed[reason] for reason in CloseReason},
            encodes=sum(channel.encodes for channel in channels),
            flushes=self._flushes,
            refused=self.admission.refused,
            tasks=len(self._topics),
            channels=len(channels),
            window_bytes=self._window_bytes,
            run_bytes=self._services.cache.size,
            tick_seconds=self._tick,
        )

    def publish(self, committed: CommittedLines) -> None:
        """Take what one commit stored. Commits come in order; nothing is awaited here.

        Nobody is written to either, unless more was committed since the last flush than the task's window may hold.
        """
        for block in committed.blocks:
            topic = self._topics.get(block.task_id)
            if topic is None:
                continue
            before = topic.window.size
            topic.publish(block)
            self._window_bytes += topic.window.size - before
            self._dirty.add(topic)
            if self._oldest_at is None:
                self._oldest_at = block.received_at
        for ended in committed.ended:
            topic = self._topics.get(ended.task_id)
            if topic is not None:
                topic.end(ended)
                self._dirty.add(topic)
        if self._window_bytes > self.limits.window_bytes_total:
            self._shrink_windows()
        if self._dirty and not self._is_flush_due:
            self._schedule_flush(committed.is_gathered)

    def open(self, subscription: Subscription, transport: Transport) -> Session:
        """Start a session; it begins to write by itself.

        Raises:
            ServerFullError: there are as many sessions as there may be.
        """
        self.admission.enter()
        topic = self._topics.get(subscription.task_id)
        if topic is None:
            topic = Topic(subscription.task_id, self._services)
            self._topics[subscription.task_id] = topic
        topic.watch()
        session = Session(self._services, topic, subscription, transport, self._forget)
        self._sessions[session.id] = session
        if self._is_closed:
            session.close(CloseReason.SERVER_SHUTDOWN)
            return session
        self._spawn(session.begin())
        if self._sweep_timer is None:
            self._schedule_sweep()
        return session

    def drop_task(self, task_id: str) -> None:
        """Tell all who watch a task that it was deleted, and forget its lines."""
        for session in self.sessions:
            if session.subscription.task_id == task_id:
                session.close(CloseReason.TASK_DELETED)

    def flush(self) -> None:
        """Write what was published to all live sessions. Called by the hub itself, when it is time."""
        self._cancel_flush()
        self._is_flush_due = False
        started = time.monotonic()
        dirty, self._dirty = self._dirty, set()
        oldest, self._oldest_at = self._oldest_at, None
        for topic in dirty:
            topic.flush()
        self._flushes += 1
        self._flushed_at = time.monotonic()
        self._flush_seconds = min(self._flushed_at - started, self.limits.tick_seconds_max)
        self._tick = max(self.limits.tick_seconds, self._flush_seconds)
        if oldest is not None and self._observer is not None:
            self._observer.delivery_latency(self._flushed_at - oldest)

    async def close(self, reason: CloseReason = CloseReason.SERVER_SHUTDOWN) -> None:
        """End every session and wait until their reads have stopped; idempotent."""
        self._is_closed = True
        self._cancel_flush()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        for session in self.sessions:
            session.close(reason)
        self._services.scheduler.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, session: Session, reason: CloseReason) -> None:
        self._closed[reason] += 1
        self._services.scheduler.leave(session)
        del self._sessions[session.id]
        self.admission.leave()
        topic = self._topics[session.subscription.task_id]
        topic.unwatch()
        if topic.watchers == 0:
            self._window_bytes -= topic.window.size
            self._dirty.discard(topic)
            del self._topics[topic.task_id]

    def _is_live(self) -> bool:
        return time.monotonic() - self._flushed_at < _LIVE_SECONDS

    def _spawn(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _schedule_flush(self, is_gathered: bool) -> None:
        loop = asyncio.get_running_loop()
        pause = self._flush_seconds if is_gathered else self._tick
        paused = time.monotonic() - self._flushed_at
        if paused >= pause:
            self._cancel_flush()
            self._is_flush_due = True
            loop.call_soon(self.flush)
        elif is_gathered:
            self._cancel_flush()
            self._flush_timer = loop.call_later(pause - paused, self.flush)
        elif self._flush_timer is None:
            self._flush_timer = loop.call_later(self._tick * (1 + _COMMIT_AWAITED_TICKS) - paused, self.flush)

    def _cancel_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    def _schedule_sweep(self) -> None:
        pause = min(_SWEEP_SECONDS_MAX, self.limits.heartbeat_seconds / 4, self.limits.timeout_seconds / 4)
        self._sweep_timer = asyncio.get_running_loop().call_later(pause, self._sweep)

    def _sweep(self) -> None:
        self._sweep_timer = None
        now, wall = time.monotonic(), time.time()
        for session in self.sessions:
            session.check(now, wall)
        if self._sessions:
            self._schedule_sweep()

    def _shrink_windows(self) -> None:
        # To three quarters, so that the next shrinking is some time away.
        share = self.limits.window_bytes_total * 3 // 4 // len(self._topics)
        for topic in self._topics.values():
            topic.window.trim(share)
        self._window_bytes = sum(topic.window.size for topic in self._topics.values())
