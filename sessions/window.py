"""The last entries of one watched task, encoded, in memory."""

from collections import deque
from collections.abc import Sequence

from filters.block import Block

__all__ = ["Window"]


class Window:
    """Consecutive blocks of one task, oldest first, bounded in bytes by anyone who calls ``trim``."""

    __slots__ = ("_blocks", "size")

    def __init__(self) -> None:
        self._blocks: deque[Block] = deque()
        self.size = 0

    def __repr__(self) -> str:
        if not self._blocks:
            return "<Window empty>"
        return f"<Window {self._blocks[0].first}..{self._blocks[-1].last} {self.size} bytes>"

    def append(self, block: Block) -> None:
        """Add the block that follows; one that does not follow starts the window anew."""
        if self._blocks and block.first != self._blocks[-1].last + 1:
            self.clear()
        self._blocks.append(block)
        self.size += block.size

    def trim(self, bytes_max: int) -> None:
        """Forget the oldest blocks until at most ``bytes_max`` bytes are left; the newest block always stays."""
        while self.size > bytes_max and len(self._blocks) > 1:
            self.size -= self._blocks.popleft().size

    def clear(self) -> None:
        """Forget everything."""
        self._blocks.clear()
        self.size = 0

    def since(self, sequence: int, upto: int) -> Sequence[Block] | None:
        """The blocks of the stretch ``(sequence, upto]``, or None if the window does not hold all of it.

        ``upto`` is the end of a block.
        """
        blocks = self._blocks
        if not blocks or blocks[0].first > sequence + 1 or blocks[-1].last < upto:
            return None
        found: list[Block] = []
        for block in reversed(blocks):  # what is asked for is nearly always at the end
            if block.last <= sequence:
                break
            if block.first <= upto:
                found.append(block.after(sequence))
        found.reverse()
        return found
