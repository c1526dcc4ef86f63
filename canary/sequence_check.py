"""Whether numbers come once and in order: what is known of one reader from the numbers of its lines, and a verdict.

Here, because the canary is a client that is installed without the tests, and they may use what is its.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Arrival", "SequenceCheck", "SequenceVerdict"]


class Arrival(Enum):
    """How a number came."""

    IN_ORDER = "in order"
    """After all that came before it, next or further on."""
    OUT_OF_ORDER = "out of order"
    """For the first time, after a higher one."""
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class SequenceVerdict:
    """How many numbers did not come, came again, and came after a higher one."""

    lost: int
    doubled: int
    out_of_order: int

    @property
    def is_good(self) -> bool:
        """Whether each came once and in order."""
        return not (self.lost or self.doubled or self.out_of_order)


class SequenceCheck:
    """The numbers from 1 that one reader has seen. Memory is a few bytes for each that comes after a hole.

    Attributes:
        complete_upto: the number up to which all have come.
        highest: the highest that has come; 0: none.
        doubled: how many came again.
        out_of_order: how many came for the first time after a higher one.
    """

    __slots__ = ("_beyond", "complete_upto", "doubled", "highest", "out_of_order")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self.complete_upto = self.highest = self.doubled = self.out_of_order = 0
        self._beyond: set[int] = set()  # what came after the first hole
        for number in numbers:
            self.see(number)

    def __repr__(self) -> str:
        return (
            f"<SequenceCheck all to {self.complete_upto}, {len(self._beyond)} after that,"
            f" {self.doubled} doubled, {self.out_of_order} out of order>"
        )

    def __contains__(self, number: int) -> bool:
        return 0 < number <= self.complete_upto or number in self._beyond

    @property
    def is_orderly(self) -> bool:
        """Whether what came, came once and in order."""
        return not (self.doubled or self.out_of_order)

    def see(self, number: int) -> Arrival:
        """A number has come."""
        if number in self:
            self.doubled += 1
            return Arrival.AGAIN
        if number == self.complete_upto + 1:
            self.complete_upto = number
            while self._beyond and self.complete_upto + 1 in self._beyond:
                self.complete_upto += 1
                self._beyond.remove(self.complete_upto)
        else:
            self._beyond.add(number)
        if number < self.highest:
            self.out_of_order += 1
            return Arrival.OUT_OF_ORDER
        self.highest = number
        return Arrival.IN_ORDER

    def missing(self, expected: Iterable[int]) -> list[int]:
        """Which of these have not come."""
        return [number for number in expected if number not in self]

    def verdict(self, expected: Iterable[int]) -> SequenceVerdict:
        """What to think of it, if these were to come."""
        return SequenceVerdict(len(self.missing(expected)), self.doubled, self.out_of_order)
