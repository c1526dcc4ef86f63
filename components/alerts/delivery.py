"""The outbox: what has to be sent is stored with what it is about, and sent until it is taken or a day has passed."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from components.alerts.repository import Delivery, Repository
from components.alerts.sending import Sender, SendError, send
from components.alerts.targets import Target
from storage.errors import StorageClosedError, StorageError
from storage.outage import OutageLog
from storage.tables import TableDatabase
from storage.tailing import TailingLoop

__all__ = ["Outbox"]

_AT_ONCE: Final = 32
_AT_ONCE_OF_TARGET: Final = 4
_NOTE_SECONDS: Final = (0.1, 5.0)
"""Pause before what became of a delivery is noted again, at first and at most."""
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3_600.0
_GIVEN_UP_AFTER: Final = 86_400.0
_IDLE_SECONDS: Final = 60.0
_FOLLOWER_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Outbox:
    """Sends due notifications; belongs to an event loop. It does not repeat a notification that a target accepted.

    A target receives up to four notifications at once. After a failure it receives one at a time until it accepts one.
    A slow target does not delay the others.

    A gateway that is killed after a target's answer, before that is stored, repeats it with the same ``webhook-id``.

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
        self._sending: dict[int, Delivery] = {}
        self._failing: set[str] = set()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._notes = OutageLog("what became of notifications is not stored", "what became of notifications is stored")
        outages = OutageLog("notifications are not sent", "notifications are sent again")
        self._loop = TailingLoop("alert-outbox", self._step, outages)

    def __repr__(self) -> str:
        return f"<Outbox {len(self.targets)} targets, {self.sent} sent>"

    def start(self) -> None:
        """Start with the notifications that an earlier process left."""
        self._loop.start()

    def wake(self) -> None:
        """There is something to be sent."""
        self._loop.wake()

    async def close(self, grace_seconds: float) -> None:
        """Stop; what is being sent may end. Idempotent."""
        deadline = time.monotonic() + grace_seconds
        await self._loop.close(grace_seconds)
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=max(deadline - time.monotonic(), 0))
        for each in self._deliveries:
            each.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _step(self) -> float:
        if not self._is_leader():
            return _FOLLOWER_SECONDS
        now = self._clock()
        sending = Counter(each.target for each in self._sending.values())
        busy = [target for target, count in sending.items() if count >= self._at_once(target)]
        room = _AT_ONCE - len(self._sending)
        without = list(self._sending)  # here: what is not among them any more was noted before the query begins
        (due, next_at), (self.waiting, _) = await asyncio.to_thread(
            self._database.read, lambda connection: _waiting(Repository(connection), now, room, without, busy)
        )
        for delivery in due:
            if sending[delivery.target] < self._at_once(delivery.target):
                sending[delivery.target] += 1
                self._begin(delivery)
        if due and len(due) == room and len(self._sending) < _AT_ONCE:
            return 0.0  # of targets that are busy now; others may have something
        return _IDLE_SECONDS if next_at is None else min(max(next_at - now, 0.01), _IDLE_SECONDS)

    def _at_once(self, target: str) -> int:
        return 1 if target in self._failing else _AT_ONCE_OF_TARGET

    def _begin(self, delivery: Delivery) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._deliveries.discard(task)
            del self._sending[delivery.id]
            self._loop.wake()

        self._sending[delivery.id] = delivery
        task = asyncio.create_task(self._deliver(delivery), name=f"alert-{delivery.key}")
        self._deliveries.add(task)
        task.add_done_callback(ended)

    async def _deliver(self, delivery: Delivery) -> None:
        target = self.targets.get(delivery.target)
        if target is None:
            await self._failed(delivery, f"the target {delivery.target} is no longer configured")
            return
        try:
            await self._send(target, delivery.key, delivery.event)
        except SendError as error:
            await self._failed(delivery, str(error))
        except Exception as error:  # noqa: BLE001 - others must still be sent
            _log.exception("notification failed", target=delivery.target)
            await self._failed(delivery, f"{type(error).__name__}: {error}")
        else:
            self.sent += 1
            self._failing.discard(delivery.target)
            now = self._clock()
            await self._note(lambda repository: repository.sent(delivery, now))

    async def _failed(self, delivery: Delivery, reason: str) -> None:
        self.failed += 1
        self._failing.add(delivery.target)
        now = self._clock()
        next_at: float | None = now + min(_FIRST_PAUSE * 2**delivery.attempts, _LONGEST_PAUSE)
        if now - delivery.created_at >= _GIVEN_UP_AFTER:
            self.given_up += 1
            next_at = None
        await self._note(lambda repository: repository.failed(delivery.id, reason, next_at))

    async def _note(self, work: Callable[[Repository], None]) -> None:
        """Store what became of a delivery. Until that is done it counts as being sent, so that it is not sent again."""
        pause, pause_max = _NOTE_SECONDS
        while True:
            try:
                await asyncio.to_thread(self._database.write, lambda connection: work(Repository(connection)))
            except StorageClosedError:
                return
            except StorageError as error:
                self._notes.note(str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, pause_max)
            else:
                self._notes.clear()
                return


def _waiting(
    repository: Repository, now: float, room: int, without: list[int], busy: list[str]
) -> tuple[tuple[list[Delivery], float | None], tuple[int, int]]:
    return repository.due(now, room, without=without, busy=busy), repository.waiting()
