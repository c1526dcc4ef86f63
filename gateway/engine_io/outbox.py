"""Packets on their way to one client, and the credit that runs of lines take meanwhile."""

from collections import deque

from gateway.engine_io.frames import FramedPackets, text_frame
from gateway.engine_io.limits import EngineLimits

__all__ = ["Outbox"]


class Outbox:
    """A queue in the order of writing; what was taken by a long poll counts until the next poll confirms it.

    Attributes:
        bytes_in_flight: of runs that have not been written, or not been confirmed.
        waiting: packets, or runs of them, that have not been written or confirmed.
    """

    __slots__ = ("_items", "_limits", "_runs", "_taken", "_texts", "bytes_in_flight", "waiting")

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._items: deque[tuple[FramedPackets, int]] = deque()  # with its credit in bytes, 0: it takes none
        self._texts: deque[str] = deque()  # taken from the items, too many for one answer
        self._taken: list[int] = []  # credits of what was taken and is not confirmed
        self._runs = 0
        self.bytes_in_flight = 0
        self.waiting = 0

    def __repr__(self) -> str:
        return f"<Outbox waiting={self.waiting} runs={self._runs} bytes={self.bytes_in_flight}>"

    def __bool__(self) -> bool:
        """Whether there is something to write."""
        return bool(self._items or self._texts)

    @property
    def has_room(self) -> bool:
        """Whether another run may be added."""
        return self._runs < self._limits.runs_in_flight and self.bytes_in_flight < self._limits.bytes_in_flight

    def add(self, packets: FramedPackets) -> None:
        """Add packets that take no credit."""
        self._items.append((packets, 0))
        self.waiting += 1

    def add_run(self, packets: FramedPackets) -> None:
        """Add a run of lines."""
        size = len(packets.frames)
        self._items.append((packets, size))
        self.waiting += 1
        self._runs += 1
        self.bytes_in_flight += size

    def take_frames(self) -> bytes | None:
        """The next frames for a WebSocket, which are counted as written; None: there are none."""
        if self._texts:
            frames = b"".join([text_frame(text.encode()) for text in self._texts])
            self._texts.clear()
            return frames
        if not self._items:
            return None
        packets, credit = self._items.popleft()
        self._give_back(credit)
        return packets.frames

    def take_texts(self, most: int | None) -> list[str]:
        """The packets for a poll; ``most`` at most, None: all of them."""
        if not self._texts:
            for packets, credit in self._items:
                self._texts += packets.texts()
                self._taken.append(credit)
            self._items.clear()
        count = len(self._texts) if most is None else min(most, len(self._texts))
        return [self._texts.popleft() for _ in range(count)]

    def confirm(self) -> None:
        """The client has what was taken; what did not fit into the answer counts on."""
        if not self._texts:
            for credit in self._taken:
                self._give_back(credit)
            self._taken.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._texts.clear()
        self._taken.clear()
        self._runs = self.bytes_in_flight = self.waiting = 0

    def _give_back(self, credit: int) -> None:
        self.waiting -= 1
        if credit:
            self._runs -= 1
            self.bytes_in_flight -= credit
