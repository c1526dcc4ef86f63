"""The judge."""

from hypothesis import given
from hypothesis import strategies as st

from canary.delivery_check import DeliveryCheck, Route, RouteCounts, Tolerance
from canary.latency import Latencies
from canary.lines import message_of, number_in

TOLERANCE = Tolerance(late_seconds=2, grace_seconds=10)


def ledger_of(lines: int, *, acknowledged: bool = True) -> tuple[DeliveryCheck, RouteCounts]:
    counts = RouteCounts()
    check = DeliveryCheck("t", {Route.SSE: counts}, TOLERANCE)
    for _ in range(lines):
        number = check.write(0)
        if acknowledged:
            check.acknowledge(number, 0)
    return check, counts


def figures(counts: RouteCounts) -> tuple[int, ...]:
    return counts.seen, counts.missing, counts.doubled, counts.out_of_order, counts.late


@given(st.lists(st.integers(1, 12), max_size=40))
def test_every_sequence_of_sightings_is_judged_exactly(seen: list[int]) -> None:
    """First sightings, repetitions and inversions are those of the plain list; what is left is missing."""
    check, counts = ledger_of(12)
    check.come(Route.SSE, 0)
    for number in seen:
        check.see(Route.SSE, number, 1)
    check.close()
    check.judge(11)
    first = list(dict.fromkeys(seen))
    inversions = sum(number < max(first[:at], default=0) for at, number in enumerate(first))
    assert figures(counts) == (len(first), 12 - len(first), len(seen) - len(first), inversions, 0)
    assert counts.is_well == (first == seen == sorted(seen) and len(first) == 12)
    assert check.is_settled


def test_nothing_is_missing_before_its_grace_on_a_route_that_is_there() -> None:
    """A gateway that is away, or has not acknowledged, owes nothing yet; the grace starts anew when it comes."""
    check, counts = ledger_of(2, acknowledged=False)
    check.judge(1000)
    check.come(Route.SSE, 1000)
    check.judge(2000)
    check.acknowledge(1, 2000)
    check.judge(2010)
    check.go(Route.SSE)
    check.judge(3000)
    check.come(Route.SSE, 3000)
    check.judge(3010)
    assert (counts.missing, check.open_lines) == (0, 2)
    check.judge(3010.1)
    assert (counts.missing, check.open_lines) == (1, 1)


def test_a_line_that_comes_after_all_is_recovered_and_late() -> None:
    """It was missing, and is so no more."""
    check, counts = ledger_of(1)
    check.come(Route.SSE, 0)
    check.judge(11)
    assert not counts.is_well
    check.see(Route.SSE, 1, 12)
    assert (counts.missing, counts.recovered, counts.late, counts.is_well) == (1, 1, 1, True)


def test_a_line_in_doubt_may_come_or_not() -> None:
    """Only twice is too often."""
    for times, doubled in ((0, 0), (1, 0), (2, 1)):
        check, counts = ledger_of(1, acknowledged=False)
        check.doubt(1)
        for _ in range(times):
            check.see(Route.SSE, 1, 1)
        check.close()
        check.judge(100)
        assert (counts.missing, counts.doubled, check.is_settled) == (0, doubled, True)


def test_lines_that_were_never_written_are_unexpected() -> None:
    """Numbers beyond the last, and what is no line of the task at all."""
    check, counts = ledger_of(1)
    assert number_in("t", message_of("t", 7)) == 7
    assert number_in("t", message_of("other", 1)) == 0
    assert number_in("t", "🎉 작업 완료") is None
    check.see(Route.SSE, 2, 1)
    check.see(Route.SSE, 0, 1)
    assert (counts.unexpected, counts.is_well) == (2, False)


@given(st.lists(st.floats(0, 400), min_size=1, max_size=50))
def test_quantiles_are_never_below_the_true_ones(seconds: list[float]) -> None:
    """A bucket's upper bound is at most a step too high, and never more than the worst."""
    latencies = Latencies()
    for each in seconds:
        latencies.observe(each)
    ordered = sorted(seconds)
    assert ordered[(len(ordered) - 1) // 2] <= latencies.quantile(0.5) <= ordered[-1]
    assert latencies.quantile(1) == ordered[-1]
    assert latencies.cumulative()[-1] == ("+Inf", len(seconds))
