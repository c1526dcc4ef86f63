"""How long retention pauses between two steps."""

import pytest

from storage.retention.pace import Pace


class Database:
    """What a pace looks at."""

    def __init__(self) -> None:
        self.now = self.commit_seconds = self.fullness = 0.0

    def pace(self, pause_seconds_max: float = 10.0) -> Pace:
        return Pace(
            lambda: self.commit_seconds,
            lambda: self.fullness,
            pause_seconds_max=pause_seconds_max,
            clock=lambda: self.now,
        )

    def run(self, pace: Pace, seconds: float, *, busy: float) -> float:
        """Work in steps of 2 ms for so long beside commits; the share of the time that steps took."""
        start, worked = self.now, 0.0
        while self.now < start + seconds:
            taken = 0.002 + pace.pause(0.002)
            self.now, self.commit_seconds = self.now + taken, self.commit_seconds + taken * busy
            worked += 0.002
        return worked / (self.now - start)


def test_a_pass_begins_slowly_and_takes_more_the_longer_it_lasts() -> None:
    """Where little is due it is over before anybody notices; where much is, it takes most of what is free."""
    database = Database()
    pace = database.pace()
    assert database.run(pace, 1, busy=0) < 0.15
    database.run(pace, 6, busy=0)
    assert database.run(pace, 1, busy=0) == pytest.approx(0.8, abs=0.01)
    pace.begin()
    assert database.run(pace, 1, busy=0) < 0.15


@pytest.mark.parametrize(("busy", "share"), [(0.25, 0.6), (0.5, 0.4), (0.9, 0.16), (1.0, 0.16)])
def test_steps_take_a_share_of_what_commits_leave(busy: float, share: float) -> None:
    """And a little where they leave nothing."""
    database = Database()
    pace = database.pace()
    database.run(pace, 8, busy=busy)
    assert database.run(pace, 2, busy=busy) == pytest.approx(share, abs=0.01)


def test_a_pass_is_slow_while_commits_are_behind() -> None:
    """Lines that wait go first, whatever is due."""
    database = Database()
    pace = database.pace()
    database.run(pace, 10, busy=0)
    database.fullness = 0.5
    assert database.run(pace, 1, busy=0) == pytest.approx(0.1, abs=0.01)


def test_no_pause_is_longer_than_is_said() -> None:
    """0 is none at all."""
    assert [Database().pace(most).pause(2.0) for most in (0.5, 0.0)] == [0.5, 0.0]
