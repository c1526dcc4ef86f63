"""A spool on disk: what was accepted survives the death of the process, and is delivered once by anyone who comes next.

Every line is a checksummed record in an append-only file before ``append_line`` returns; what becomes of it (numbered,
acknowledged, dropped) is a record after it. In front of the files is a spool in memory, through which everything goes
to the gateway; with the gateway away and that one full, lines are on disk alone.

Why files of its own, and not SQLite: a transaction for each line costs ten times as much, and a damaged page there can
take the whole database with it, where here it takes the records that it hits, and their number is known.
"""

import json
import math
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from otto.logs.v1 import logs_pb2

from otto_logs._backlog import Backlog
from otto_logs._limits import ProducerLimits
from otto_logs._memory_spool import MemorySpool
from otto_logs._records import RecordKind, SpooledLine, address_body, frame, line_record
from otto_logs._recovery import line_fields, recover
from otto_logs._segments import Place, SegmentLog, segment_files
from otto_logs._spool import AT_ONCE, Address, DropMark, FlushMarker, Request, SpoolUnwritableError
from otto_logs._spool_state import NumberedRequest, pack_ordinals
from otto_logs._statistics import Problem, ProblemKind
from otto_logs._values import Durability, Level, Source, line_count

__all__ = ["DiskSpool"]

_SEGMENTS: Final = 16
_SEGMENT_BYTES_MAX: Final = 4 * 1024 * 1024
_SEGMENT_BYTES_LEAST: Final = 16 * 1024
_RECORD_BYTES: Final = 64
"""What a line's record has beside its message."""
_RETRY_SECONDS: Final = 1.0
_DROP_RECORDS: Final = 1_000
_LOAD_LINES: Final = 2_000
"""What is read from the disk at a time, while callers wait: some 10 ms."""

_spools: "weakref.WeakSet[DiskSpool]" = weakref.WeakSet()


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
        self._wall_offset = time.time() - clock()
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
        self._problems: list[Problem] = []
        self._failing = False
        self._retry_at = -math.inf
        self._closed = False
        self._addresses: dict[Address, int] = {}
        self._address_number = 0
        self._barriers: deque[tuple[int, FlushMarker]] = deque()
        self._backlog: Backlog | None = None
        self._backlog_lines = recovered.lines_pending
        self._damaged = recovered.lines_missing
        self._notes = recovered.notes
        self._last_address: Address | None = None
        self._restore(recovered.requests, is_empty=recovered.is_empty)
        _spools.add(self)

    def _restore(self, requests: Sequence[Request], *, is_empty: bool) -> None:
        state = self._state
        self._memory.restore(requests, state.number, state.acknowledged)
        gaps = [(gap.ordinal, address, gap.mark) for address, gap in state.gaps.items()]
        gaps.sort(key=lambda gap: gap[0], reverse=True)
        for ordinal, item in state.kept_pending():
            while gaps and gaps[-1][0] < ordinal:
                self._memory.append_gap(*gaps.pop()[1:])
            self._append_item(item, ordinal)
        while gaps:
            self._memory.append_gap(*gaps.pop()[1:])
        if not is_empty:
            self._backlog = Backlog(self._log, Place(0, 0), state.low, {})
        for note in self._notes:
            self._problems.append(Problem(ProblemKind.DAMAGED, note))
        if self._log.segments:
            self._is_writable()
        else:
            self._log.begin_segment()

    def __repr__(self) -> str:
        behind = f" backlog={self._backlog_lines}" if self._backlog is not None else ""
        return f"<DiskSpool {self.directory} {self._memory!r}{behind}{' failing' if self._failing else ''}>"

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
        problems, self._problems = self._problems, []
        return problems

    def has_room(self, size: int) -> bool:
        if self.is_empty:
            return True
        if self._failing and self._clock() < self._retry_at:
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
        fields = b""
        if metadata or positions:
            content = {"m": metadata} if metadata else {}
            fields = json.dumps(content | {"p": positions} if positions else content, separators=(",", ":")).encode()
        ordinal, place = 0, None
        if self._is_writable() and (number := self._address(address)):
            place = self._log.end
            record = line_record(
                self._log.next_ordinal,
                time_unix_nano,
                now + self._wall_offset,
                level,
                source,
                number,
                fields,
                message,
            )
            ordinal = self._write_ordinal(record)
        if self._backlog is None and self._memory.has_room(len(message)):
            self._memory.append_line(address, message, time_unix_nano, level, source, metadata, now, None, ordinal)
        elif ordinal and place is not None:
            self._fall_behind(place, ordinal)
            self._backlog_lines += 1
        else:
            raise SpoolUnwritableError("the spool's directory cannot be written, and its memory is full")
        if positions:
            self._state.positions.update(positions)

    def append_item(self, request: logs_pb2.PublishRequest) -> None:
        data = request.SerializeToString()
        ordinal, place = 0, None
        if self._is_writable():
            place = self._log.end
            body = self._log.next_ordinal.to_bytes(8, "little") + data
            ordinal = self._write_ordinal(frame(RecordKind.ITEM, body))
        if self._backlog is None and self._memory.has_room(len(data)):
            self._memory.append_item(request, ordinal)
        elif ordinal and place is not None:
            self._fall_behind(place, ordinal)
        else:
            raise SpoolUnwritableError("the spool's directory cannot be written, and its memory is full")

    def append_barrier(self) -> FlushMarker:
        if self._backlog is None:
            return self._memory.append_barrier()
        barrier = FlushMarker()
        self._barriers.append((self._log.next_ordinal, barrier))
        return barrier

    def _fall_behind(self, place: Place, ordinal: int) -> None:
        """From this record on, memory does not have what the disk has."""
        if self._backlog is None:
            names = {number: address for address, number in self._addresses.items()}
            self._backlog = Backlog(self._log, place, ordinal, names)

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
            if self._record(RecordKind.NUMBERED, json.dumps(sealed.to_json(), separators=(",", ":")).encode()):
                self._sync()
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
        self._is_writable()

    def acknowledge(self, number: int) -> int:
        lines = self._memory.acknowledge(number)
        self._settle(number)
        self._load()
        return lines

    def _settle(self, number: int) -> None:
        self._record(RecordKind.ACKNOWLEDGED, str(number).encode())
        stored = self._state.acknowledge(number)
        if stored:
            self._log.release(stored)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._log.close()
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
            first, second = entry
            if isinstance(first, SpooledLine):
                assert isinstance(second, Address)  # noqa: S101  (a line comes with its address)
                self._reach(first.ordinal, second)
                if self._state.is_pending(first.ordinal):
                    metadata, _ = line_fields(first.fields)
                    memory.append_line(
                        second,
                        first.message,
                        first.time_unix_nano,
                        first.level,
                        first.source,
                        metadata,
                        min(first.accepted_at - self._wall_offset, self._clock()),
                        ordinal=first.ordinal,
                    )
                    self._backlog_lines -= 1
            else:
                assert isinstance(second, bytes)  # noqa: S101  (an item comes with its bytes)
                self._reach(first, self._last_address)
                if self._state.is_pending(first):
                    self._append_item(second, first)

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
        self._record(RecordKind.DROPPED, _missed(address, ordinals, mark))
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
            if run is not None:
                for item in run.passed:
                    self._keep(item.ordinal, item.request.SerializeToString())
                ordinals = [ordinal for ordinal in run.ordinals if ordinal]
                self._forget(run.address, ordinals, run.mark)
                dropped += len(run.ordinals)
            elif self._backlog is not None:
                dropped += self._drop_backlog()
            else:
                break
            if self._failing and len(self._log.segments) < segments:
                self._retry_at = -math.inf  # there is room again
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
            first, second = entry
            if isinstance(first, SpooledLine):
                assert isinstance(second, Address)  # noqa: S101  (a line comes with its address)
                self._reach(first.ordinal, second)
                if self._state.is_pending(first.ordinal):
                    lines.setdefault(second, []).append(first.ordinal)
                    times.setdefault(second, first.time_unix_nano)
                    count += 1
            else:
                assert isinstance(second, bytes)  # noqa: S101  (an item comes with its bytes)
                self._reach(first, self._last_address)
                if self._state.is_pending(first):
                    self._append_item(second, first)
                    self._keep(first, second)
        for address, ordinals in lines.items():
            mark = DropMark(dropped=len(ordinals), time_unix_nano=times[address])
            self._memory.append_gap(address, mark)
            self._forget(address, ordinals, mark)
        self._backlog_lines -= count
        if entry is None:
            self._catch_up()
        return count

    def _forget(self, address: Address, ordinals: list[int], mark: DropMark) -> None:
        self._record(RecordKind.DROPPED, _missed(address, ordinals, mark))
        self._state.miss(address, ordinals, mark)
        self._log.release(ordinals)

    def _keep(self, ordinal: int, item: bytes) -> None:
        """Copy an item that has to wait, so that its segment need not."""
        if not ordinal or ordinal in self._state.kept:
            return
        if self._record(RecordKind.KEPT, ordinal.to_bytes(8, "little") + item):
            self._state.keep(ordinal, item)
            self._log.release((ordinal,))

    # -- the files ---------------------------------------------------------------------------------------------------

    def _is_writable(self) -> bool:
        """See to it that there is a segment to write to."""
        if self._closed:
            return False
        if not self._failing and not self._log.needs_segment():
            return True
        if self._failing and self._clock() < self._retry_at:
            return False
        try:
            self._log.begin_segment()
        except OSError as error:
            self._fail(error)
            return False
        self._addresses.clear()
        self._failing = False
        return True

    def _fail(self, error: OSError) -> None:
        self._log.end_segment()
        self._retry_at = self._clock() + _RETRY_SECONDS
        if not self._failing:
            self._failing = True
            self._problems.append(
                Problem(
                    ProblemKind.UNWRITABLE,
                    f"the spool in {self.directory} cannot be written ({error.strerror}); until it can, new lines wait "
                    "in memory alone",
                )
            )

    def _record(self, kind: RecordKind, body: bytes) -> bool:
        """Write a record of what became of lines; False if that cannot be, and memory alone knows it."""
        if not self._is_writable():
            return False
        try:
            self._log.append(frame(kind, body))
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _write_ordinal(self, record: bytes) -> int:
        """Write a line or an item; its ordinal, 0 if it cannot be written."""
        ordinal = self._log.next_ordinal
        try:
            self._log.append_ordinal(record)
            self._log.sync()
        except OSError as error:
            self._fail(error)
            return ordinal if self._log.next_ordinal > ordinal else 0
        return ordinal

    def _sync(self) -> None:
        try:
            self._log.sync()
        except OSError as error:
            self._fail(error)

    def _address(self, address: Address) -> int:
        """The number of an address in this segment; 0 if it cannot be written."""
        number = self._addresses.get(address)
        if number is None:
            self._address_number += 1
            if not self._record(RecordKind.ADDRESS, address_body(self._address_number, address)):
                return 0
            number = self._addresses[address] = self._address_number
        return number

    def disown(self) -> None:
        """Leave the files to the parent, in the child of a fork."""
        self._closed = True
        self._log.close()


def _missed(address: Address, ordinals: list[int], mark: DropMark) -> bytes:
    return json.dumps([address, pack_ordinals(ordinals), asdict(mark)], separators=(",", ":")).encode()


def _in_child() -> None:
    for spool in list(_spools):
        spool.disown()


os.register_at_fork(after_in_child=_in_child)
