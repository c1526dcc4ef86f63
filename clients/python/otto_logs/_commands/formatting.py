"""Which lines were shown, to know them again when a log comes a second time."""

from typing import Final

__all__ = ["ShownLines"]

_LINES_MAX: Final = 100_000
"""Some 10 MB of numbers."""


class ShownLines:
    """Remembers the newest lines that were shown, across the lives of a journal.

    A journal that was replaced gives numbers a second time, and its log comes again from the first line. What has the
    same number and the same content as a line that was shown is that line.
    """

    def __init__(self, lines_max: int = _LINES_MAX) -> None:
        self._lines_max = lines_max
        self._digests: dict[int, int] = {}
        self._epoch = ""
        self._again = False

    def __repr__(self) -> str:
        return f"<ShownLines {len(self._digests)} epoch={self._epoch!r}>"

    def enter(self, epoch: str) -> str:
        """The life that the next line is of; the one before it where that is another, otherwise empty."""
        if not epoch or epoch == self._epoch:
            return ""
        before, self._epoch = self._epoch, epoch
        self._again = bool(before)
        return before

    def is_repeated(self, sequence: int, text: str) -> bool:
        """Whether this line, in this form, was shown in an earlier life."""
        return self._again and self._digests.get(sequence) == hash(text)

    def add(self, sequence: int, text: str) -> None:
        """A line was shown."""
        self._digests.pop(sequence, None)
        self._digests[sequence] = hash(text)
        while len(self._digests) > self._lines_max:
            del self._digests[next(iter(self._digests))]
