"""What a connection has to have done by when."""

import pytest

from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.time_limits import ConnectionTimes

LIMITS = ServerLimits(
    preface_seconds_max=10,
    header_seconds_max=10,
    frame_seconds_max=30,
    unread_seconds_max=60,
    idle_seconds_max=900,
    strange_seconds_max=120,
    keepalive_seconds=60,
    keepalive_timeout_seconds=20,
)
START = 1000.0


@pytest.fixture
def times() -> ConnectionTimes:
    return ConnectionTimes(LIMITS, START)


def test_a_peer_begins_in_time(times: ConnectionTimes) -> None:
    """Its first SETTINGS come within the limit."""
    assert not times.is_unresponsive(START + 10, has_settings=False)
    assert times.is_unresponsive(START + 11, has_settings=False)
    assert not times.is_unresponsive(START + 11, has_settings=True)


def test_a_peer_that_takes_nothing_is_unresponsive(times: ConnectionTimes) -> None:
    """After a minute without room for more."""
    times.note_congestion(START)
    assert not times.is_unresponsive(START + 60, has_settings=True)
    assert times.is_unresponsive(START + 61, has_settings=True)


def test_what_has_begun_is_completed_in_time(times: ConnectionTimes) -> None:
    """Headers and frames count from their first bytes; more bytes do not begin anew."""
    times.note_parts(is_amid_frame=True, is_in_headers=False)
    times.heard_at = START + 29
    times.note_parts(is_amid_frame=True, is_in_headers=True)
    assert times.overdue(START + 30) == ""
    assert times.overdue(START + 31) == "a frame is not complete in time"
    times.note_parts(is_amid_frame=False, is_in_headers=True)
    assert times.overdue(START + 39) == ""
    assert times.overdue(START + 40) == "headers are not complete in time"


def test_the_time_in_which_a_peer_is_not_read_is_not_its_own(times: ConnectionTimes) -> None:
    """A frame that is incomplete meanwhile counts anew once it is read again."""
    times.note_parts(is_amid_frame=True, is_in_headers=True)
    times.note_congestion(START + 1)
    assert times.overdue(START + 50) == ""
    times.note_relief(START + 50)
    assert times.overdue(START + 60) == ""
    assert times.overdue(START + 61) == "headers are not complete in time"


@pytest.mark.parametrize(("is_welcome", "seconds"), [(True, 900), (False, 120)])
def test_a_connection_without_calls_leaves(times: ConnectionTimes, *, is_welcome: bool, seconds: int) -> None:
    """Sooner where it never had one that was admitted."""
    assert not times.is_idle_too_long(START + seconds, is_welcome=is_welcome)
    assert times.is_idle_too_long(START + seconds + 1, is_welcome=is_welcome)


def test_a_silent_peer_is_asked_once_and_then_dead(times: ConnectionTimes) -> None:
    """One that answers is asked again after the next silence."""
    assert not times.wants_ping(START + 60)
    assert times.wants_ping(START + 61)
    assert not times.wants_ping(START + 62)
    assert not times.is_dead(START + 81)
    assert times.is_dead(START + 82)
    times.heard_at = START + 82
    assert not times.is_dead(START + 90)
    assert times.wants_ping(START + 143)
