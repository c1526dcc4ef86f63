"""The outbox: what has to be sent is stored with what it is about, and sent until it is taken or a day has passed."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from components.alerts.repository import Delivery, Repository
from components.alerts.sending import Sender, SendError, send
from components.alerts.targets import Target
from storage.outage import OutageLog
from storage.tables import TableDatabase
from storage.tailing import TailingLoop

__all__ = ["Outbox"]

_AT_ONCE: Final = 8
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3_600.0
_GIVEN_UP_AFTER: Final = 86_400.0
_IDLE_SECONDS: Final = 60.0
_FOLLOWER_SECONDS: Final = 1.0


class Outbox:
    """Sends what is due; belongs to an event loop. Nothing that was taken is sent again by it.

    A gateway that is killed between a target's answer and its note of it sends again, with the same ``webhook-id``.

    Args:
        database: of the tables of alerts.
        targets: by name.
        sender: sends one.
        clock: Unix seconds.
        is_leader: whether this gateway is the one that sends.
    """

    def __init__(
        self,
        database: TableDatabase,
        targets: Mapping[str, Target],
        *,
        sender: Sender = send,
        clock: Callable[[], float] = time.time,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self.targets = targets
        self.sent = self.failed = self.given_up = self.waiting = 0
        self._database = database
        self._send = sender
        self._clock = clock
        self._is_leader = is_leader
        outages = OutageLog("notifications are not sent", "notifications are sent again")
        self._loop = TailingLoop("alert-outbox", self._step, outages)

    def __repr__(self) -> str:
        return f"<Outbox {len(self.targets)} targets, {self.sent} sent>"

    def start(self) -> None:
        """Begin, with what is left of an earlier life."""
        self._loop.start()

    def wake(self) -> None:
        """There is something to be sent."""
        self._loop.wake()

    async def close(self, grace_seconds: float) -> None:
        """Stop; what is being sent may end. Idempotent."""
        await self._loop.close(grace_seconds)

    async def _step(self) -> float:
        if not self._is_leader():
            return _FOLLOWER_SECONDS
        now = self._clock()
        (due, next_at), (self.waiting, _) = await self._in_thread(
            lambda repository: (repository.due(now, _AT_ONCE), repository.waiting())
        )
        if not due:
            return _IDLE_SECONDS if next_at is None else min(max(next_at - now, 0.01), _IDLE_SECONDS)
        await asyncio.gather(*map(self._deliver, due))
        return 0.0

    async def _deliver(self, delivery: Delivery) -> None:
        target = self.targets.get(delivery.target)
        if target is None:
            await self._failed(delivery, f"the target {delivery.target} is no longer configured")
            return
        try:
            await self._send(target, delivery.key, delivery.event)
        except SendError as error:
            await self._failed(delivery, str(error))
        else:
            self.sent += 1
            now = self._clock()
            await self._in_thread(lambda repository: repository.sent(delivery, now))

    async def _failed(self, delivery: Delivery, reason: str) -> None:
        self.failed += 1
        now = self._clock()
        next_at: float | None = now + min(_FIRST_PAUSE * 2**delivery.attempts, _LONGEST_PAUSE)
        if now - delivery.created_at >= _GIVEN_UP_AFTER:
            self.given_up += 1
            next_at = None
        await self._in_thread(lambda repository: repository.failed(delivery.id, reason, next_at))

    async def _in_thread(self, work: Callable[[Repository], Any]) -> Any:
        return await asyncio.to_thread(self._database.write, lambda connection: work(Repository(connection)))
