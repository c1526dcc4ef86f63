"""What the sessions, topics and channels of one hub share."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.encoded_batch_cache import EncodedBatchCache
from sessions.limits import Limits
from sessions.statistics import DeliveryMeter
from sessions.transport import History

__all__ = ["SessionServices", "Spawn"]

T = TypeVar("T")


class Spawn(Protocol):
    """Starts a task that its owner cancels on shutdown."""

    def __call__(self, work: Coroutine[None, None, T], /) -> asyncio.Task[T]:
        """Return the task of ``work``, which has not begun yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionServices:
    """Made by the hub, so that what it opens does not need the hub itself.

    Attributes:
        history: the journal.
        history_errors: what ``history`` raises when it cannot be read.
        limits: see ``Limits``.
        cache: encoded runs for sessions that are behind.
        meter: counts what sessions are given and read.
        scheduler: gives lagging sessions their turns.
        spawn: starts the tasks of sessions and reads.
    """

    history: History
    history_errors: tuple[type[Exception], ...]
    limits: Limits
    cache: EncodedBatchCache
    meter: DeliveryMeter
    scheduler: CatchUpScheduler
    spawn: Spawn
