"""Secrets that are looked for in text. The Python client has a generated copy of this module."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from filters.needle_search import needle_search
from filters.secret_forms import forms_of

__all__ = ["MASK", "Needles"]

MASK: Final = "***"
_HEAD: Final = 3
_CHECKS_MAX: Final = 200
"""Beginnings that are compared to their end, each some microseconds for the longest needle. Chance gives a few."""


class Needles:
    """All forms of some secrets, made ready to be found. Immutable; shows none of them.

    Attributes:
        count: how many forms there are.
        longest: characters of the longest one.
    """

    __slots__ = ("_heads", "_search", "_sorted", "count", "longest")

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = sorted({form for secret in secrets for form in forms_of(secret)})
        self._sorted = texts
        self._search: Callable[[str], list[tuple[int, int]]] = needle_search(texts)
        self._heads = {text[:length] for text in texts for length in range(1, _HEAD + 1)}
        self.count = len(texts)
        self.longest = max(map(len, texts))

    def __repr__(self) -> str:
        return f"<Needles count={self.count} longest={self.longest}>"

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where a text has one: begin and end, in order and apart."""
        return self._search(text)

    def open_start(self, text: str) -> int:
        """Where the longest end of a text begins that a needle may begin with; the text's length: there is none.

        It may be earlier in a text that was made to have many beginnings that come to nothing.
        """
        length = len(text)
        heads, left = self._heads, _CHECKS_MAX
        for start in range(max(0, length - self.longest + 1), length):
            if text[start : start + _HEAD] in heads:
                left -= 1
                if left < 0 or self._begins(text[start:]):
                    return start
        return length

    def masked(self, text: str) -> tuple[str, int]:
        """A text that stands for itself, such as a reason, and how much was masked in it."""
        spans = self._search(text)
        for start, end in reversed(spans):
            text = text[:start] + MASK + text[end:]
        return text, len(spans)

    def _begins(self, text: str) -> bool:
        """Whether a needle begins with the text and continues after it."""
        index = bisect_right(self._sorted, text)
        return index < len(self._sorted) and self._sorted[index].startswith(text)
