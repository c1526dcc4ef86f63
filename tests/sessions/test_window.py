from sessions.window import Window
from tests.support.scripted_history import block


def ranges(window: Window, sequence: int, upto: int) -> list[tuple[int, int]] | None:
    found = window.since(sequence, upto)
    return None if found is None else [(each.first, each.last) for each in found]


def test_window_gives_what_comes_after_a_sequence() -> None:
    """The first block cut where it begins, the last one up to which is asked."""
    window = Window()
    for first in (1, 4, 7):
        window.append(block(first, first + 2))
    assert ranges(window, 0, 9) == [(1, 3), (4, 6), (7, 9)]
    assert ranges(window, 4, 9) == [(5, 6), (7, 9)]
    assert ranges(window, 3, 6) == [(4, 6)]
    assert ranges(window, 9, 9) == []


def test_window_gives_nothing_where_it_does_not_hold_all() -> None:
    """Neither from before its first entry nor up to after its last."""
    window = Window()
    assert ranges(window, 0, 0) is None
    window.append(block(4, 6))
    assert (ranges(window, 2, 6), ranges(window, 3, 7), ranges(window, 3, 6)) == (None, None, [(4, 6)])


def test_window_keeps_the_newest_block_however_small_it_is_trimmed() -> None:
    """And its size is that of what is left."""
    window = Window()
    blocks = [block(1, 3), block(4, 6), block(7, 9)]
    for each in blocks:
        window.append(each)
    window.trim(blocks[1].size + blocks[2].size)
    assert (ranges(window, 3, 9), window.size) == ([(4, 6), (7, 9)], blocks[1].size + blocks[2].size)
    window.trim(0)
    assert (ranges(window, 6, 9), window.size) == ([(7, 9)], blocks[2].size)


def test_window_starts_anew_with_a_block_that_does_not_follow() -> None:
    """Its entries are consecutive at any time."""
    window = Window()
    window.append(block(1, 3))
    window.append(block(5, 6))
    assert (ranges(window, 0, 6), ranges(window, 4, 6), window.size) == (None, [(5, 6)], block(5, 6).size)
    window.clear()
    assert (ranges(window, 4, 6), window.size) == (None, 0)
