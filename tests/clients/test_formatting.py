from otto_logs._commands.formatting import ShownLines


def test_shown_lines_knows_lines_of_an_earlier_life_again() -> None:
    """By number and content; in the life that they were shown in, none is a repetition."""
    shown = ShownLines()
    assert shown.enter("a") == ""
    shown.add(1, "one")
    shown.add(2, "two")
    assert not shown.is_repeated(1, "one")
    assert shown.enter("b") == "a"
    assert [shown.is_repeated(*line) for line in ((1, "one"), (1, "else"), (2, "two"), (3, "one"))] == [1, 0, 1, 0]
    assert (shown.enter("b"), shown.enter("")) == ("", "")


def test_shown_lines_forgets_the_oldest() -> None:
    """A line that is shown again is new."""
    shown = ShownLines(lines_max=2)
    shown.enter("a")
    for sequence in (1, 2, 1, 3):
        shown.add(sequence, "x")
    shown.enter("b")
    assert [shown.is_repeated(sequence, "x") for sequence in (1, 2, 3)] == [True, False, True]
