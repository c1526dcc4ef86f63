"""Bodies cut into lines."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.plain.line_splitter import LineSplitter, RawLine


def split(pieces: list[bytes], bytes_max: int = 100) -> list[RawLine]:
    splitter = LineSplitter(bytes_max)
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return [*lines, *splitter.rest()]


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\r", b"x")), max_size=20))
def test_lines_do_not_depend_on_pieces(pieces: list[bytes]) -> None:
    """Whatever pieces a body arrives in, its lines are those of the whole."""
    *lines, rest = b"".join(pieces).split(b"\n")
    assert [line.data for line in split(pieces, 1_000)] == [*lines, *([rest] if rest else [])]


def test_ends_of_lines_are_no_part_of_them() -> None:
    """Of both kinds, also across pieces; blank lines are lines, and the last one needs no end."""
    assert [line.data for line in split([b"a\r", b"\nb\n\r\n\n", b"c\r\rd"])] == [b"a", b"b", b"", b"", b"c\r\rd"]


def test_a_long_line_is_counted_and_not_kept() -> None:
    """One byte more than may be is kept, so that it is seen to be too long; the next line is whole."""
    lines = split([b"x" * 70, b"x" * 1_000, b"\nnext\n"])
    assert [(len(line.data), line.size) for line in lines] == [(101, 1_070), (4, 4)]
