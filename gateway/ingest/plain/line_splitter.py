"""Splits a body into lines, independent of the chunks it arrives in."""

from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["LineSplitter", "RawLine"]

_PART_BYTES: Final = 64 << 10
"""What is split at a time."""


class RawLine(NamedTuple):
    """A line without its end; ``size``: its bytes as they came, of which only the first may be here."""

    data: bytes
    size: int


class LineSplitter:
    """Cuts at line feeds; a carriage return before one is no part of the line.

    Args:
        bytes_max: kept of one line; what is more is counted and forgotten.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._begun = bytearray()
        self._size = 0

    def __repr__(self) -> str:
        return f"<LineSplitter {self._size} bytes of a line have begun>"

    def feed(self, data: bytes) -> Iterator[RawLine]:
        """The lines that are complete with these bytes."""
        for start in range(0, len(data), _PART_BYTES):
            *complete, rest = data[start : start + _PART_BYTES].split(b"\n")
            for line in complete:
                yield self._end(line)
            self._keep(rest)

    def rest(self) -> Iterator[RawLine]:
        """The line that has no end, if one has begun."""
        if self._size:
            yield self._end(b"")

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        self._begun += data[: max(0, self._bytes_max + 1 - len(self._begun))]

    def _end(self, last: bytes) -> RawLine:
        if not self._size and len(last) <= self._bytes_max:
            data, size = last, len(last)
        else:
            self._keep(last)
            data, size = bytes(self._begun), self._size
            self._begun.clear()
            self._size = 0
        if data.endswith(b"\r") and size == len(data):
            return RawLine(data[:-1], size - 1)
        return RawLine(data[: self._bytes_max + 1], size)
