"""A reader's place in a task, with the one parser and the one formatter of it."""

import re
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Position", "PositionError"]

_TEXT: Final = re.compile(r"(?:([0-9a-f]{8})-)?([0-9]{1,18})(\.end)?\Z", re.ASCII)


class PositionError(ValueError):
    """A text that is no position."""


@dataclass(frozen=True, slots=True)
class Position:
    """Everything up to and including ``sequence`` was seen.

    Its text is ``<epoch>-<sequence>``, as in ``id:`` lines of the stream; ``.end`` follows where the end of the task
    was seen as well. The epoch is eight lower-case hexadecimal digits that name one life of the journal; a bare number,
    as a person would type it, has none (``""``) and means the present one.
    """

    sequence: int = 0
    epoch: str = ""
    end_seen: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a position's text.

        Raises:
            PositionError: the text is neither a number nor an id that the stream gave out.
        """
        match = _TEXT.match(text)
        if match is None:
            raise PositionError(f"{text[:64]!r} is not a position: give a sequence number or an id from the stream")
        epoch, sequence, end = match.groups()
        return cls(int(sequence), epoch or "", end is not None)

    def __str__(self) -> str:
        prefix = f"{self.epoch}-" if self.epoch else ""
        return f"{prefix}{self.sequence}{'.end' if self.end_seen else ''}"

    def belongs_to(self, epoch: str) -> bool:
        """Whether the position was given out by this life of the journal, or by no life in particular."""
        return not self.epoch or self.epoch == epoch
