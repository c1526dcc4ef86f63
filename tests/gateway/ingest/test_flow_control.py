"""What producers are told at which backlog."""

from gateway.ingest.flow_control import flow_control_of
from gateway.ingest.limits import IngestLimits

LIMITS = IngestLimits(inflight_lines_max=1_000, credit_lines_min=10, wait_ms_max=400)


def test_up_to_half_of_the_limit_nobody_is_slowed_down() -> None:
    """A backlog is how large commits come about."""
    for fullness in (0.0, 0.3, 0.5):
        assert flow_control_of(LIMITS, fullness) == (1_000, 0)


def test_then_credit_shrinks_and_the_wait_grows_with_the_backlog() -> None:
    """Evenly, and back again: only the backlog of the moment counts."""
    assert [flow_control_of(LIMITS, fullness) for fullness in (0.6, 0.75, 0.9, 0.75)] == [
        (800, 80),
        (500, 200),
        (200, 320),
        (500, 200),
    ]


def test_some_credit_is_always_left() -> None:
    """A producer without any would never hear that there is some again; also while reading is paused."""
    assert flow_control_of(LIMITS, 7.0) == (10, 400)
    assert flow_control_of(LIMITS, 0.6, is_writable=False) == (10, 400)
