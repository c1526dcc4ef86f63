"""Runs of consecutive entries (blocks), and what a filter selects of them (selections)."""

from collections.abc import Sequence
from dataclasses import dataclass

from filters.entry import LogEntry, decode_lines

__all__ = ["Block", "Selection"]


class Block:
    """Consecutive stored entries of one task, each already encoded as one JSON object.

    ``received_at`` is ``time.monotonic()`` when the oldest of them reached the gateway, None if that is unknown.
    ``size`` is the sum of the lines' bytes.
    """

    __slots__ = ("_entries", "_folded", "first", "lines", "received_at", "size", "task_id")

    def __init__(
        self,
        task_id: str,
        first: int,
        lines: list[bytes],
        *,
        entries: Sequence[LogEntry] | None = None,
        received_at: float | None = None,
    ) -> None:
        self.task_id = task_id
        self.first = first
        self.lines = lines
        self.received_at = received_at
        self.size = sum(map(len, lines))
        self._entries = entries
        self._folded: list[str] | None = None

    def __repr__(self) -> str:
        return f"<Block {self.task_id!r} {self.first}..{self.last} {self.size} bytes>"

    @property
    def last(self) -> int:
        """The sequence of the last entry; ``first - 1`` in an empty block."""
        return self.first + len(self.lines) - 1

    def entries(self) -> Sequence[LogEntry]:
        """The entries as objects; decoded where the block no longer holds them."""
        if self._entries is not None:
            return self._entries
        return decode_lines(self.lines)

    def folded(self) -> Sequence[str]:
        """The messages, case-folded once for all filters that look for keywords."""
        folded = self._folded
        if folded is None:
            folded = [entry.message.casefold() for entry in self.entries()]
            if self._entries is not None:
                self._folded = folded
        return folded

    def forget_entries(self) -> None:
        """Keep only the encoded lines, once the channels of the moment have matched the objects."""
        self._entries = self._folded = None

    def after(self, sequence: int) -> "Block":
        """The part after ``sequence``; the block itself where that is all of it."""
        skip = sequence + 1 - self.first
        return self if skip <= 0 else self.part(skip, len(self.lines))

    def part(self, start: int, stop: int) -> "Block":
        """The lines with the indices ``start`` to ``stop``, as of a slice."""
        entries = None if self._entries is None else self._entries[start:stop]
        return Block(
            self.task_id, self.first + start, self.lines[start:stop], entries=entries, received_at=self.received_at
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The matching lines of the stretch ``(start, end]`` of one task.

    ``sequences`` and ``lines`` are of the same length; ``sequences`` is a ``range`` where everything matched.
    A reader that has been given a selection is at position ``end``, even where no line matched. ``is_damaged``: it has
    no lines, because those up to ``start`` were stored and cannot be read any more.
    """

    start: int
    end: int
    sequences: Sequence[int]
    lines: Sequence[bytes]
    received_at: float | None = None
    is_damaged: bool = False
