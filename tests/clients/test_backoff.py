from otto_logs._backoff import Backoff


def test_the_bound_doubles_up_to_its_limit() -> None:
    """Each attempt may wait twice as long as the one before, and none longer than the limit."""
    backoff = Backoff(0.2, 1.0, rng=lambda _, bound: bound)

    assert [backoff.next_delay_seconds() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]


def test_jitter_is_full() -> None:
    """A delay is anything between none and the bound."""
    backoff = Backoff(1.0, 8.0, rng=lambda least, _: least)

    assert [backoff.next_delay_seconds() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_success_starts_anew() -> None:
    """After something has worked, the first delay is a short one again."""
    backoff = Backoff(1.0, 100.0, rng=lambda _, bound: bound)
    for _ in range(40):
        backoff.next_delay_seconds()
    backoff.reset()

    assert backoff.next_delay_seconds() == 1.0


def test_another_base_forgets_no_failure() -> None:
    """A gateway that says what to start with does not shorten the delays of one that keeps failing."""
    backoff = Backoff(1.0, 100.0, rng=lambda _, bound: bound)
    backoff.next_delay_seconds()
    backoff.next_delay_seconds()
    backoff.set_base(3.0)

    assert backoff.next_delay_seconds() == 12.0
