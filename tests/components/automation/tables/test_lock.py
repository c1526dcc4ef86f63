"""The scheduler's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from components.automation.tables import AutomationDatabase, LockLostError, SchedulerLock

START = datetime(2027, 1, 31, 3, 0, 0, 900_000)  # noqa: DTZ001 - UTC, as the tables hold it
EXPIRY = 15


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bid(tmp_path: Path, clock: Clock) -> Callable[[], SchedulerLock]:
    """Makes schedulers' bids for one lock."""
    AutomationDatabase(tmp_path / "otto.db").prepare()
    return lambda: SchedulerLock(AutomationDatabase(tmp_path / "otto.db"), clock, expiry_seconds=EXPIRY)


@pytest.mark.parametrize("seconds", [0, 1, EXPIRY - 0.01, EXPIRY])
def test_a_valid_lock_is_nobody_elses(bid: Callable[[], SchedulerLock], clock: Clock, seconds: float) -> None:
    """Until ``expiry_seconds`` have passed, rounded up, a second scheduler is refused and the first may write."""
    first, second = bid(), bid()
    assert first.take()
    clock.advance(seconds)
    assert not second.take()
    with first.held():
        pass
    with pytest.raises(LockLostError), second.held():
        pass


def test_an_expired_lock_is_taken_over_and_its_holder_is_out(bid: Callable[[], SchedulerLock], clock: Clock) -> None:
    """From then on the first can neither write nor renew, however long it was only slow."""
    first, second = bid(), bid()
    assert first.take()
    clock.advance(EXPIRY + 1)
    with pytest.raises(LockLostError), first.held():
        pass
    assert second.take()
    assert not first.take()
    with pytest.raises(LockLostError), first.held():
        pass
    first.release()
    with second.held():
        pass


def test_a_renewed_lock_counts_from_its_renewal(bid: Callable[[], SchedulerLock], clock: Clock) -> None:
    """A holder that renews in time keeps it."""
    first, second = bid(), bid()
    for _ in range(3):
        assert first.take()
        clock.advance(EXPIRY - 1)
        assert not second.take()


def test_a_released_lock_is_free_at_once(bid: Callable[[], SchedulerLock]) -> None:
    """Its time need not be over."""
    first, second = bid(), bid()
    assert first.take()
    first.release()
    assert second.take()
    assert not first.take()


@pytest.mark.parametrize("is_new", [True, False])
def test_of_schedulers_that_bid_at_once_one_gets_it(
    bid: Callable[[], SchedulerLock], clock: Clock, *, is_new: bool
) -> None:
    """Where there was none, and where the last one has expired."""
    if not is_new:
        bid().take()
        clock.advance(EXPIRY + 1)
    bids = [bid() for _ in range(8)]
    with ThreadPoolExecutor(len(bids)) as threads:
        taken = list(threads.map(SchedulerLock.take, bids))
    assert sum(taken) == 1
