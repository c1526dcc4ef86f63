"""Finding summaries of text that may contain a keyword; what ``ByteSearch`` is for the text itself."""

import unicodedata
from collections.abc import Sequence

from filters.byte_search import CASELESS, FOLD_INTO_ASCII
from filters.text_summary import SummarizedNeedle, has_folding, is_ascii

__all__ = ["SummarySearch"]


class SummarySearch:
    """Looks for case-folded keywords; where it says no, ``ByteSearch`` finds none of them in the text.

    Args:
        keywords: case-folded, without characters that JSON escapes.
    """

    __slots__ = ("_ascii", "_can_be_folded", "_is_cased", "_needles")

    def __init__(self, keywords: Sequence[str]) -> None:
        letters = frozenset("".join(keywords))
        self._needles = [SummarizedNeedle(keyword.encode()) for keyword in keywords]
        self._ascii = [SummarizedNeedle(keyword.encode()) for keyword in keywords if keyword.isascii()]
        self._can_be_folded = not letters.isdisjoint(FOLD_INTO_ASCII)
        self._is_cased = any(not each.isascii() and unicodedata.category(each) not in CASELESS for each in letters)

    def __repr__(self) -> str:
        return f"<SummarySearch for {len(self._needles)} keywords>"

    def may_be_in(self, summary: bytes) -> bool:
        """Whether the text of a summary may have a keyword; an empty one says nothing of its text."""
        if not summary:
            return True
        if is_ascii(summary):
            return any(needle.may_be_in(summary) for needle in self._ascii)
        if self._is_cased or (self._can_be_folded and has_folding(summary)):
            return True
        return any(needle.may_be_in(summary) for needle in self._needles)
