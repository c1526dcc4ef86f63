"""Finding lines that may contain a keyword, on their UTF-8 bytes: neither decoded nor case-folded.

ASCII letters are lowered, which bytes do by themselves. Of all other characters only a few fold into ASCII letters (the
Kelvin sign, ß, ligatures): lines with one of them are candidates if the keyword has such a letter. So are all lines
beyond ASCII where the keyword has a character that others fold into (é, ж). One that has no case (実, 실) is looked for
like ASCII.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

__all__ = ["ByteSearch"]

FOLD_INTO_ASCII: Final[Mapping[str, Sequence[str]]] = {
    "a": "\N{LATIN SMALL LETTER A WITH RIGHT HALF RING}",
    "f": "\N{LATIN SMALL LIGATURE FF}\N{LATIN SMALL LIGATURE FFI}",
    "h": "\N{LATIN SMALL LETTER H WITH LINE BELOW}",
    "i": "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{LATIN SMALL LIGATURE FI}",
    "j": "\N{LATIN SMALL LETTER J WITH CARON}",
    "k": "\N{KELVIN SIGN}",
    "l": "\N{LATIN SMALL LIGATURE FL}",
    "n": "\N{LATIN SMALL LETTER N PRECEDED BY APOSTROPHE}",
    "s": "\N{LATIN SMALL LETTER LONG S}\N{LATIN SMALL LETTER SHARP S}\N{LATIN CAPITAL LETTER SHARP S}"
    "\N{LATIN SMALL LIGATURE ST}",
    "t": "\N{LATIN SMALL LETTER T WITH DIAERESIS}\N{LATIN SMALL LIGATURE ST}",
    "w": "\N{LATIN SMALL LETTER W WITH RING ABOVE}",
    "y": "\N{LATIN SMALL LETTER Y WITH RING ABOVE}",
}
"""By letter, characters beyond ASCII whose case folding has it; neighbours with the same first two bytes are named once
(Unicode, CaseFolding.txt)."""

_PIECE_BYTES: Final = 8 << 10

_SEPARATE_MAX: Final = 3
"""Texts that are looked for in a line one after the other; for more the automaton is quicker."""

PREFIX_BYTES: Final = 2
"""As many of each are looked for: one search finds all neighbours."""

CASELESS: Final = frozenset({"Lo", "Nd", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sc", "Sm", "Zs"})
"""Categories of Unicode of which no character is what another one folds into."""


class ByteSearch:
    """Looks for case-folded keywords; what it does not name has none of them, whatever the case.

    Args:
        keywords: case-folded, without characters that JSON escapes.
    """

    __slots__ = ("_ascii", "_foreign", "_is_cased", "_needles")

    def __init__(self, keywords: Sequence[str]) -> None:
        needles = [keyword.encode() for keyword in keywords]
        letters = frozenset("".join(keywords))
        foreign = {each.encode()[:PREFIX_BYTES] for letter in letters for each in FOLD_INTO_ASCII.get(letter, ())}
        # Lowering leaves bytes beyond ASCII as they are: one automaton finds keywords and what may fold into them.
        is_one = len(needles) > _SEPARATE_MAX
        self._needles = _Needles([*needles, *sorted(foreign)] if is_one else needles)
        self._foreign = _Needles([] if is_one else sorted(foreign))
        self._ascii = _Needles([needle for needle in needles if needle.isascii()])
        self._is_cased = any(not each.isascii() and unicodedata.category(each) not in CASELESS for each in letters)

    def __repr__(self) -> str:
        return f"<ByteSearch {self._needles!r}>"

    def is_in(self, text: bytes) -> bool:
        """Whether any line of a text may have a keyword."""
        if text.isascii():
            return self._ascii.are_in(text)
        return self._is_cased or self._needles.are_in(text) or self._foreign.are_in(text)

    def candidates(self, lines: Sequence[bytes]) -> list[int]:
        """The indices of the lines that may have a keyword, ascending."""
        text = b"\n".join(lines)
        if text.isascii():
            return self._ascii.lines_with(text)
        if self._is_cased:
            return [i for i, line in enumerate(lines) if not line.isascii() or self._ascii.are_in(line)]
        found = self._needles.lines_with(text)
        doubtful = self._foreign.lines_with(text)
        return sorted({*found, *doubtful}) if doubtful else found


class _Needles:
    """Looks for one of some byte strings. Most texts have none of them, which the automaton sees in one quick pass."""

    __slots__ = ("_find", "_needles", "_overlap")

    def __init__(self, needles: Sequence[bytes]) -> None:
        self._needles = needles
        self._find = BytesAhoCorasick(needles).find_matches_as_indexes if needles else None
        self._overlap = max(map(len, needles), default=1) - 1

    def __repr__(self) -> str:
        return repr(self._needles)

    def are_in(self, text: bytes) -> bool:
        """Whether one of them is in a text, once that is lowered.

        It is searched piece by piece: the automaton lists every occurrence, and a call on a whole chunk would keep
        Python's lock, which the live path waits for, for a third of a millisecond.
        """
        find, overlap = self._find, self._overlap
        return find is not None and any(
            find(text[start : start + _PIECE_BYTES + overlap].lower()) for start in range(0, len(text), _PIECE_BYTES)
        )

    def lines_with(self, text: bytes) -> list[int]:
        """The indices of the lines of a text that have one of them, once that is lowered."""
        needles = self._needles
        if len(needles) > _SEPARATE_MAX:
            return self._lines_of_places(text)
        if not self.are_in(text):
            return []
        lines = text.lower().split(b"\n")
        if len(needles) == 1:
            needle = needles[0]
            return [index for index, line in enumerate(lines) if needle in line]
        return [index for index, line in enumerate(lines) if any(needle in line for needle in needles)]

    def _lines_of_places(self, text: bytes) -> list[int]:
        """The same by the places that the automaton lists."""
        find, piece_bytes = self._find, _PIECE_BYTES + self._overlap
        ends: list[int] = []
        found: set[int] = set()
        start = 0
        while find is not None and start < len(text):
            places = find(text[start : start + piece_bytes].lower())
            if places:
                ends = ends or list(accumulate(len(line) + 1 for line in text.split(b"\n")))
                numbers = [bisect_right(ends, start + place) for _, place, _ in places]
                found.update(numbers)
                start = max(start, ends[numbers[-1]] - _PIECE_BYTES)  # the rest of that line says nothing new
            start += _PIECE_BYTES
        return sorted(found)
