"""Lost, doubled, out of order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.sequence_check import Arrival, SequenceCheck, SequenceVerdict


@given(st.lists(st.integers(1, 12), max_size=40))
def test_sequence_check_agrees_with_plain_lists(numbers: list[int]) -> None:
    """Whatever comes, in whatever order: first sightings, repetitions and inversions."""
    check = SequenceCheck(numbers)
    first = list(dict.fromkeys(numbers))
    inversions = sum(number < max(first[:at], default=0) for at, number in enumerate(first))
    assert check.verdict(range(1, 13)) == SequenceVerdict(12 - len(first), len(numbers) - len(first), inversions)
    assert check.verdict(range(1, 13)).is_good == (numbers == list(range(1, 13)))
    assert check.is_orderly == (numbers == sorted(set(numbers)))
    assert [number for number in range(14) if number in check] == sorted(first)
    assert check.highest == max(first, default=0)
    assert check.missing(range(1, check.complete_upto + 2)) == [check.complete_upto + 1]


@pytest.mark.parametrize(
    ("numbers", "arrival"),
    [
        ([1], Arrival.IN_ORDER),
        ([1, 2], Arrival.IN_ORDER),
        ([1, 7], Arrival.IN_ORDER),
        ([1, 7, 8], Arrival.IN_ORDER),
        ([1, 1], Arrival.AGAIN),
        ([1, 7, 7], Arrival.AGAIN),
        ([1, 7, 2], Arrival.OUT_OF_ORDER),
        ([1, 7, 2, 1], Arrival.AGAIN),
    ],
)
def test_sequence_check_says_of_each_number_how_it_came(numbers: list[int], arrival: Arrival) -> None:
    """A hole before it is no fault of its own; coming again counts as that alone."""
    *before, last = numbers
    assert SequenceCheck(before).see(last) is arrival


def test_sequence_check_needs_no_memory_for_what_is_complete() -> None:
    """A reader of any length costs as much as its holes."""
    check = SequenceCheck(range(10_000, 0, -1))
    assert repr(check) == "<SequenceCheck all to 10000, 0 after that, 0 doubled, 9999 out of order>"
