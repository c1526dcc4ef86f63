"""Token buckets."""

from gateway.grpc_server.budget import TokenBucket


def test_a_burst_is_taken_and_refilled_by_time() -> None:
    """What was not taken is not saved up: after any silence there is a burst, and at most another one at once."""
    now = 0.0
    bucket = TokenBucket(2, per_second=1.0, clock=lambda: now)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now = 1.0
    assert [bucket.take() for _ in range(2)] == [True, False]
    now = 100.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_what_is_given_counts_up_to_the_burst() -> None:
    """Honest traffic pays for itself."""
    bucket = TokenBucket(2, per_second=0.0, clock=lambda: 0.0)
    assert bucket.take(2)
    bucket.give(10)
    assert bucket.take(2)
    assert not bucket.take()
