"""The scheduler's lock: one holder at a time, and a holder that lost it cannot write."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from components.automation.tables.database import AutomationDatabase
from components.automation.tables.schema import scheduler_lock
from components.automation.tables.times import moment

__all__ = ["LockLostError", "SchedulerLock"]

_NAME: Final = "main_scheduler"
"""The row that schedulers of the older system take, too: only one of them and ours works at a time."""

_GATEWAY: Final = "gateway-"


class LockLostError(Exception):
    """Another scheduler may hold the lock by now; nothing of the transaction was stored."""


class SchedulerLock:
    """One bid for the lock; its name is unique, so that a later holder on the same host is a different one.

    Args:
        database: where the lock is.
        now: the time in UTC, without a time zone.
        expiry_seconds: how long a dead holder keeps the lock. On PostgreSQL one gateway leads, and only that one bids:
            the lock of another gateway is that of a dead one, or of one that has just lost the lead, and ends at once.
    """

    def __init__(self, database: AutomationDatabase, now: Callable[[], datetime], *, expiry_seconds: int = 15) -> None:
        self.database = database
        self.now = now
        self.expiry_seconds = expiry_seconds
        self._was_held = False
        self.holder = f"{_GATEWAY if database.is_shared else ''}{uuid4().hex}"

    def __repr__(self) -> str:
        return f"<SchedulerLock {self.holder}>"

    def take(self) -> bool:
        """Acquire or renew the lock. False if another process holds it."""
        now = self.now()
        values = {"locked_at": now, "locked_by": self.holder, "expires_at": whole(now, self.expiry_seconds)}
        with self.database.transaction() as connection:
            free = or_(scheduler_lock.c.locked_by == self.holder, self._is_expired(now))
            if self.database.is_shared and not self._was_held:
                free = or_(free, scheduler_lock.c.locked_by.startswith(_GATEWAY))
            if connection.execute(
                update(scheduler_lock).where(scheduler_lock.c.lock_name == _NAME, free).values(values)
            ).rowcount:
                self._was_held = True
                return True
            if connection.execute(select(scheduler_lock).where(scheduler_lock.c.lock_name == _NAME)).first():
                return False
            connection.execute(insert(scheduler_lock).values(lock_name=_NAME, **values))
            self._was_held = True
            return True

    def _is_expired(self, now: datetime) -> ColumnElement[bool]:
        """A holder that did not store when its lock expires has it as long as one of ours, from when it took it."""
        expires, taken = moment(scheduler_lock.c.expires_at), moment(scheduler_lock.c.locked_at)
        since = or_(taken.is_(None), taken <= now - timedelta(seconds=self.expiry_seconds))
        return or_(expires <= now, and_(expires.is_(None), since))

    @contextmanager
    def held(self) -> Iterator[Connection]:
        """A transaction that only the holder gets.

        Raises:
            LockLostError: the lock has expired or is another's.
        """
        with self.database.transaction() as connection:
            found = connection.execute(
                select(scheduler_lock.c.lock_name).where(
                    scheduler_lock.c.lock_name == _NAME,
                    scheduler_lock.c.locked_by == self.holder,
                    moment(scheduler_lock.c.expires_at) > self.now(),
                )
            ).first()
            if found is None:
                raise LockLostError(f"the scheduler {self.holder} does not hold the lock any more")
            yield connection

    def release(self) -> None:
        """Let the next one in at once; harmless if the lock is another's."""
        with self.database.transaction() as connection:
            connection.execute(delete(scheduler_lock).where(scheduler_lock.c.locked_by == self.holder))


def whole(moment: datetime, seconds: int) -> datetime:
    """``seconds`` later, rounded up: columns hold whole seconds, and nothing may be due early."""
    later = moment + timedelta(seconds=seconds)
    return later.replace(microsecond=0) + timedelta(seconds=math.ceil(later.microsecond / 1_000_000))
