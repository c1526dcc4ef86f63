"""Counts of levels in one integer."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from filters.entry import LEVELS, level_mask
from storage.journal.level_counts import LEVEL_MASK, pack_levels, unpack_levels

CHUNKS = st.dictionaries(st.sampled_from(LEVELS), st.integers(1, 3000), min_size=1).map(
    lambda counts: [level for level, count in counts.items() for _ in range(count)]
)


@given(CHUNKS)
def test_the_counts_come_back(levels: list[str]) -> None:
    """For a chunk of any size, in what SQLite takes for an integer; only six levels of many lines have none."""
    packed = pack_levels(levels)
    assert 0 < packed < 1 << 63
    assert packed & LEVEL_MASK == level_mask(frozenset(levels))
    counts = unpack_levels(packed, len(levels))
    if counts is None:
        assert len(set(levels)) == 6
        assert len(levels) > 2047
    else:
        assert counts == Counter(levels)


def test_chunks_of_older_versions_have_none() -> None:
    """They have the mask alone."""
    assert unpack_levels(level_mask(["INFO"]), 5) is None
