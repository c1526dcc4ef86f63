"""How many lines of each level a chunk has, in the one integer that is stored with it for the levels.

The lowest six bits say which levels there are, as ``filters.entry.LEVEL_BITS`` has them; filters skip chunks by these.
A set seventh bit says that counts follow: of each level that is there but the most severe one, in ``n.bit_length()``
bits each for a chunk of ``n`` lines. The last count is what is left. A column of its own would have to stand after the
payload in databases that are there, and be read by going through all of it; and chunks of one level, which most are,
need no count at all. What does not fit into 63 bits (six levels in more than 2,047 lines) is stored without counts, as
older versions did, and is counted by opening it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from filters.entry import LEVEL_BITS, LEVELS

__all__ = ["LEVEL_MASK", "pack_levels", "unpack_levels"]

LEVEL_MASK: Final = (1 << len(LEVELS)) - 1
_HAS_COUNTS: Final = LEVEL_MASK + 1
_SHIFT: Final = len(LEVELS) + 1
_BITS_MAX: Final = 63 - _SHIFT


def pack_levels(names: Sequence[str]) -> int:
    """The integer for lines of these levels."""
    present = set(names)
    mask = 0
    for name in present:
        mask |= LEVEL_BITS[name]
    if len(present) == 1:
        return mask | _HAS_COUNTS
    width = len(names).bit_length()
    if width * (len(present) - 1) > _BITS_MAX:
        return mask
    counts = shift = 0
    for name in [level for level in LEVELS if level in present][:-1]:
        counts |= names.count(name) << shift
        shift += width
    return mask | _HAS_COUNTS | counts << _SHIFT


def unpack_levels(levels: int, lines: int) -> Mapping[str, int] | None:
    """The counts of a chunk of so many lines; None if they are not known."""
    if not levels & _HAS_COUNTS:
        return None
    present = [level for level in LEVELS if levels & LEVEL_BITS[level]]
    width = lines.bit_length()
    packed = levels >> _SHIFT
    counts = {}
    for level in present[:-1]:
        counts[level] = packed & ((1 << width) - 1)
        packed >>= width
    counts[present[-1]] = lines - sum(counts.values())
    return counts
