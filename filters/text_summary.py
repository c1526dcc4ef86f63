"""A summary of much text, a fiftieth of its size at most, by which most words that are not in it are known not to be.

It is a set of the sequences of four bytes that occur in the lowered text, one bit for each by its hash (a Bloom filter
with one hash function: a word has several of them, which all have to be there). Digits count as one and the same, so
that numbers and identifiers do not fill it. What is looked for may begin and end anywhere, also inside a word.
"""

import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

from filters.byte_search import FOLD_INTO_ASCII, PREFIX_BYTES

__all__ = ["SUMMARY_SHARE", "SummarizedNeedle", "SummaryBuilder", "has_folding", "is_ascii"]

SUMMARY_SHARE: Final = 50
"""A summary is at most so many times smaller than its text."""

_GRAM_BYTES: Final = 4
_PIECE_BYTES: Final = 16 << 10
"""Text is taken in pieces, each a call that keeps Python's lock for a quarter of a millisecond or so."""
_ONE_DIGIT: Final = bytes.maketrans(b"123456789", b"0" * 9)
_FACTOR: Final = 0x9E3779B1  # Knuth, multiplicative hashing: 2^32 divided by the golden ratio
_MASK: Final = 0xFFFFFFFF
_FULL: Final = 1.4
"""Sequences for each bit, from which on three quarters of all bits are set: the summary would exclude too little."""

_PRESENT: Final = 1
_BEYOND_ASCII: Final = 2
_FOLDING: Final = 4
_FOLDING_TEXT: Final = re.compile(
    b"|".join(sorted({re.escape(each.encode()[:PREFIX_BYTES]) for found in FOLD_INTO_ASCII.values() for each in found}))
)


class SummaryBuilder:
    """Takes text, and makes the summary of it."""

    def __init__(self) -> None:
        self._grams: set[int] = set()
        self._size = 0
        self._flags = _PRESENT

    def __repr__(self) -> str:
        return f"<SummaryBuilder of {self._size} bytes, {len(self._grams)} sequences>"

    def add(self, text: bytes) -> None:
        """Take more text; what is looked for is in one of these or in none."""
        self._size += len(text)
        if not text.isascii():
            self._flags |= _BEYOND_ASCII
            if _FOLDING_TEXT.search(text):
                self._flags |= _FOLDING
        folded = text.lower().translate(_ONE_DIGIT)
        for start in range(0, len(folded), _PIECE_BYTES):
            piece = folded[start : start + _PIECE_BYTES + _GRAM_BYTES - 1]
            for offset in range(_GRAM_BYTES):
                self._grams.update(_numbers(piece[offset : len(piece) - (len(piece) - offset) % _GRAM_BYTES]))

    def finish(self) -> bytes:
        """The summary; empty if it would exclude too little: nothing is known of the text then."""
        size = min(len(self._grams), self._size // SUMMARY_SHARE - 1)
        if size < 1 or len(self._grams) > _FULL * 8 * size:
            return b""
        bits = bytearray(size)
        places = 8 * size
        for gram in self._grams:
            place = (gram * _FACTOR & _MASK) % places
            bits[place >> 3] |= 1 << (place & 7)
        return bytes([self._flags]) + bits


class SummarizedNeedle:
    """A lowered text that is looked for in summaries."""

    __slots__ = ("_hashes",)

    def __init__(self, needle: bytes) -> None:
        folded = needle.translate(_ONE_DIGIT)
        self._hashes = tuple({number * _FACTOR & _MASK for number in _grams_of(folded)})

    def __repr__(self) -> str:
        return f"<SummarizedNeedle of {len(self._hashes)} sequences>"

    def may_be_in(self, summary: bytes) -> bool:
        """Whether the text of a summary that is not empty may have it; always if it is shorter than four bytes."""
        places = 8 * (len(summary) - 1)
        for number in self._hashes:
            place = number % places
            if not summary[1 + (place >> 3)] >> (place & 7) & 1:
                return False
        return True


def is_ascii(summary: bytes) -> bool:
    """Whether the text of a summary that is not empty is ASCII alone."""
    return not summary[0] & _BEYOND_ASCII


def has_folding(summary: bytes) -> bool:
    """Whether it may have characters beyond ASCII whose case folding has ASCII letters."""
    return bool(summary[0] & _FOLDING)


def _grams_of(text: bytes) -> Iterator[int]:
    for start in range(len(text) - _GRAM_BYTES + 1):
        yield int.from_bytes(text[start : start + _GRAM_BYTES], "little")


def _numbers(text: bytes) -> Sequence[int]:
    """Each four bytes as a number, the first byte the lowest."""
    numbers = array("I", text)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
