"""Finding lines that may contain a keyword, on their UTF-8 bytes: neither decoded nor case-folded.

ASCII letters are lowered, which bytes do by themselves. Of all other characters only a few fold into ASCII letters (the
Kelvin sign, ß, ligatures): lines with one of them are candidates if the keyword has such a letter. So are all lines
beyond ASCII where the keyword has a character that others fold into (é, ж). One that has no case (実, 실) is looked for
like ASCII.
"""

import unicodedata
from collections.abc import Mapping, Sequence
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
        self._needles = _Needles(needles)
        self._ascii = _Needles([needle for needle in needles if needle.isascii()])
        self._foreign = _Needles(sorted(foreign))
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
        if not self.are_in(text):
            return []
        lines, needles = text.lower().split(b"\n"), self._needles
        if len(needles) == 1:
            needle = needles[0]
            return [index for index, line in enumerate(lines) if needle in line]
        return [index for index, line in enumerate(lines) if any(needle in line for needle in needles)]
