"""Positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.position import Position, PositionError

positions = st.builds(
    Position,
    st.integers(0, 10**18 - 1),
    st.just("") | st.text(st.sampled_from("0123456789abcdef"), min_size=8, max_size=8),
    st.booleans(),
)


@given(positions)
def test_a_position_reads_as_it_was_written(position: Position) -> None:
    """One parser, one formatter."""
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", Position()),
        ("7", Position(7)),
        ("007", Position(7)),
        ("0123abcd-7", Position(7, "0123abcd")),
        ("0123abcd-7.end", Position(7, "0123abcd", end_seen=True)),
        ("12345678-9", Position(9, "12345678")),
        ("12345678", Position(12_345_678)),
    ],
)
def test_ids_and_bare_numbers_are_positions(text: str, position: Position) -> None:
    """A person may type a number; the stream gives out the rest."""
    assert Position.parse(text) == position


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.5", "seven", "1 ", " 1", "1\n", "٧", "0123ABCD-7", "0123abc-7", "0123abcd-", "7.END", "9" * 19],
)
def test_other_texts_are_refused(text: str) -> None:
    """With a short error that says what would be right."""
    with pytest.raises(PositionError, match="give a sequence number or an id"):
        Position.parse(text)
    with pytest.raises(PositionError) as caught:
        Position.parse(text + "x" * 100_000)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=12))
def test_every_text_is_a_position_or_an_error(text: str) -> None:
    """What was read and is written again reads the same; ids have no line feed."""
    try:
        position = Position.parse(text)
    except PositionError:
        return
    assert Position.parse(str(position)) == position
    assert "\n" not in str(position)


def test_a_bare_number_belongs_to_every_life_of_the_journal() -> None:
    """An id belongs to the one that gave it out."""
    assert Position(7).belongs_to("0123abcd")
    assert Position(7, "0123abcd").belongs_to("0123abcd")
    assert not Position(7, "0123abcd").belongs_to("00000000")
