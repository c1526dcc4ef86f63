"""Reading the journal: short transactions on connections of their own, one per reader thread."""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from filters.block import Block, Selection
from filters.matching import Matcher
from storage.journal import JournalUnavailableError, Record, StageProgress, TaskEnded, TaskState
from storage.sqlite.chunks import open_payload
from storage.sqlite.writer import END_KIND

__all__ = ["Reader"]

_CHUNKS_PER_QUERY: Final = 64
_CHUNKS_PER_READ_MAX: Final = 256
"""So many chunks one read looks at; a filter that nothing matches then reports how far it got and is asked again."""

_OPENED_BYTES_MAX: Final = 16 << 20
"""Chunks kept opened for readers that take them in several steps."""

_END: Final = msgspec.json.Decoder(tuple[str, str, str, bool])

_BOUNDS: Final = (
    "SELECT record_id, first_sequence, last_sequence, levels, earliest, latest FROM journal_records "
    "WHERE task_key = ? AND kind = 0 AND "
)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What is known of a chunk without opening it."""

    record_id: int
    first: int
    last: int
    levels: int
    earliest: str
    latest: str


class Reader:
    """All queries of the journal; may be used by several threads at once."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._opened: OrderedDict[int, tuple[int, list[bytes]]] = OrderedDict()  # raw size and lines, by record
        self._opened_bytes = 0
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close every thread's connection; no thread may be reading any more."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def task_state(self, task_id: str) -> TaskState:
        """What exists of a task."""
        row = self._db.execute(
            "SELECT first_sequence, last_sequence, end_status, end_timestamp, end_reason, end_through_status "
            "FROM journal_tasks WHERE task_id = ?",
            (task_id,),
        ).fetchone()
        if row is None:
            return TaskState(task_id)
        first, last, status, timestamp, reason, through_status = row
        ended = None if status is None else TaskEnded(task_id, last, status, timestamp, reason, bool(through_status))
        return TaskState(task_id, first, last, ended)

    def read(self, task_id: str, after: int, upto: int, matcher: Matcher, lines_max: int, bytes_max: int) -> Selection:
        """See ``Journal.read``."""
        key, first = self._task(task_id)
        start = position = max(after, first - 1)
        sequences: list[int] = []
        lines: list[bytes] = []
        size = looked_at = 0
        for bounds in self._chunks_after(key, start):
            if bounds.first > upto or looked_at >= _CHUNKS_PER_READ_MAX:
                break
            looked_at += 1
            end = min(bounds.last, upto)
            if not matcher.may_match(bounds.levels, bounds.earliest, bounds.latest):
                position = end
                continue
            stored = self._open(bounds, task_id)
            part = stored[position + 1 - bounds.first : end + 1 - bounds.first]
            found = matcher.select_block(Block(task_id, position + 1, part))
            taken = _fit(found.lines, lines_max - len(lines), bytes_max - size)
            if not lines and found.lines:
                taken = max(taken, 1)  # every read makes progress, however long the line is
            sequences += found.sequences[:taken]
            lines += found.lines[:taken]
            size += sum(map(len, found.lines[:taken]))
            if taken < len(found.lines):
                position = found.sequences[taken] - 1
                break
            position = end
            if len(lines) >= lines_max or size >= bytes_max:
                break
        if looked_at == 0:
            position = max(start, upto)  # nothing is stored there; the reader must not ask again
        return Selection(start, position, sequences, lines)

    def tail_start(self, task_id: str, count: int, upto: int, matcher: Matcher) -> int:
        """See ``Journal.tail_start``."""
        key, first = self._task(task_id)
        if matcher.everything:
            return max(first - 1, upto - count)
        if count <= 0:
            return upto
        left = count
        for bounds in self._chunks_before(key, upto):
            if not matcher.may_match(bounds.levels, bounds.earliest, bounds.latest):
                continue
            part = self._open(bounds, task_id)[: max(0, upto + 1 - bounds.first)]
            found = matcher.select_block(Block(task_id, bounds.first, part)).sequences
            if len(found) >= left:
                return found[-left] - 1
            left -= len(found)
        return first - 1

    def records(self, after: int, bytes_max: int) -> Sequence[Record]:
        """See ``Journal.records``."""
        found: list[Record] = []
        size = 0
        cursor = self._db.execute(
            "SELECT record_id, task_id, kind, r.first_sequence, r.last_sequence, codec, raw_size, checksum, payload "
            "FROM journal_records r JOIN journal_tasks USING (task_key) "
            "WHERE record_id > ? ORDER BY record_id LIMIT 256",
            (after,),
        )
        for record_id, task_id, kind, first, last, codec, raw_size, checksum, payload in cursor:
            stored = open_payload(
                codec, raw_size, checksum, payload, place=f"task {task_id!r}, lines {first} to {last}"
            )
            if kind == END_KIND:
                status, timestamp, reason, through_status = _END.decode(stored[0])
                ended = TaskEnded(task_id, last, status, timestamp, reason, through_status)
                found.append(Record(record_id, task_id, ended=ended))
            else:
                found.append(Record(record_id, task_id, first, stored))
            size += raw_size
            if size >= bytes_max:
                break
        cursor.close()
        return found

    def last_number(self, producer_id: str) -> int:
        """See ``Journal.last_number``."""
        row = self._db.execute("SELECT number FROM journal_producers WHERE producer_id = ?", (producer_id,)).fetchone()
        return int(row[0]) if row else 0

    def stages(self, pipeline_id: str) -> Sequence[StageProgress]:
        """See ``Journal.stages``."""
        rows = self._db.execute(
            "SELECT stage_id, document, number FROM journal_stages WHERE pipeline_id = ? ORDER BY number",
            (pipeline_id,),
        )
        return [StageProgress(pipeline_id, stage_id, document, number) for stage_id, document, number in rows]

    @property
    def _db(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            with self._guard:
                self._connections.append(connection)
        return connection

    def _task(self, task_id: str) -> tuple[int, int]:
        row = self._db.execute(
            "SELECT task_key, first_sequence FROM journal_tasks WHERE task_id = ?", (task_id,)
        ).fetchone()
        return (row[0], row[1]) if row else (0, 1)

    def _chunks_after(self, key: int, sequence: int) -> Iterator[_Bounds]:
        while True:
            rows = self._db.execute(
                _BOUNDS + "last_sequence > ? ORDER BY last_sequence LIMIT ?", (key, sequence, _CHUNKS_PER_QUERY)
            ).fetchall()
            for row in rows:
                yield _Bounds(*row)
            if len(rows) < _CHUNKS_PER_QUERY:
                return
            sequence = rows[-1][2]

    def _chunks_before(self, key: int, sequence: int) -> Iterator[_Bounds]:
        # The chunk that ``sequence`` is in ends at it or behind it; all others end before.
        row = self._db.execute(
            _BOUNDS + "last_sequence >= ? ORDER BY last_sequence LIMIT 1", (key, sequence)
        ).fetchone()
        if row is not None:
            yield _Bounds(*row)
        while True:
            rows = self._db.execute(
                _BOUNDS + "last_sequence < ? ORDER BY last_sequence DESC LIMIT ?", (key, sequence, _CHUNKS_PER_QUERY)
            ).fetchall()
            for row in rows:
                yield _Bounds(*row)
            if len(rows) < _CHUNKS_PER_QUERY:
                return
            sequence = rows[-1][2]

    def _open(self, bounds: _Bounds, task_id: str) -> list[bytes]:
        """The lines of a chunk; the last ones opened are kept."""
        with self._guard:
            opened = self._opened.get(bounds.record_id)
            if opened is not None:
                self._opened.move_to_end(bounds.record_id)
                return opened[1]
        row = self._db.execute(
            "SELECT codec, raw_size, checksum, payload FROM journal_records WHERE record_id = ?", (bounds.record_id,)
        ).fetchone()
        place = f"task {task_id!r}, lines {bounds.first} to {bounds.last}"
        if row is None:
            raise JournalUnavailableError(f"{place} were removed by retention while they were being read")
        codec, raw_size, checksum, payload = row
        lines = open_payload(codec, raw_size, checksum, payload, place=place)
        with self._guard:
            if bounds.record_id not in self._opened:
                self._opened[bounds.record_id] = (raw_size, lines)
                self._opened_bytes += raw_size
            while self._opened_bytes > _OPENED_BYTES_MAX and len(self._opened) > 1:
                self._opened_bytes -= self._opened.popitem(last=False)[1][0]
        return lines


def _fit(lines: Sequence[bytes], lines_max: int, bytes_max: int) -> int:
    """How many of the lines fit."""
    if len(lines) <= lines_max and sum(map(len, lines)) <= bytes_max:
        return len(lines)
    size = 0
    for index, line in enumerate(lines):
        size += len(line)
        if index >= lines_max or size > bytes_max:
            return index
    return len(lines)
