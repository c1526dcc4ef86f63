"""Sessions that are given the newest state and not every change: what pipelines and updates of records share.

A slow subscriber is never given what it has missed, only what exists now. So nothing waits for it that grows with
its slowness.
"""

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Hashable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from sessions.admission import Admission
from sessions.close_reasons import CloseReason

__all__ = ["ConflatedHub", "ConflatedLimits", "ConflatedSession", "Unread"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_SWEEP_SECONDS: Final = 1.0


class ConflatedLimits(Protocol):
    """What every hub of such sessions limits."""

    @property
    def heartbeat_seconds(self) -> float:
        """Silence after which a subscriber is given an empty sequence."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long a subscriber may take to read what it was given."""
        ...


class Unread(Generic[K, T]):
    """The newest value of each key that a subscriber has not read yet, in the order of the changes.

    Args:
        keys_max: more than these, and the oldest is dropped.
    """

    def __init__(self, keys_max: int) -> None:
        self._keys_max = keys_max
        self._values: dict[K, T] = {}

    def __repr__(self) -> str:
        return f"<Unread {len(self._values)} of {self._keys_max}>"

    def __len__(self) -> int:
        return len(self._values)

    def put(self, key: K, value: T) -> int:
        """Take a change; how many values were dropped for it."""
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) <= self._keys_max:
            return 0
        self.pop()
        return 1

    def pop(self) -> T:
        """Take out the oldest value."""
        return self._values.pop(next(iter(self._values)))

    def clear(self) -> Sequence[T]:
        """Take out everything."""
        values, self._values = self._values, {}
        return tuple(values.values())


class ConflatedSession(AsyncIterator[Sequence[T]]):
    """One subscriber. Iterating returns what is new; an empty sequence means that a heartbeat is due.

    Iteration ends when the session does; ``reason`` then says why.

    Args:
        hub: whose session it is.
        expires_at: Unix seconds at which it ends; None: never.
    """

    def __init__(self, hub: "ConflatedHub[Any]", expires_at: float | None) -> None:
        self.expires_at = expires_at
        self.reason: CloseReason | None = None
        self._owner = hub
        self._news = asyncio.Event()
        self._away_since: float | None = time.monotonic()

    async def __anext__(self) -> Sequence[T]:
        """What is new since the last call, waiting for it; empty after ``heartbeat_seconds`` of silence."""
        self._away_since = None
        try:
            return await self._next()
        finally:
            self._away_since = time.monotonic()

    @abstractmethod
    async def changes(self) -> Sequence[T]:
        """What is new; it counts as read."""

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def close(self, reason: CloseReason) -> None:
        """End the session; idempotent and synchronous."""
        if self.reason is None:
            self.reason = reason
            self._news.set()
            self._owner.forget(self)

    def check(self, now: float, wall: float) -> None:
        """Check timers: expiry and time-out.

        Args:
            now: ``time.monotonic()``.
            wall: ``time.time()``.
        """
        if self.expires_at is not None and wall >= self.expires_at:
            self.close(CloseReason.TOKEN_EXPIRED)
        elif self._away_since is not None and now - self._away_since >= self._owner.limits.timeout_seconds:
            self.close(CloseReason.SESSION_TIMEOUT)

    async def _next(self) -> Sequence[T]:
        deadline = time.monotonic() + self._owner.limits.heartbeat_seconds
        while self.reason is None:
            self._news.clear()
            changes = await self.changes()
            if self.reason is not None:
                break
            if changes:
                return changes
            try:
                async with asyncio.timeout(self._silence_seconds(deadline)):
                    await self._news.wait()
            except TimeoutError:
                self.check(time.monotonic(), time.time())
                if self.reason is None:
                    return ()
        raise StopAsyncIteration

    def _silence_seconds(self, deadline: float) -> float:
        """How long to wait for news: until the heartbeat, or the expiry."""
        seconds = deadline - time.monotonic()
        if self.expires_at is not None:
            seconds = min(seconds, self.expires_at - time.time())
        return max(0.0, seconds)


S = TypeVar("S", bound=ConflatedSession[Any])


class ConflatedHub(Generic[S]):
    """Keeps sessions, and ends those whose time is over. The publisher never waits.

    Args:
        limits: of each session.
        admission: counts sessions, together with those of other hubs.
    """

    def __init__(self, limits: ConflatedLimits, admission: Admission) -> None:
        self.limits = limits
        self.admission = admission
        self._sessions: set[S] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def sessions(self) -> Sequence[S]:
        """The open sessions."""
        return tuple(self._sessions)

    def admit(self) -> None:
        """Count one more session.

        Raises:
            ServerFullError: there are as many sessions as there may be.
        """
        self.admission.enter()

    def keep(self, session: S) -> None:
        """Begin with a session that was admitted; after ``close`` it ends at once."""
        self._sessions.add(session)
        if self._is_closed:
            session.close(CloseReason.SERVER_SHUTDOWN)
        elif self._sweep_timer is None:
            self._schedule_sweep()

    def forget(self, session: S) -> None:
        """A session has ended."""
        self.admission.leave()
        self._sessions.discard(session)

    def close(self, reason: CloseReason = CloseReason.SERVER_SHUTDOWN) -> None:
        """End every session; idempotent. Their owners see the end of the iteration."""
        self._is_closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        for session in self.sessions:
            session.close(reason)

    def _schedule_sweep(self) -> None:
        pause = min(_SWEEP_SECONDS, self.limits.timeout_seconds / 4)
        self._sweep_timer = asyncio.get_running_loop().call_later(pause, self._sweep)

    def _sweep(self) -> None:
        self._sweep_timer = None
        now, wall = time.monotonic(), time.time()
        for session in self.sessions:
            session.check(now, wall)
        if self._sessions:
            self._schedule_sweep()
