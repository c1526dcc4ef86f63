"""A spool in memory: lines gather in runs, one request's worth each, until the sender takes them."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from otto.logs.v1 import logs_pb2

from otto_logs._limits import ProducerLimits
from otto_logs._runs import DroppedRun, Item, Run, mark_gap
from otto_logs._spool import AT_ONCE, Address, DropMark, FlushMarker, Request
from otto_logs._statistics import Problem
from otto_logs._values import Level, Source

__all__ = ["ITEM_BYTES", "MemorySpool", "line_bytes"]

_LINE_BYTES: Final = 96
"""What a line costs beside its message: protobuf's own fields and pointers, measured at 80 to 100 bytes."""
ITEM_BYTES: Final = 512
"""What a status or a stage's progress costs, roughly."""


def line_bytes(message: bytes, metadata: Mapping[str, str] | None) -> int:
    """The memory that a line counts for."""
    size = len(message) + _LINE_BYTES
    if metadata:
        size += sum(2 * len(key) + 2 * len(value) for key, value in metadata.items())
    return size


class MemorySpool:
    """A bounded spool in memory; ``Spool`` says what its methods do."""

    def __init__(self, limits: ProducerLimits) -> None:
        self._limits = limits
        self._pending: deque[Run | Item | FlushMarker] = deque()
        self._open: dict[Address, Run] = {}
        self._gaps: dict[Address, Run] = {}
        self._sent: deque[Request | FlushMarker] = deque()
        self._again: deque[Request] = deque()
        self._number = 0
        self._acknowledged = 0
        self._is_greeted = False
        self._bytes = 0
        self._bytes_in_flight = 0
        self._requests_in_flight = 0
        self._lines = 0
        self._lines_in_flight = 0

    def __repr__(self) -> str:
        return (
            f"<MemorySpool lines={self._lines} bytes={self._bytes} sent={len(self._sent)} again={len(self._again)} "
            f"number={self._number} acknowledged={self._acknowledged}>"
        )

    @property
    def bytes_waiting(self) -> int:
        return self._bytes

    @property
    def lines_waiting(self) -> int:
        return self._lines

    @property
    def lines_in_flight(self) -> int:
        return self._lines_in_flight

    @property
    def is_empty(self) -> bool:
        return not self._pending and not self._sent

    @property
    def has_in_flight(self) -> bool:
        return self._requests_in_flight > 0

    @property
    def pending_items(self) -> list[Item]:
        """The items that have no number yet, in order."""
        return [item for item in self._pending if isinstance(item, Item)]

    def has_room(self, size: int) -> bool:
        return self._bytes + size + _LINE_BYTES <= self._limits.spool_bytes_max or self.is_empty

    def append_line(
        self,
        address: Address,
        message: bytes,
        time_unix_nano: int,
        level: Level,
        source: Source,
        metadata: Mapping[str, str] | None,
        now: float,
        positions: Mapping[str, object] | None = None,
        ordinal: int = 0,
    ) -> None:
        """``ordinal`` comes back in the line's request."""
        del positions  # they would be gone with the line
        size = line_bytes(message, metadata)
        run = self._open.get(address)
        if run is None or self._is_full(run, size) or now - run.opened_at >= self._limits.linger_seconds:
            run = self._open[address] = Run(address, now)
            self._pending.append(run)
        run.batch.lines.add(
            message=message,
            time_unix_nano=time_unix_nano,
            level=level,
            source=source,
            metadata=metadata,
        )
        run.ordinals.append(ordinal)
        run.size += size
        self._bytes += size
        self._lines += 1

    def append_item(self, request: logs_pb2.PublishRequest, ordinal: int = 0) -> None:
        self._open.clear()
        self._pending.append(Item(request, ordinal))
        self._bytes += ITEM_BYTES

    def append_barrier(self, barrier: FlushMarker | None = None) -> FlushMarker:
        barrier = barrier or FlushMarker()
        self._open.clear()
        self._pending.append(barrier)
        self._pass_barriers()
        return barrier

    def append_gap(self, address: Address, mark: DropMark) -> None:
        """Note after everything that lines are missing; further drops of this worker are added to it."""
        gap = self._gaps.get(address) if mark.dropped else None
        if gap is None:
            before = self._gaps.get(address)
            self._open.pop(address, None)  # what comes later is behind the gap
            gap = self._new_gap(address, 0.0)
            self._pending.append(gap)
            if not mark.dropped:  # it stays where it is, and what is dropped elsewhere is not added to it
                del self._gaps[address]
                if before is not None:
                    self._gaps[address] = before
        gap.mark = (gap.mark or DropMark()).plus(mark)

    def drop_oldest(self, size: int) -> int:
        """Drop a run at a time."""
        dropped = 0
        while not self.has_room(size):
            run = self.drop_first()
            if run is None:
                break
            dropped += len(run.ordinals)
        return dropped

    def drop_first(self) -> DroppedRun | None:
        """Drop the first run that was not sent and leave the mark of a gap there; None if there is none."""
        passed: list[Item] = []
        for index, run in enumerate(self._pending):  # noqa: B007 - used after the loop
            if isinstance(run, Run) and run.ordinals:
                break
            if isinstance(run, Item):
                passed.append(run)
        else:
            return None
        address, count = run.address, len(run.ordinals)
        self._bytes -= run.size
        self._lines -= count
        if self._open.get(address) is run:
            del self._open[address]
        mark = DropMark(dropped=count, time_unix_nano=run.batch.lines[0].time_unix_nano)
        gap = self._gaps.get(address)
        if gap is None:
            gap = self._pending[index] = self._new_gap(address, run.opened_at)
            gap.mark = mark
        else:
            del self._pending[index]
            gap.mark = (gap.mark or DropMark()).plus(mark)
            self._pass_barriers()
        return DroppedRun(address, run.ordinals, mark, tuple(passed))

    def _new_gap(self, address: Address, opened_at: float) -> Run:
        gap = self._gaps[address] = Run(address, opened_at)
        gap.size = ITEM_BYTES
        self._bytes += ITEM_BYTES
        return gap

    def restore(self, requests: Iterable[Request], number: int, acknowledged: int) -> None:
        """Begin with requests that an earlier life has numbered, up to ``number``; they are sent again."""
        self._number, self._acknowledged = number, acknowledged
        for request in requests:
            request.times_sent = 1
            self._sent.append(request)
            self._again.append(request)
            self._bytes += request.size
            self._lines += request.lines

    def take_problems(self) -> list[Problem]:
        return []

    @property
    def lines_damaged(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing more is put in or taken out."""

    def ready_at(self) -> float | None:
        if self._again:
            return AT_ONCE
        if not self._pending:
            return None
        first = self._pending[0]
        if not isinstance(first, Run) or self._open.get(first.address) is not first or self._is_full(first, 0):
            return AT_ONCE
        return first.opened_at + self._limits.linger_seconds

    def next_request(self, lines_max: int) -> Request | None:
        if self._bytes_in_flight * 2 > self._limits.spool_bytes_max:
            return None  # the rest of the spool is for what can still be dropped
        if self._again:
            first = self._again[0]
            alone = lines_max > 0 and self._lines_in_flight == 0
            if first.lines_on_wire > lines_max and not alone:
                return None
            return self._send(self._again.popleft())
        request = self._number_next(lines_max)
        return None if request is None else self._send(request)

    def rewind(self, acknowledged: int) -> bool:
        if acknowledged < self._acknowledged or (self._is_greeted and acknowledged > self._number):
            return False
        self._is_greeted = True  # before, an earlier life of this producer may have got further
        self._send_again()
        self.acknowledge(acknowledged)
        self._number = max(self._number, acknowledged)
        return True

    def renumber(self, producer_id: str) -> None:
        del producer_id
        self._number = self._acknowledged = 0
        for request in self._sent:
            if isinstance(request, Request):
                self._number += 1
                request.renumber(self._number)
        self._send_again()

    def _send_again(self) -> None:
        for request in self._sent:
            if isinstance(request, Request):
                request.in_flight = False
        self._bytes_in_flight = self._lines_in_flight = self._requests_in_flight = 0
        self._again = deque(request for request in self._sent if isinstance(request, Request))

    def acknowledge(self, number: int) -> int:
        lines = 0
        while self._sent:
            first = self._sent[0]
            if isinstance(first, Request):
                if first.number > number:
                    break
                self._forget(first)
                lines += first.lines
            else:
                first.passed = True
            self._sent.popleft()
        while self._again and self._again[0].number <= number:
            self._again.popleft()
        self._acknowledged = max(self._acknowledged, number)
        self._pass_barriers()
        return lines

    def _is_full(self, run: Run, size: int) -> bool:
        limits = self._limits
        return len(run.batch.lines) >= limits.batch_lines_max or run.size + max(size, 1) > limits.batch_bytes_max

    def _send(self, request: Request) -> Request:
        request.in_flight = True
        request.times_sent += 1
        self._bytes_in_flight += request.size
        self._lines_in_flight += request.lines_on_wire
        self._requests_in_flight += 1
        return request

    def _forget(self, request: Request) -> None:
        self._bytes -= request.size
        self._lines -= request.lines
        if request.in_flight:
            self._bytes_in_flight -= request.size
            self._lines_in_flight -= request.lines_on_wire
            self._requests_in_flight -= 1

    def _number_next(self, lines_max: int) -> Request | None:
        """Take what is first in the order and give it its number."""
        if not self._pending:
            return None
        first = self._pending[0]
        assert not isinstance(first, FlushMarker)  # noqa: S101  (they are passed on as soon as they are first)
        if isinstance(first, Run):
            if lines_max <= 0:
                return None
            request = self._take_run(first, lines_max)
        else:
            request = Request(self._number + 1, first.request, 0, 0, ITEM_BYTES)
            request.ordinals = [first.ordinal]
            self._pending.popleft()
        self._number = request.number
        self._sent.append(request)
        self._pass_barriers()
        return request

    def _take_run(self, run: Run, lines_max: int) -> Request:
        """The run at the front, with those after it that fit into the same request, or the part of it that fits."""
        message = logs_pb2.PublishRequest()
        batch = message.lines
        batch.task_id, batch.worker_id = run.address
        ordinals: list[int] = []
        mark: DropMark | None = None
        size = 0
        room = min(lines_max, self._limits.batch_lines_max)
        while run.address == (batch.task_id, batch.worker_id):
            if size and (room <= 0 or size + run.size > self._limits.batch_bytes_max):
                break
            count = len(run.ordinals)
            if run.mark is not None:
                if ordinals:
                    break  # a gap begins a request, so that the request has one kind of content
                mark = run.mark if mark is None else mark.plus(run.mark)
                room -= mark_gap(run.mark, batch)
                size += run.size
                if self._gaps.get(run.address) is run:
                    del self._gaps[run.address]
            elif count <= room:
                batch.lines.extend(run.batch.lines)
                ordinals += run.ordinals
                room -= count
                size += run.size
            else:
                ordinals += run.ordinals[:room]
                size += self._cut(run, room, batch)
                break
            self._pending.popleft()
            if self._open.get(run.address) is run:
                del self._open[run.address]
            if not self._pending:
                break
            following = self._pending[0]
            if not isinstance(following, Run):
                break
            run = following
        request = Request(self._number + 1, message, len(ordinals), len(batch.lines), size)
        request.ordinals, request.mark = ordinals, mark
        return request

    @staticmethod
    def _cut(run: Run, count: int, batch: logs_pb2.LineBatch) -> int:
        """Move the first ``count`` lines of a run into a batch; their size."""
        moved = run.batch.lines[:count]
        size = run.size * count // len(run.batch.lines)  # lines are alike; the rest keeps what rounding leaves
        batch.lines.extend(moved)
        del run.batch.lines[:count]
        del run.ordinals[:count]
        run.size -= size
        return size

    def _pass_barriers(self) -> None:
        while self._pending and isinstance(self._pending[0], FlushMarker):
            barrier = self._pending.popleft()
            assert isinstance(barrier, FlushMarker)  # noqa: S101  (looked at above)
            if self._sent:
                self._sent.append(barrier)
            else:
                barrier.passed = True
