"""Runs of entries."""

from hypothesis import given
from hypothesis import strategies as st

from filters.block import Block
from filters.entry import LogEntry, encode_lines
from tests.support.filter_strategies import entries


def block_of(lines: list[LogEntry], first: int = 10, *, with_entries: bool = True) -> Block:
    return Block("task", first, encode_lines(lines), entries=lines if with_entries else None, received_at=3.0)


some_entries = st.lists(entries("task"), max_size=6)


@given(some_entries, st.integers(0, 20), st.booleans())
def test_what_is_behind_a_sequence(lines: list[LogEntry], sequence: int, with_entries: bool) -> None:
    """The rest has its own first sequence, and its entries are those of its lines."""
    block = block_of(lines, with_entries=with_entries)
    rest = block.after(sequence)
    skipped = min(max(sequence - 9, 0), len(lines))
    assert rest.lines == block.lines[skipped:]
    assert list(rest.entries()) == lines[skipped:]
    assert rest.last == max(block.last, sequence) if not rest.lines else rest.last == block.last
    assert (rest.task_id, rest.received_at) == ("task", 3.0)
    assert not rest.lines or rest.first == max(10, sequence + 1)


def test_all_of_a_block_is_the_block() -> None:
    """Nothing is copied where nothing is left out."""
    block = Block("task", 10, [b"a", b"b"])
    assert block.after(9) is block
    assert block.after(0) is block


@given(some_entries, st.integers(0, 6), st.integers(0, 6))
def test_a_part_is_a_slice(lines: list[LogEntry], start: int, stop: int) -> None:
    """Indices as of a list."""
    part = block_of(lines).part(start, stop)
    assert list(part.entries()) == lines[start:stop]
    assert part.first == 10 + start
    assert part.size == sum(map(len, part.lines))


@given(some_entries)
def test_a_block_that_forgot_its_entries_decodes_them(lines: list[LogEntry]) -> None:
    """Lines are enough."""
    block = block_of(lines)
    assert block.entries() is lines
    block.forget_entries()
    assert block.entries() == lines
    assert repr(block) == f"<Block 'task' 10..{9 + len(lines)} {block.size} bytes>"
