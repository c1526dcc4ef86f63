"""Flow control of what is received: the windows of streams, and the pool that they grow from."""

from typing import Final

__all__ = ["ReceiveWindow", "WindowPool"]

_UPDATE_SHARE: Final = 4
"""Credit is given back when a quarter of the window has been used: fewer frames, and the peer never runs dry."""
_SCARCE_SHARE: Final = 0.75
"""A pool that is used up to this share is given back to by windows that have grown."""


class WindowPool:
    """Bytes by which all windows together may be larger than at first, so that memory is bounded by a setting."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._used = 0

    def __repr__(self) -> str:
        return f"<WindowPool {self._used} of {self._bytes_max} bytes>"

    @property
    def used(self) -> int:
        """Bytes that windows have taken."""
        return self._used

    @property
    def is_scarce(self) -> bool:
        """Whether windows should shrink rather than grow."""
        return self._used > self._bytes_max * _SCARCE_SHARE

    def take(self, count: int) -> bool:
        """Take bytes, if there are as many."""
        if self._used + count > self._bytes_max:
            return False
        self._used += count
        return True

    def give_back(self, count: int) -> None:
        """Return bytes."""
        self._used -= count


class ReceiveWindow:
    """What the peer may still send on one stream, and what it will be allowed again.

    It grows while it is used up quickly, up to ``bytes_max`` and while the pool has bytes, and shrinks when the pool
    becomes scarce: credit that was taken from the pool is then returned to it instead of to the peer.

    Attributes:
        left: what the peer may send; below 0: it sent more than it may.
        is_due: ``update`` has something to look at, whatever is missing.
    """

    __slots__ = ("_bytes_max", "_consumed", "_pool", "_size", "_taken", "is_due", "left")

    def __init__(self, size: int, bytes_max: int, pool: WindowPool) -> None:
        self.left = self._size = size
        self._bytes_max = bytes_max
        self._pool = pool
        self._taken = 0
        self._consumed = 0
        self.is_due = False

    def __repr__(self) -> str:
        return f"<ReceiveWindow {self.left} of {self._size} bytes>"

    def consume(self, count: int) -> None:
        """Bytes that were received need no room any more."""
        self._consumed += count
        self.is_due = self._consumed * _UPDATE_SHARE >= self._size or self._taken > 0

    def update(self, *, missing: int = 0) -> int:
        """The credit to give now, in bytes; 0: none.

        Args:
            missing: bytes of an incomplete message that are still to come; the window grows to let them in.
        """
        short = missing - self.left - self._consumed
        if short > 0:
            self._grow(short)
        elif self._taken and self._pool.is_scarce:
            self._shrink()
        elif self._consumed > self._size // 2:
            self._grow(self._size)
        if self._consumed < self._size // _UPDATE_SHARE and (missing <= self.left or not self._consumed):
            return 0
        increment, self._consumed = self._consumed, 0
        self.left += increment
        return increment

    def enlarge(self, size: int) -> None:
        """Let the window be this large from now on, beside the pool."""
        if size > self._size:
            self._consumed += size - self._size
            self._size = size
            self.is_due = True

    def close(self) -> None:
        """Return to the pool what was taken from it."""
        self._pool.give_back(self._taken)
        self._taken = 0

    def _grow(self, more: int) -> None:
        more = min(more, self._bytes_max - self._size)
        if more > 0 and self._pool.take(more):
            self._taken += more
            self._size += more
            self._consumed += more

    def _shrink(self) -> None:
        less = min(self._taken, self._consumed)
        self._taken -= less
        self._size -= less
        self._consumed -= less
        self._pool.give_back(less)
