"""Templates of lines: what lines of one kind have in common. The algorithm is Drain (He et al., ICWS 2017).

A line is cut into words. Those with a digit vary, so they count as any word. Lines are grouped by their number of words
and their first words, and in a group a line belongs to the template that agrees with it in enough words; words in which
they differ become ``<*>``. Nothing here runs while lines arrive.
"""

import re
from typing import Final

from filters.level_detection import strip_ansi

__all__ = ["Templates"]

_ANY: Final = "<*>"
_VARIES: Final = re.compile(r"\d")
_CUT: Final = re.compile(r"[\s=:,;()\[\]{}\"']+")
_WORDS_MAX: Final = 40
_CHARACTERS_MAX: Final = 400
_DEPTH: Final = 2
"""First words by which lines are grouped; more makes more templates."""
_SIMILAR: Final = 0.6
"""Of the words, how many have to agree. Drain's own default, 0.4, makes one template of two errors of a compiler."""
_TEMPLATES_MAX: Final = 5_000
_PER_GROUP_MAX: Final = 100
"""A line is compared with so many templates at most."""


class Templates:
    """The templates of some lines. Lines beyond the limits have the number -1, as one kind.

    Attributes:
        words: of each template, by its number.
    """

    def __init__(self) -> None:
        self.words: list[list[str]] = []
        self._groups: dict[tuple[str | int, ...], list[int]] = {}

    def __repr__(self) -> str:
        return f"<Templates {len(self.words)} in {len(self._groups)} groups>"

    def add(self, message: str) -> int:
        """The number of a line's template, which is made if there is none."""
        words = _words(message)
        group = self._groups.setdefault(_key(words), [])
        number = self._similar(group, words)
        if number is None:
            if len(self.words) >= _TEMPLATES_MAX or len(group) >= _PER_GROUP_MAX:
                return -1
            group.append(len(self.words))
            self.words.append(words)
            return len(self.words) - 1
        known = self.words[number]
        if known != words:
            self.words[number] = [a if a == b else _ANY for a, b in zip(known, words, strict=True)]
        return number

    def find(self, message: str) -> int | None:
        """The number of a line's template; None if no line of the kind was added."""
        words = _words(message)
        return self._similar(self._groups.get(_key(words), ()), words)

    def _similar(self, group: "list[int] | tuple[()]", words: list[str]) -> int | None:
        best, most = None, _SIMILAR * len(words)
        for number in group:
            known = self.words[number]
            if known == words:
                return number
            agreeing = sum(a in (b, _ANY) for a, b in zip(known, words, strict=True))
            if agreeing >= most and (best is None or agreeing > most):
                best, most = number, agreeing
        return best


def _words(message: str) -> list[str]:
    words = _CUT.split(strip_ansi(message[:_CHARACTERS_MAX]), _WORDS_MAX)[:_WORDS_MAX]
    return [_ANY if _VARIES.search(word) else word for word in words if word]


def _key(words: list[str]) -> tuple[str | int, ...]:
    return len(words), *words[:_DEPTH]
