"""Cutting the journal's records into what one transaction of the sink writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from storage.journal.interface import DamagedLines, Record, TaskEnded
from storage.polling.row_map import NO_RECORD

__all__ = ["TABLE_SOURCE", "Batch", "Place", "Rows", "batches", "damaged_message"]

TABLE_SOURCE: Final = "table"
"""The source of lines that another program inserted into ``job_logs``."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far the copy has got: all records up to ``record``; of that one only ``line`` lines where that is not 0."""

    record: int = 0
    line: int = 0

    @property
    def after(self) -> int:
        """The record after which to read on; an unfinished one is read again."""
        return self.record - 1 if self.line else self.record


@dataclass(slots=True)
class Rows:
    """Rows to insert, flat: job id, message and creation time of each, one after the other.

    They are the lines from index ``line`` of ``record`` on, those that came from the table left out; a row that stands
    in the place of damaged lines is of no record.
    """

    record: int
    line: int
    values: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many rows these are."""
        return len(self.values) // 3


@dataclass(slots=True)
class Batch:
    """What one transaction writes, in order, and the place that is reached with it."""

    steps: list[Rows | TaskEnded]
    place: Place
    rows: int = 0
    size: int = 0
    unreadable: int = 0
    damaged: int = 0


class _Line(msgspec.Struct, gc=False):
    message: str
    timestamp: str
    source: str = ""


_decoder: Final = msgspec.json.Decoder(_Line)


def batches(records: Iterable[Record], place: Place, *, rows_max: int, bytes_max: int) -> Iterator[Batch]:
    """Cut what lies after ``place`` into batches of at most ``rows_max`` rows and about ``bytes_max`` bytes of lines.

    A line larger than ``bytes_max`` makes a batch of its own. Decoding happens batch by batch, so that no more than one
    batch of objects exists at a time.
    """
    batch = Batch([], place)
    for record in records:
        line = place.line if record.id == place.record else 0
        while line < len(record.lines):
            if batch.rows == rows_max or (batch.rows and batch.size + len(record.lines[line]) > bytes_max):
                yield batch
                batch = Batch([], batch.place)
            end, size = _fit(record.lines, line, rows_max - batch.rows, bytes_max - batch.size)
            _add(batch, record, line, end)
            batch.size += size
            line = end
            batch.place = Place(record.id, line if line < len(record.lines) else 0)
        if record.ended is not None:
            batch.steps.append(record.ended)
        if record.damaged is not None:
            _mark(batch, record.task_id, record.damaged)
        batch.place = Place(record.id)
    if batch.place != place:
        yield batch


def _fit(lines: Sequence[bytes], start: int, rows: int, room: int) -> tuple[int, int]:
    """The end of what fits from ``start`` on, at least one line, and its size in bytes."""
    end = min(start + rows, len(lines))
    size = sum(map(len, lines[start:end]))
    while size > room and end > start + 1:
        end -= 1
        size -= len(lines[end])
    return end, size


def _add(batch: Batch, record: Record, start: int, end: int) -> None:
    lines = record.lines[start:end]
    batch.rows += len(lines)  # those that came from the table too: they are work, though they become no rows
    last = batch.steps[-1] if batch.steps else None
    rows = last if isinstance(last, Rows) and last.record != NO_RECORD else Rows(record.id, start)
    try:
        decoded = _decoder.decode_lines(b"\n".join(lines))
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = [_decode_or_keep(line, batch) for line in lines]
    values = rows.values
    for line in decoded:
        if line.source == TABLE_SOURCE:
            continue  # the row is there already; copied back, it would come again and again
        time = line.timestamp
        values += (record.task_id, line.message, f"{time[:10]} {time[11:19]}")
    if values and rows is not last:
        batch.steps.append(rows)


def _mark(batch: Batch, task_id: str, damaged: DamagedLines) -> None:
    """A row that stands where damaged lines would: the table must not look whole."""
    batch.damaged += 1
    if damaged.first > damaged.last:
        return  # the end of a task has no row of its own
    created_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    batch.steps.append(Rows(NO_RECORD, 0, [task_id, damaged_message(damaged), created_at]))
    batch.rows += 1


def damaged_message(damaged: DamagedLines) -> str:
    """What the row in the place of damaged lines says."""
    lines = (
        f"line {damaged.first} is" if damaged.first == damaged.last else f"lines {damaged.first} to {damaged.last} are"
    )
    return f"⚠️ otto-gateway: {lines} damaged on the disk and missing here ({damaged.reason})"


def _decode_or_keep(line: bytes, batch: Batch) -> _Line:
    """A line that is no entry must not stop the copy: its text becomes the message, and it is counted."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        batch.unreadable += 1
        return _Line(line.decode(errors="replace"), datetime.now(UTC).isoformat())
