"""Rows beside the journal that are removed with its lines. Components name theirs, so this imports nothing."""

from dataclasses import dataclass

__all__ = ["PollingRows"]


@dataclass(frozen=True, slots=True)
class PollingRows:
    """A table of rows, in which ``owner`` is the column with their task.

    Attributes:
        condition: an expression for the rows that may go at all.
        needed: another table, without which there are none of these.
    """

    table: str
    owner: str
    condition: str = "TRUE"
    needed: str | None = None
