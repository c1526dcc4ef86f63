import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.keyword_search import keyword_search


@given(st.lists(st.text("abß", min_size=1, max_size=4), min_size=1, max_size=8), st.lists(st.text("abß"), max_size=8))
def test_keyword_search_agrees_with_in(keywords: list[str], messages: list[str]) -> None:
    """However many keywords there are, and whichever way is taken for so many."""
    found = keyword_search(tuple(keywords))(messages)
    assert found == [any(keyword in message for keyword in keywords) for message in messages]


@pytest.mark.parametrize("start", [4090, 4094, 4095, 4096, 4097, 8190])
def test_keyword_search_finds_what_lies_on_the_seam_of_two_pieces(start: int) -> None:
    """A long message is searched in pieces that overlap."""
    message = "x" * start + "needle" + "x" * 100
    assert keyword_search(("a", "b", "c", "needle"))([message, message.replace("needle", "needl")]) == [True, False]
