"""A spool on disk: what was accepted survives the death of the process, and is delivered once by anyone who comes next.

Every line is a checksummed record in an append-only file before ``append_line`` returns; what becomes of it (numbered,
acknowledged, dropped) is a record after it. In front of the files is a spool in memory, through which everything goes
to the gateway; with the gateway away and that one full, lines are on disk alone.

It has files of its own because a transaction of SQLite for each line costs ten times as much, and a damaged page there
can take the whole database with it. Here it takes the records that it hits, and their number is known.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from otto.logs.v1 import logs_pb2

from otto_logs._backlog import Backlog, BacklogItem, BacklogLine
from otto_logs._limits import ProducerLimits
from otto_logs._memory_spool import MemorySpool
from otto_logs._recovery import line_fields, recover
from otto_logs._segments import Place, SegmentLog, segment_files
from otto_logs._spool import AT_ONCE, Address, DropMark, FlushMarker, Request, SpoolUnwritableError
from otto_logs._spool_state import NumberedRequest
from otto_logs._spool_writer import SpoolWriter
from otto_logs._statistics import Problem, ProblemKind
from otto_logs._values import Durability, Level, Source, line_count

__all__ = ["DiskSpool"]

_SEGMENTS: Final = 16
_SEGMENT_BYTES_MAX: Final = 4 * 1024 * 1024
_SEGMENT_BYTES_LEAST: Final = 16 * 1024
_RECORD_BYTES: Final = 64  # of a line's record, beside its message
_DROP_RECORDS: Final = 1_000
_LOAD_LINES: Final = 2_000  # read from the disk at a time, while callers wait: some 10 ms


class DiskSpool:
    """A bounded ``Spool`` in a directory that belongs to it alone (see ``SpoolDirectory``, which sees to that).

    What an earlier process left in the directory comes first. Where the directory cannot be written, because the disk
    is full, new lines wait in memory alone, and a problem says so; it is tried again every second.

    Args:
        directory: exists, and nobody else uses it.
        limits: ``spool_disk_bytes_max`` bounds the files, ``spool_bytes_max`` the part of them that is in memory.
        producer_id: names the numbering where the directory is empty; otherwise it is in there.
        durability: ``PROCESS``: survives the process; ``FULL``: survives the loss of power, at the price of a flush of
            the disk for each line.
        clock: ``time.monotonic``, and the same for tests.

    Raises:
        OSError: the directory cannot be read, or is empty and cannot be written.
        ValueError: another version wrote it.
    """

    def __init__(
        self,
        directory: Path,
        limits: ProducerLimits,
        producer_id: str,
        durability: Durability = Durability.PROCESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = directory
        self._clock = clock
        self._bytes_max = limits.spool_disk_bytes_max
        self._window_bytes = min(limits.spool_bytes_max, self._bytes_max // 4)
        self._memory = MemorySpool(replace(limits, spool_bytes_max=self._window_bytes))
        recovered = recover(directory, producer_id)
        self._state = recovered.state
        self._log = SegmentLog(
            directory,
            max(_SEGMENT_BYTES_LEAST, min(_SEGMENT_BYTES_MAX, self._bytes_max // _SEGMENTS)),
            lambda: self._state.to_json(),
            durable=durability is Durability.FULL,
        )
        self._log.next_ordinal = recovered.next_ordinal
        for segment in recovered.segments:
            self._log.adopt(segment)
        self._writer = SpoolWriter(directory, self._log, clock)
        self._problems = self._writer.problems
        self._barriers: deque[tuple[int, FlushMarker]] = deque()
        self._backlog: Backlog | None = None
        self._backlog_lines = recovered.lines_pending
        self._damaged = recovered.lines_missing
        self._notes = recovered.notes
        self._last_address: Address | None = None
        self._restore(recovered.requests, is_empty=recovered.is_empty)

    def _restore(self, requests: Sequence[Request], *, is_empty: bool) -> None:
        state = self._state
        self._memory.restore(requests, state.number, state.acknowledged)
        for ordinal, pending in state.pending_in_order():
            if isinstance(pending, bytes):
                self._append_item(pending, ordinal)
            else:
                self._memory.append_gap(*pending)
        if not is_empty:
            self._backlog = Backlog(self._log, Place(0, 0), state.low, {})
        for note in self._notes:
            self._problems.append(Problem(ProblemKind.DAMAGED, note))
        if self._log.segments:
            self._writer.is_writable()
        else:
            self._log.begin_segment()

    def __repr__(self) -> str:
        behind = f" backlog={self._backlog_lines}" if self._backlog is not None else ""
        return f"<DiskSpool {self.directory} {self._memory!r}{behind}{' failing' if self._writer.is_failing else ''}>"

    # -- what it says of itself --------------------------------------------------------------------------------------

    @property
    def producer_id(self) -> str:
        """What names the numbering of what is in here."""
        return self._state.producer_id

    @property
    def positions(self) -> Mapping[str, Any]:
        """How far files were read, as the lines that are in here say."""
        return self._state.positions

    @property
    def bytes_waiting(self) -> int:
        """The size of the files."""
        return self._log.bytes

    @property
    def bytes_in_memory(self) -> int:
        """The part of it that is in memory as well."""
        return self._memory.bytes_waiting

    @property
    def lines_waiting(self) -> int:
        return self._memory.lines_waiting + self._backlog_lines

    @property
    def lines_in_flight(self) -> int:
        return self._memory.lines_in_flight

    @property
    def lines_damaged(self) -> int:
        return self._damaged

    @property
    def is_empty(self) -> bool:
        return self._backlog is None and self._memory.is_empty

    @property
    def has_in_flight(self) -> bool:
        return self._memory.has_in_flight

    def take_problems(self) -> list[Problem]:
        problems = self._problems.copy()
        self._problems.clear()
        return problems

    def has_room(self, size: int) -> bool:
        if self.is_empty:
            return True
        if self._writer.is_pausing:
            return self._backlog is None and self._memory.has_room(size)
        return self._log.bytes + size + _RECORD_BYTES <= self._bytes_max

    # -- what comes in -----------------------------------------------------------------------------------------------

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
    ) -> None:
        written = self._writer.write_line(address, message, time_unix_nano, level, source, metadata, now, positions)
        ordinal = written[0] if written else 0
        if self._backlog is None and self._memory.has_room(len(message)):
            self._memory.append_line(address, message, time_unix_nano, level, source, metadata, now, None, ordinal)
        elif written:
            self._fall_behind(*written)
            self._backlog_lines += 1
        else:
            raise SpoolUnwritableError("the spool's directory cannot be written, and its memory is full")
        if positions:
            self._state.positions.update(positions)

    def append_item(self, request: logs_pb2.PublishRequest) -> None:
        data = request.SerializeToString()
        written = self._writer.write_item(data)
        if self._backlog is None and self._memory.has_room(len(data)):
            self._memory.append_item(request, written[0] if written else 0)
        elif written:
            self._fall_behind(*written)
        else:
            raise SpoolUnwritableError("the spool's directory cannot be written, and its memory is full")

    def append_barrier(self) -> FlushMarker:
        if self._backlog is None:
            return self._memory.append_barrier()
        barrier = FlushMarker()
        self._barriers.append((self._log.next_ordinal, barrier))
        return barrier

    def _fall_behind(self, ordinal: int, place: Place) -> None:
        """From this record on, memory does not have what the disk has."""
        if self._backlog is None:
            self._backlog = Backlog(self._log, place, ordinal, self._writer.addresses())

    def _append_item(self, item: bytes, ordinal: int) -> None:
        self._memory.append_item(logs_pb2.PublishRequest.FromString(item), ordinal)

    # -- what goes out -----------------------------------------------------------------------------------------------

    def ready_at(self) -> float | None:
        ready_at = self._memory.ready_at()
        return AT_ONCE if ready_at is None and self._backlog is not None else ready_at

    def next_request(self, lines_max: int) -> Request | None:
        """The next request for the wire; what it contains is on disk before it is sent."""
        self._load()
        request = self._memory.next_request(lines_max)
        if request is not None and request.times_sent == 1:
            sealed = NumberedRequest(
                request.number, request.address, [ordinal for ordinal in request.ordinals if ordinal], request.mark
            )
            self._writer.write_numbered(sealed)
            self._state.numbered(sealed)
        return request

    def rewind(self, acknowledged: int) -> bool:
        remembered = self._memory.rewind(acknowledged)
        if remembered:
            self._settle(acknowledged)
        return remembered

    def renumber(self, producer_id: str) -> None:
        """Number what is not acknowledged from 1, under another producer id; both are on disk before anything is sent.

        Where the disk cannot be written, they are in memory until it can.
        """
        self._memory.renumber(producer_id)
        self._state.renumber(producer_id)
        self._log.end_segment()  # the next one begins with the new id and numbers
        self._writer.is_writable()

    def acknowledge(self, number: int) -> int:
        lines = self._memory.acknowledge(number)
        self._settle(number)
        self._load()
        return lines

    def _settle(self, number: int) -> None:
        self._writer.write_acknowledged(number)
        stored = self._state.acknowledge(number)
        if stored:
            self._log.release(stored)

    def close(self) -> None:
        if self._writer.is_closed:
            return
        self._writer.close()
        if self.is_empty and not self._state.positions:
            for _, path in segment_files(self.directory):
                path.unlink(missing_ok=True)

    # -- between disk and memory -------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Bring what is on disk alone into memory, as far as there is room."""
        memory = self._memory
        end = self._backlog_lines - _LOAD_LINES
        while self._backlog is not None and self._backlog_lines > end and memory.bytes_waiting * 2 < self._window_bytes:
            entry = self._backlog.next()
            if entry is None:
                self._catch_up()
                return
            if not self._reaches(entry):
                continue
            if isinstance(entry, BacklogItem):
                self._append_item(entry.item, entry.ordinal)
                continue
            line = entry.line
            accepted_at = min(line.accepted_at - self._writer.wall_offset, self._clock())
            metadata, _ = line_fields(line.fields)
            memory.append_line(
                *(entry.address, line.message, line.time_unix_nano, line.level, line.source, metadata, accepted_at),
                ordinal=entry.ordinal,
            )
            self._backlog_lines -= 1

    def _reaches(self, entry: BacklogLine | BacklogItem) -> bool:
        """Come to an entry of the backlog; whether it is still to be sent."""
        self._reach(entry.ordinal, entry.address if isinstance(entry, BacklogLine) else self._last_address)
        return self._state.is_pending(entry.ordinal)

    def _reach(self, ordinal: int, address: Address | None) -> None:
        """Come to an ordinal: what should have been before it is missing, and barriers before it are in place."""
        backlog = self._backlog
        assert backlog is not None  # noqa: S101  (the callers have read from it)
        if ordinal > backlog.expected:
            missing = [one for one in range(backlog.expected, ordinal) if self._state.is_pending(one)]
            if missing:
                self._miss(missing, address)
        while self._barriers and self._barriers[0][0] <= ordinal:
            self._memory.append_barrier(self._barriers.popleft()[1])
        backlog.expected = max(backlog.expected, ordinal + 1)
        self._last_address = address

    def _miss(self, ordinals: list[int], address: Address | None) -> None:
        count = len(ordinals)
        self._damaged += count
        self._problems.append(
            Problem(ProblemKind.DAMAGED, f"{line_count(count)} in {self.directory} cannot be read, and are lost")
        )
        if address is None:
            self._state.take(ordinals)
            return
        mark = DropMark(damaged=count)
        self._writer.write_dropped(address, ordinals, mark)
        self._state.miss(address, ordinals, mark)
        self._memory.append_gap(address, mark)

    def _catch_up(self) -> None:
        """Everything on disk is in memory now."""
        self._reach(self._log.next_ordinal, self._last_address)
        self._backlog = None
        self._backlog_lines = 0
        while self._barriers:
            self._memory.append_barrier(self._barriers.popleft()[1])

    # -- what is dropped ---------------------------------------------------------------------------------------------

    def drop_oldest(self, size: int) -> int:
        """Files get shorter by whole segments only, a sixteenth of the spool each, so that many lines go at once."""
        dropped = 0
        while not self.has_room(size):
            segments = len(self._log.segments)
            run = self._memory.drop_first()
            # A later life sends kept items first, so that none before them may be left out.
            for item in self._memory.pending_items if run is None else run.passed:
                self._keep(item.ordinal, item.request.SerializeToString())
            if run is not None:
                ordinals = [ordinal for ordinal in run.ordinals if ordinal]
                self._forget(run.address, ordinals, run.mark)
                dropped += len(run.ordinals)
            elif self._backlog is not None:
                dropped += self._drop_backlog()
            else:
                break
            if len(self._log.segments) < segments:
                self._writer.retry_now()
        return dropped

    def _drop_backlog(self) -> int:
        """Drop the next lines that are on disk alone; how many they were."""
        assert self._backlog is not None  # noqa: S101  (the caller looked)
        lines: dict[Address, list[int]] = {}
        times: dict[Address, int] = {}
        count = 0
        for _ in range(_DROP_RECORDS):
            entry = self._backlog.next()
            if entry is None:
                break
            if not self._reaches(entry):
                continue
            if isinstance(entry, BacklogItem):
                self._append_item(entry.item, entry.ordinal)
                self._keep(entry.ordinal, entry.item)
                continue
            lines.setdefault(entry.address, []).append(entry.ordinal)
            times.setdefault(entry.address, entry.line.time_unix_nano)
            count += 1
        for address, ordinals in lines.items():
            mark = DropMark(dropped=len(ordinals), time_unix_nano=times[address])
            self._memory.append_gap(address, mark)
            self._forget(address, ordinals, mark)
        self._backlog_lines -= count
        if entry is None:
            self._catch_up()
        return count

    def _forget(self, address: Address, ordinals: list[int], mark: DropMark) -> None:
        self._writer.write_dropped(address, ordinals, mark)
        self._state.miss(address, ordinals, mark)
        self._log.release(ordinals)

    def _keep(self, ordinal: int, item: bytes) -> None:
        """Copy an item that has to wait, so that its segment need not."""
        if not ordinal or ordinal in self._state.kept:
            return
        if self._writer.write_kept(ordinal, item):
            self._state.keep(ordinal, item)
            self._log.release((ordinal,))
