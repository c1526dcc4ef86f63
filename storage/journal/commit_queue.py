"""What waits for a commit: a lane for each producer, and the lanes take turns.

In one queue for all, the busiest producer would decide how long the others wait: after 30 MB of one producer a lone
line waits for eight commits, and for seconds on a slow disk. Here it is in the next commit.
"""

from collections import deque
from typing import Final, NamedTuple

from storage.journal.interface import Append, LineBatch, Settled

__all__ = ["ITEM_BYTES", "FairCommitQueue", "Group"]

ITEM_BYTES: Final = 512
"""What an append counts for beside its lines while it waits."""

_TURN_BYTES: Final = 64 << 10
"""What a lane may give before the next one has its turn; what a single append has more is taken off its next turns."""

Group = list[tuple[Append, Settled]]


class _Waiting(NamedTuple):
    arrival: int
    size: int
    item: Append
    settled: Settled


class _Lane:
    """What one producer waits with, and how many bytes more it may give in its turn; below 0: it gave too many."""

    __slots__ = ("credit", "queue")

    def __init__(self, first: _Waiting) -> None:
        self.queue = deque((first,))
        self.credit = 0


class FairCommitQueue:
    """Appends in the order of their arrival within each lane.

    A numbered producer has a lane, since its numbers must be stored in order. What has no number has that of its task:
    its status reports and the ends of its streams must not overtake its lines.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}  # the first one has the next turn
        self._arrivals = 0
        self._count = 0
        self.size = 0

    def __repr__(self) -> str:
        return f"<FairCommitQueue {self._count} appends of {len(self._lanes)} producers, {self.size} bytes>"

    def __len__(self) -> int:
        return self._count

    def put(self, item: Append, settled: Settled) -> int:
        """Add an append, and who hears what became of it; the bytes that it counts for."""
        self._arrivals += 1
        waiting = _Waiting(self._arrivals, size_of(item), item, settled)
        name = _lane_of(item)
        lane = self._lanes.get(name)
        if lane is None:
            self._lanes[name] = _Lane(waiting)
        else:
            lane.queue.append(waiting)
        self._count += 1
        self.size += waiting.size
        return waiting.size

    def take(self, *, items_max: int, bytes_max: int) -> Group:
        """Take a group of at most so much, and at least one append; in the order of arrival.

        Where not everything fits in, the lanes take turns, and the next group continues with the lane whose turn it is.
        """
        taken: list[_Waiting] = []
        if self._count <= items_max and self.size <= bytes_max:
            for lane in self._lanes.values():
                taken += lane.queue
            self._lanes.clear()
            self._count = self.size = 0
        else:
            self._take_turns(taken, items_max, bytes_max)
        taken.sort(key=_arrival)
        return [(waiting.item, waiting.settled) for waiting in taken]

    def _take_turns(self, taken: list[_Waiting], items_max: int, bytes_max: int) -> None:
        lanes = self._lanes
        room = bytes_max
        while lanes and len(taken) < items_max:
            name, lane = next(iter(lanes.items()))
            queue = lane.queue
            lane.credit += _TURN_BYTES
            while queue and lane.credit > 0 and len(taken) < items_max:
                size = queue[0].size
                if taken and size > room:
                    lane.credit -= _TURN_BYTES
                    return  # its turn is not over: the next group begins with it
                taken.append(queue.popleft())
                self._count -= 1
                self.size -= size
                room -= size
                lane.credit -= size
            del lanes[name]
            if queue:
                lanes[name] = lane  # after all others


def size_of(item: Append) -> int:
    """The bytes that an append counts for while it waits."""
    return item.size + ITEM_BYTES if isinstance(item, LineBatch) else ITEM_BYTES


def _lane_of(item: Append) -> str:
    producer = item.producer
    if producer is not None:
        return producer.producer_id
    task_id: str = getattr(item, "task_id", "")  # a stage's progress has none
    return task_id


def _arrival(waiting: _Waiting) -> int:
    return waiting.arrival
