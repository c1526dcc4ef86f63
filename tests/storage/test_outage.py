"""Reasons why background work cannot be done, and when they are logged."""

import pytest
from structlog.testing import capture_logs

from storage.outage import OutageLog


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage_log(clock: Clock) -> OutageLog:
    return OutageLog("rows wait", "rows go on", clock=clock)


def test_a_short_lock_is_no_news(outage_log: OutageLog, clock: Clock) -> None:
    """Neither its beginning nor its end is said, however often it comes back."""
    with capture_logs() as said:
        for _ in range(5):
            outage_log.note("locked")
            clock.now += 9.9
            outage_log.note("locked")
            outage_log.clear()
    assert (said, outage_log.said) == ([], "")


def test_a_long_one_is_said_once_and_its_end_too(outage_log: OutageLog, clock: Clock) -> None:
    """With how long it has lasted, and what it was."""
    with capture_logs() as said:
        for _ in range(5):
            outage_log.note("locked")
            clock.now += 4.0
        assert outage_log.said == "locked"
        outage_log.clear()
    assert said == [
        {"event": "rows wait", "reason": "locked", "seconds": 12.0, "exc_info": False, "log_level": "warning"},
        {"event": "rows go on", "after": "locked", "log_level": "info"},
    ]
    assert outage_log.said == ""


def test_another_reason_is_said_too(outage_log: OutageLog, clock: Clock) -> None:
    """The wait continues; why, has changed."""
    with capture_logs() as said:
        outage_log.note("locked")
        clock.now += 10.0
        for reason in ("locked", "disk full", "disk full"):
            outage_log.note(reason)
    assert [each["reason"] for each in said] == ["locked", "disk full"]


@pytest.mark.parametrize("kind", ["at_once", "unexpected"])
def test_some_are_said_at_once(outage_log: OutageLog, kind: str) -> None:
    """What will not go away by itself, and what nobody expected, do not wait 10 s."""
    with capture_logs() as said:
        outage_log.note("KeyError: 'x'", **{kind: True})
    assert [each["reason"] for each in said] == ["KeyError: 'x'"]
