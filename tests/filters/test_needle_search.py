"""Texts that are looked for together: the gateway's automaton and the client's regular expression find the same."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otto_logs._needle_search import needle_search as search_of_client

from filters.needle_search import needle_search as search_of_gateway

BOTH = pytest.mark.parametrize("search_for", [search_of_client, search_of_gateway])


def plain(needles: Sequence[str], text: str) -> list[tuple[int, int]]:
    found, at = [], 0
    while at < len(text):
        longest = max((len(needle) for needle in needles if text.startswith(needle, at)), default=0)
        if longest:
            found.append((at, at + longest))
        at += longest or 1
    return found


@BOTH
@given(st.lists(st.text("ab.(", min_size=1, max_size=5), min_size=1, max_size=8, unique=True), st.text("ab.(c"))
def test_needle_search_finds_the_longest_at_each_place(
    search_for: Callable[[Sequence[str]], Callable[[str], list[tuple[int, int]]]], needles: list[str], text: str
) -> None:
    """From left to right, none over another."""
    assert search_for(needles)(text) == plain(needles, text)
