"""Checking the journal's records: what is in each, and what is said of it beside it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from filters.entry import LogEntry, decode_lines
from storage.journal.chunks import ChunkDamagedError, open_payload
from storage.journal.level_counts import LEVEL_MASK, pack_levels
from storage.journal.queries import END_KIND, LINES_KIND
from storage.journal.reader import END_DECODER
from storage.polling.batches import TABLE_SOURCE
from storage.polling.interface import SqlConnection
from storage.polling.row_import import ROW_ID
from storage.verification.findings import Finding, Findings, Kind

__all__ = ["CheckedLine", "CheckedRecord", "check_numbers", "last_record", "records"]

_ROWS_MAX: Final = 256
_BYTES_MAX: Final = 8 << 20

_SELECT: Final = """
SELECT record_id, task_id, kind, r.first_sequence, r.last_sequence, levels, earliest, latest, codec, raw_size, checksum,
  payload FROM journal_records r LEFT JOIN journal_tasks USING (task_key)
WHERE record_id > ? AND record_id <= ? ORDER BY record_id LIMIT ?"""

_Wrong = Callable[[Kind, str, int], None]


class _Row(NamedTuple):
    record_id: int
    task_id: str | None
    kind: int
    first: int
    last: int
    levels: int
    earliest: str
    latest: str
    codec: int
    raw_size: int
    checksum: int
    payload: bytes

    @property
    def place(self) -> str:
        return f"record {self.record_id}, lines {self.first} to {self.last} of task {self.task_id!r}"


class CheckedLine(msgspec.Struct, array_like=True, frozen=True):
    """What the rows of a line are compared with. ``row_id`` is None unless the line was another program's row."""

    task_id: str
    message: str
    created_at: str
    row_id: str | None


class CheckedRecord(msgspec.Struct, array_like=True, frozen=True):
    """A record that was looked at. ``lines`` is None where they cannot be read, or not all of them."""

    id: int
    first: int
    size: int
    count: int
    lines: list[CheckedLine] | None


def last_record(connection: SqlConnection) -> int:
    """The newest record's id; 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(record_id), 0) FROM journal_records").fetchone()[0])


def check_numbers(connection: sqlite3.Connection, upto: int, findings: Findings) -> None:
    """Check that no record's number is given a second time."""
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal_records'").fetchone()
    if upto and (given is None or given[0] < upto):
        findings.add(Finding(Kind.RECORD_WRONG, f"record {upto} is beyond what sqlite_sequence says", record=upto))


def records(
    connection: SqlConnection, after: int, upto: int, findings: Findings, *, rows_max: int = _ROWS_MAX
) -> Iterator[CheckedRecord]:
    """Every record after ``after`` and up to ``upto`` in the order of commits, checked.

    What retention removes meanwhile is not seen. Memory is bounded by what one query gives, some 8 MiB and one chunk.
    """
    while after < upto:
        found, size = list[_Row](), 0
        for values in connection.execute(_SELECT, (after, upto, rows_max)):
            row = _Row._make(values)
            found.append(row)
            size += len(row.payload)
            if size > _BYTES_MAX:
                break  # SQLite's transaction ends with the cursor: what is yielded may take its time
        if not found:
            return
        for row in found:
            yield _checked(row, findings)
        after = found[-1].record_id


def _checked(row: _Row, findings: Findings) -> CheckedRecord:
    def wrong(kind: Kind, text: str, sequence: int = 0) -> None:
        findings.add(Finding(kind, f"{row.place}: {text}", row.task_id or "", sequence or row.first, row.record_id))

    entries: Sequence[LogEntry] | None = None
    if row.task_id is None:
        wrong(Kind.RECORD_WRONG, "there is no such task")
    try:
        if row.kind == LINES_KIND:
            lines = open_payload(*row[8:], task_id=row.task_id or "", first=row.first, last=row.last)
            entries = _entries(row, lines, wrong)
        elif row.kind == END_KIND:
            END_DECODER.decode(open_payload(*row[8:], task_id=row.task_id or "", first=row.last, last=row.last)[0])
            entries = ()
        else:
            wrong(Kind.RECORD_WRONG, f"there is no kind {row.kind}")
    except ChunkDamagedError as error:
        wrong(Kind.CHUNK_DAMAGED, str(error))
    except msgspec.DecodeError as error:
        wrong(Kind.CHUNK_DAMAGED, f"the end of a task cannot be read: {error}")
    checked = None if entries is None else [_line(entry) for entry in entries]
    return CheckedRecord(row.record_id, row.first, row.raw_size, len(checked or ()), checked)


def _line(entry: LogEntry) -> CheckedLine:
    row_id = (entry.metadata or {}).get(ROW_ID, "") if entry.source == TABLE_SOURCE else None
    time = entry.timestamp
    return CheckedLine(entry.task_id, entry.message, f"{time[:10]} {time[11:19]}", row_id)


def _entries(row: _Row, lines: list[bytes], wrong: _Wrong) -> Sequence[LogEntry] | None:
    try:
        entries = decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError):
        entries = []
    if len(entries) != len(lines):
        for index, line in enumerate(lines):
            try:
                decode_lines([line])
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                wrong(Kind.LINE_WRONG, f"line {row.first + index} is no entry: {error}", row.first + index)
        return None
    for sequence, entry in enumerate(entries, row.first):
        if entry.sequence != sequence or entry.task_id != row.task_id:
            wrong(Kind.LINE_WRONG, f"line {sequence} says that it is {entry.sequence} of {entry.task_id!r}", sequence)
    try:
        levels = pack_levels([entry.level for entry in entries])
    except KeyError as error:
        wrong(Kind.LINE_WRONG, f"there is no level {error}", row.first)
        levels = row.levels
    times = [entry.timestamp for entry in entries]
    # Older versions stored no counts.
    if row.levels not in {levels, levels & LEVEL_MASK} or (min(times), max(times)) != (row.earliest, row.latest):
        wrong(Kind.CHUNK_INDEX_WRONG, "levels or times are not those of the lines", row.first)
    return entries
