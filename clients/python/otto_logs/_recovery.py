"""What a directory holds that an earlier process left: the ledger, and the requests that may have been sent."""

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from otto.logs.v1 import logs_pb2

from otto_logs._memory_spool import ITEM_BYTES, line_bytes
from otto_logs._records import (
    Record,
    RecordKind,
    SpooledLine,
    damaged_tail_bytes,
    line_has_fields,
    line_ordinal,
    read_line,
    scan,
)
from otto_logs._runs import mark_gap
from otto_logs._segments import Segment, segment_files
from otto_logs._spool import Address, DropMark, Request
from otto_logs._spool_state import NumberedRequest, SpoolState, unpack_ordinals

__all__ = ["Recovered", "line_fields", "recover"]


def line_fields(fields: bytes) -> tuple[dict[str, str] | None, dict[str, object] | None]:
    """A line's metadata, and the positions in files that it goes with."""
    if not fields:
        return None, None
    value = json.loads(fields)
    return value.get("m"), value.get("p")


@dataclass
class Recovered:
    """The state of a spool on disk.

    ``lines_pending`` can be read and have no number; ``requests`` have one, and are sent again as they were.
    ``lines_missing`` of them cannot be read; ``notes`` say what is wrong.
    """

    state: SpoolState
    segments: list[Segment] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    lines_pending: int = 0
    lines_missing: int = 0
    items_pending: int = 0
    next_ordinal: int = 1
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be delivered."""
        state = self.state
        return (
            not (self.requests or self.lines_pending or self.items_pending or state.gaps or state.kept)
            and state.pending_among(state.low, self.next_ordinal) == 0
        )


class _Scanned(Segment):
    """A segment, and the ordinals that were found in it: ranges of lines and items, and which are items."""

    __slots__ = ("items", "ranges")

    def __init__(self, path: Path, index: int, first: int, size: int) -> None:
        super().__init__(path, index, first, size)
        self.ranges: list[list[int]] = []
        self.items: set[int] = set()

    def add(self, ordinal: int, *, is_item: bool) -> None:
        if self.ranges and self.ranges[-1][1] == ordinal:
            self.ranges[-1][1] += 1
        else:
            if not self.ranges:
                self.first = ordinal
            self.ranges.append([ordinal, ordinal + 1])
        if is_item:
            self.items.add(ordinal)

    def count(self, ordinals: list[int]) -> int:
        """How many of these, which are in order, are here."""
        return sum(bisect_left(ordinals, end) - bisect_left(ordinals, first) for first, end in self.ranges)


def recover(directory: Path, producer_id: str) -> Recovered:
    """Read what is in a directory; ``producer_id`` is for one in which no snapshot can be read.

    Raises:
        ValueError: another version wrote it.
        OSError: the directory cannot be read.
    """
    state: SpoolState | None = None
    scanned: list[_Scanned] = []
    skipped = 0
    is_lost = False
    notes: list[str] = []
    next_ordinal = 1
    for index, path in segment_files(directory):
        try:
            data = path.read_bytes()
        except OSError as error:
            notes.append(f"{path} cannot be read: {error.strerror}")
            continue
        segment = _Scanned(path, index, next_ordinal, len(data))
        scanned.append(segment)
        end = 0
        for record in scan(data):
            end = record.end
            skipped += record.skipped_bytes
            if record.kind == RecordKind.SNAPSHOT:
                state = SpoolState.from_json(record.body)
                next_ordinal = max(next_ordinal, state.low)
                if not segment.ranges:
                    segment.first = next_ordinal
                continue
            if state is None:
                state, is_lost = SpoolState(producer_id), True
                notes.append("what was already delivered cannot be read; some lines may be delivered twice")
            if is_lost:
                is_lost = not _begin_anywhere(state, record)
            next_ordinal = max(next_ordinal, _apply(record, state, segment))
        skipped += damaged_tail_bytes(data, end)
    state = state or SpoolState(producer_id)
    if skipped:
        notes.append(f"{skipped:,} bytes in {directory} are damaged")
    recovered = Recovered(state, list(scanned), notes=notes, next_ordinal=max(next_ordinal, _highest(state) + 1))
    _count(recovered, scanned)
    _load_sealed(recovered, scanned)
    return recovered


def _begin_anywhere(state: SpoolState, record: Record) -> bool:
    """Begin a ledger with the first record that shows where the lost one was; whether this is one."""
    if record.kind in {RecordKind.LINE, RecordKind.ITEM}:
        state.low = line_ordinal(record.body)
        return True
    if record.kind == RecordKind.NUMBERED:
        state.number = state.acknowledged = json.loads(record.body)[0] - 1
    return False


def _apply(record: Record, state: SpoolState, segment: _Scanned) -> int:
    """Apply a record to the ledger; the ordinal after it, if it has one."""
    match record.kind:
        case RecordKind.LINE | RecordKind.ITEM:
            ordinal = line_ordinal(record.body)
            segment.add(ordinal, is_item=record.kind == RecordKind.ITEM)
            if record.kind == RecordKind.LINE and line_has_fields(record.body):
                _, positions = line_fields(read_line(record.body).fields)
                state.positions.update(positions or {})
            return ordinal + 1
        case RecordKind.NUMBERED:
            sealed = NumberedRequest.from_json(json.loads(record.body))
            while state.number + 1 < sealed.number:  # a record is lost; its number must not be left out
                state.numbered(NumberedRequest(state.number + 1, sealed.address, [], None))
            if sealed.number == state.number + 1:
                state.numbered(sealed)
        case RecordKind.ACKNOWLEDGED:
            state.acknowledge(int(record.body))
        case RecordKind.DROPPED:
            address, ordinals, mark = json.loads(record.body)
            state.miss(Address(*address), unpack_ordinals(ordinals), DropMark(**mark))
        case RecordKind.KEPT:
            state.keep(line_ordinal(record.body), record.body[8:])
        case _:
            pass
    return 1


def _highest(state: SpoolState) -> int:
    """The highest ordinal that the ledger knows of."""
    return max(
        state.low - 1,
        *state.taken,
        *state.kept,
        *(sealed.ordinals[-1] for sealed in state.sealed if sealed.ordinals),
        0,
    )


def _count(recovered: Recovered, scanned: list[_Scanned]) -> None:
    """How much is pending, and in which segments."""
    state = recovered.state
    sealed = sorted({ordinal for request in state.sealed for ordinal in request.ordinals} - state.kept.keys())
    for segment in scanned:
        pending = sum(state.pending_among(first, end) for first, end in segment.ranges)
        items = sum(state.is_pending(ordinal) for ordinal in segment.items)
        recovered.lines_pending += pending - items
        recovered.items_pending += items
        segment.live = pending + segment.count(sealed)


def _load_sealed(recovered: Recovered, scanned: list[_Scanned]) -> None:
    """Make the numbered requests again, from the lines that can be read."""
    state = recovered.state
    wanted = {ordinal for sealed in state.sealed for ordinal in sealed.ordinals}
    in_order = sorted(wanted)
    items: dict[int, bytes] = dict(state.kept)
    lines: dict[int, SpooledLine] = {}
    for segment in scanned:
        if not segment.count(in_order):
            continue
        for line, item in _wanted(segment, wanted):
            if isinstance(line, SpooledLine):
                lines[line.ordinal] = line
            else:
                items[line] = item
    found = lines.keys() | items.keys()
    for index, sealed in enumerate(state.sealed):
        missing = len(sealed.ordinals) - len(found & set(sealed.ordinals))
        if missing:
            recovered.lines_missing += missing
            mark = (sealed.mark or DropMark()).plus(DropMark(damaged=missing))
            kept = [ordinal for ordinal in sealed.ordinals if ordinal in found]
            sealed = state.sealed[index] = replace(sealed, ordinals=kept, mark=mark if sealed.address else None)
        recovered.requests.append(_request(sealed, lines, items))


def _wanted(segment: _Scanned, wanted: set[int]) -> Iterator[tuple[SpooledLine | int, bytes]]:
    for record in scan(segment.path.read_bytes()):
        if record.kind == RecordKind.LINE and line_ordinal(record.body) in wanted:
            yield read_line(record.body), b""
        elif record.kind == RecordKind.ITEM and line_ordinal(record.body) in wanted:
            yield line_ordinal(record.body), record.body[8:]


def _request(sealed: NumberedRequest, lines: dict[int, SpooledLine], items: dict[int, bytes]) -> Request:
    message = logs_pb2.PublishRequest()
    if sealed.address is None:
        if sealed.ordinals:
            message.MergeFromString(items[sealed.ordinals[0]])
        request = Request(sealed.number, message, 0, 0, ITEM_BYTES)
    else:
        batch = message.lines
        batch.task_id, batch.worker_id = sealed.address
        size = 0
        if sealed.mark is not None:
            mark_gap(sealed.mark, batch)
            size += ITEM_BYTES
        for ordinal in sealed.ordinals:
            line = lines[ordinal]
            metadata, _ = line_fields(line.fields)
            batch.lines.add(
                message=line.message,
                time_unix_nano=line.time_unix_nano,
                level=int(line.level),
                source=int(line.source),
                metadata=metadata,
            )
            size += line_bytes(line.message, metadata)
        request = Request(sealed.number, message, len(sealed.ordinals), len(batch.lines), size)
    request.ordinals, request.mark = sealed.ordinals, sealed.mark
    return request
