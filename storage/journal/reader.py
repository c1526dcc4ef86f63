"""Reading the journal: short transactions on connections of their own, one per reader thread."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import Final

import msgspec

from filters.block import Selection
from filters.matching import Matcher
from filters.text_summary import SummaryBuilder
from storage.journal.chunk_walk import chunks_after, chunks_before
from storage.journal.chunks import ChunkDamagedError, open_payload, open_text
from storage.journal.counting import Counting
from storage.journal.history import KnownTask, LevelCounts, SequenceRange, TaskOverview, WorkerRecord
from storage.journal.interface import DamagedLines, Record, StageProgress, TailStep, TaskEnded, TaskState
from storage.journal.inventory import StoredChunk, StoredTask
from storage.journal.queries import END_KIND, Bounds, Queries, Span
from storage.journal.read_page import CHUNKS_MAX, OPENED_BYTES_MAX, Page

__all__ = ["END_DECODER", "Reader", "stored_end"]

_log = logging.getLogger(__name__)

_KEPT_BYTES_MAX: Final = 16 << 20
"""Chunks kept opened for readers that take them in several steps."""

_LINE_BYTES: Final = 64  # what a line in memory costs beside its bytes

END_DECODER: Final = msgspec.json.Decoder(tuple[str, str, str, bool])
"""The end of a task as it is stored: status, timestamp, reason, and whether it followed from reports."""

_DAMAGED_MAX: Final = 4096
"""How many damaged places are logged, one by one."""


def stored_end(task_id: str, last: int, stored: bytes) -> TaskEnded:
    """The end of a task as its record has it."""
    status, timestamp, reason, through_status = END_DECODER.decode(stored)
    return TaskEnded(task_id, last, status, timestamp, reason, through_status)


class Reader:
    """All queries of the journal; may be used by several threads at once.

    A query is several statements, and retention may remove chunks between two of them. What it took looks like damage
    then; the task's first sequence shows the difference, and the query is made again. A transaction around each query
    would do without, and cost every one of them what hardly ever happens to one.
    """

    def __init__(self, connect: Callable[[], Queries]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._connections: list[Queries] = []
        self._opened: OrderedDict[int, tuple[int, list[bytes]]] = OrderedDict()  # raw size and lines, by record
        self._opened_bytes = 0
        self._guard = threading.Lock()
        self._damaged: set[tuple[str, int]] = set()

    @property
    def damaged_records(self) -> int:
        """How many damaged places were found, up to 4,096."""
        return len(self._damaged)

    def close(self) -> None:
        """Close every thread's connection; no thread may be reading any more."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def task_state(self, task_id: str) -> TaskState:
        """What exists of a task."""
        row = self._queries.state(task_id)
        if row is None:
            return TaskState(task_id)
        first, last, status, timestamp, reason, through_status = row
        ended = None if status is None else TaskEnded(task_id, last, status, timestamp, reason, bool(through_status))
        return TaskState(task_id, first, last, ended)

    def read(self, task_id: str, after: int, upto: int, matcher: Matcher, lines_max: int, bytes_max: int) -> Selection:
        """See ``Journal.read``."""
        key, first, last = self._task(task_id)
        start = max(after, min(first - 1, upto))
        page = Page(start, min(upto, last), matcher, lines_max, bytes_max)
        if page.is_full:
            return page.selection()  # before the chunks are looked at: the limits are not reached yet
        try:
            self._fill(page, task_id, key, matcher)
        except ChunkDamagedError as error:
            if page.end == start:
                if self._is_removed(error):
                    return self.read(task_id, after, upto, matcher, lines_max, bytes_max)  # again, after that
                self.note(error)
                end = min(error.last, page.upto)
                return Selection(end, end, (), (), is_damaged=True)  # so that the reader can continue after it
        return page.selection()

    def note(self, error: ChunkDamagedError) -> None:
        """Log damage and count it, once for each place."""
        with self._guard:
            place = (error.task_id, error.first)
            if place in self._damaged or len(self._damaged) >= _DAMAGED_MAX:
                return
            self._damaged.add(place)
        _log.error(
            "stored lines are damaged",
            extra={"task": error.task_id, "first": error.first, "last": error.last, "reason": error.reason},
        )

    def _fill(self, page: Page, task_id: str, key: int, matcher: Matcher) -> None:
        """Put on a page what fits.

        Raises:
            ChunkDamagedError: what comes next cannot be read; what is before it is on the page.
        """
        for bounds in chunks_after(self._queries, key, page.end, matcher):
            if bounds.first > page.end + 1:
                raise ChunkDamagedError(task_id, page.end + 1, min(bounds.first - 1, page.upto), "they are missing")
            if not matcher.may_match(bounds.levels, bounds.earliest, bounds.latest):
                page.skip(bounds.last)
            else:
                lines = self._open_matching(bounds, task_id, matcher)
                if lines is None:
                    page.skip(bounds.last, bounds.raw_size)
                elif page.add(bounds.first, bounds.raw_size, lines):
                    self._keep(bounds, lines)
            if page.is_full:
                return
        raise ChunkDamagedError(task_id, page.end + 1, page.upto, "they are missing")

    def tail_step(self, task_id: str, count: int, upto: int, matcher: Matcher) -> TailStep:
        """Look for the place in front of the last ``count`` matching lines, for as long as one step may take."""
        while True:
            try:
                return self._tail_step(task_id, count, upto, matcher)
            except ChunkDamagedError:
                continue  # retention has removed it: look again, after that

    def _tail_step(self, task_id: str, count: int, upto: int, matcher: Matcher) -> TailStep:
        key, first, last = self._task(task_id)
        upto = min(upto, last)
        if matcher.everything or count <= 0 or upto < first:
            return TailStep(min(max(first - 1, upto - max(count, 0)), last), 0, is_done=True)
        opened = 0
        for number, bounds in enumerate(chunks_before(self._queries, key, upto, matcher)):
            if number >= CHUNKS_MAX or opened >= OPENED_BYTES_MAX:
                return TailStep(upto, count, is_done=False)
            if matcher.may_match(bounds.levels, bounds.earliest, bounds.latest):
                opened += bounds.raw_size * matcher.weight
                found = self._search(bounds, task_id, upto, matcher)
                if len(found) >= count:
                    return TailStep(bounds.first + found[-count] - 1, 0, is_done=True)
                count -= len(found)
            upto = bounds.first - 1
        return TailStep(first - 1, 0, is_done=True)

    def _search(self, bounds: Bounds, task_id: str, upto: int, matcher: Matcher) -> Sequence[int]:
        """Which lines of a chunk match; none of a damaged one, which the reader is notified when it gets there.

        Raises:
            ChunkDamagedError: retention has removed it meanwhile.
        """
        try:
            lines = self._open_matching(bounds, task_id, matcher)
            return () if lines is None else matcher.select_lines(lines[: upto + 1 - bounds.first])
        except ChunkDamagedError as error:
            if self._is_removed(error):
                raise
            self.note(error)
            return ()

    def count_by_level(self, task_id: str, after: int, sequences: SequenceRange, matcher: Matcher) -> LevelCounts:
        """See ``HistoryReads.count_by_level``. Lines that retention took or the disk has damaged count for nothing."""
        key, first, last = self._task(task_id)
        stretch_last = min(sequences.last, last)
        counting = Counting(sequences, max(after, first - 1), matcher)
        for bounds in chunks_after(self._queries, key, counting.end):
            if counting.is_full or bounds.first > stretch_last:
                break
            if bounds.first > counting.end + 1:
                counting.pass_over(bounds.first - 1)
            known = (bounds.levels, bounds.earliest, bounds.latest)
            if counting.add_unopened(bounds.first, bounds.last, *known):
                continue
            try:
                lines = self._open(bounds, task_id)
            except ChunkDamagedError as error:
                if not self._is_removed(error):
                    self.note(error)
                counting.pass_over(bounds.last)
                continue
            counting.add(bounds.first, bounds.raw_size, lines, *known)
        else:
            counting.pass_over(sequences.last)  # there is no more
        return counting.count_by_level()

    def newest_tasks(self, below: int, snapshot: int, status: str, count_max: int) -> Sequence[KnownTask]:
        """See ``HistoryReads.newest_tasks``."""
        return self._queries.newest_tasks(below, snapshot, status, count_max)

    def count_tasks(self, status: str, count_max: int) -> int:
        """See ``HistoryReads.count_tasks``."""
        return self._queries.count_tasks(status, count_max)

    def overviews(self, task_ids: Sequence[str], workers_max: int) -> Sequence[TaskOverview]:
        """See ``HistoryReads.overviews``."""
        return [
            TaskOverview(self.task_state(task_id), *self._queries.workers(task_id, workers_max)) for task_id in task_ids
        ]

    def without_match(self, tasks: Sequence[KnownTask], matcher: Matcher) -> int:
        """See ``HistoryReads.without_match``."""
        if matcher.everything:
            return 0
        chunks = opened = 0
        for number, task in enumerate(tasks):
            try:
                for bounds in chunks_before(self._queries, self._task(task.task_id)[0], task.last, matcher):
                    chunks += 1
                    if chunks > CHUNKS_MAX or opened >= OPENED_BYTES_MAX:
                        return number
                    if matcher.may_match(bounds.levels, bounds.earliest, bounds.latest):
                        opened += bounds.raw_size * matcher.weight
                        if self._search(bounds, task.task_id, task.last, matcher):
                            return number
            except ChunkDamagedError:
                return number  # retention has removed it
        return len(tasks)

    def worker_records(self, task_ids: Sequence[str], count_max: int) -> Sequence[Sequence[WorkerRecord]]:
        """See ``HistoryReads.worker_records``."""
        return [self._queries.worker_records(task_id, count_max) for task_id in task_ids]

    def records(self, after: int, bytes_max: int) -> Sequence[Record]:
        """See ``Journal.records``."""
        found: list[Record] = []
        size = 0
        with closing(self._queries.records(after, bytes_max)) as rows:
            for row in rows:
                size += row[6]
                if found and size > bytes_max:
                    break
                found.append(self._record(*row))
        return found

    def _record(
        self,
        record_id: int,
        task_id: str,
        kind: int,
        first: int,
        last: int,
        codec: int,
        raw_size: int,
        checksum: int,
        payload: bytes,
    ) -> Record:
        try:
            # Of an end, both are the last line in front of it, and its one line is the end itself.
            start = last if kind == END_KIND else first
            stored = open_payload(codec, raw_size, checksum, payload, task_id=task_id, first=start, last=last)
        except ChunkDamagedError as error:
            self.note(error)
            return self._damaged_record(record_id, kind, error)
        if kind == END_KIND:
            return Record(record_id, task_id, ended=stored_end(task_id, last, stored[0]))
        return Record(record_id, task_id, first, stored)

    def _damaged_record(self, record_id: int, kind: int, error: ChunkDamagedError) -> Record:
        """What a sink is given in the place of a record. The end of a task is stored with the task, too."""
        if kind == END_KIND:
            ended = self.task_state(error.task_id).ended
            if ended is not None and ended.last == error.last:
                return Record(record_id, error.task_id, ended=ended)
            # It has been opened again, and its present end has a record of its own.
            return Record(record_id, error.task_id, damaged=DamagedLines(error.last + 1, error.last, error.reason))
        return Record(
            record_id, error.task_id, error.first, damaged=DamagedLines(error.first, error.last, error.reason)
        )

    def newest_record(self) -> int:
        """The id of the newest record before which none is still to come."""
        return self._queries.newest_record()

    def last_number(self, producer_id: str) -> int:
        """See ``Journal.last_number``."""
        return self._queries.last_number(producer_id)

    def stages(self, pipeline_id: str) -> Sequence[StageProgress]:
        """See ``Journal.stages``."""
        rows = self._queries.stages(pipeline_id)
        return [StageProgress(pipeline_id, stage_id, document, number) for stage_id, document, number in rows]

    def stored_tasks(self, after: str, count_max: int) -> Sequence[StoredTask]:
        """See ``Inventory.stored_tasks``."""
        return self._queries.stored_tasks(after, count_max)

    def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        """See ``Journal.last_sequences``."""
        return self._queries.last_sequences(task_ids)

    def stored_chunks(self, task_id: str, after: int, count_max: int) -> Sequence[StoredChunk]:
        """See ``Inventory.stored_chunks``."""
        return self._queries.stored_chunks(task_id, after, count_max)

    def summarize(self, task_id: str, after: int, bytes_min: int) -> Span | None:
        """The summary of the first chunks after ``after`` that have so many bytes together; None if there are fewer.

        With 0 bytes it is of all that there are. Of lines that cannot be read nothing is known: it is empty.
        """
        key, first, _ = self._task(task_id)
        start = reached = max(after, first - 1)
        # Whether they are enough comes first: a task that grows is asked for again and again.
        chunks, size = list[Bounds](), 0
        for bounds in chunks_after(self._queries, key, start):
            chunks.append(bounds)
            size += bounds.raw_size
            if bytes_min and size >= bytes_min:
                break
        else:
            if bytes_min or not chunks:
                return None
        builder, is_known = SummaryBuilder(), True
        for bounds in chunks:
            try:
                builder.add(self._text(bounds, task_id))
            except ChunkDamagedError:
                is_known = False
            is_known = is_known and bounds.first <= reached + 1
            reached = bounds.last
        return Span(start + 1, reached, builder.finish() if is_known else b"")

    def _is_removed(self, error: ChunkDamagedError) -> bool:
        """Whether retention has taken what could not be read; a task's first sequence only grows."""
        return error.first < self._task(error.task_id)[1]

    @property
    def _queries(self) -> Queries:
        queries: Queries | None = getattr(self._local, "queries", None)
        if queries is None:
            queries = self._local.queries = self._connect()
            with self._guard:
                self._connections.append(queries)
        return queries

    def _task(self, task_id: str) -> tuple[int, int, int]:
        """Key, first and last sequence of a task; an unknown one has no lines."""
        return self._queries.task(task_id) or (0, 1, 0)

    def _open(self, bounds: Bounds, task_id: str) -> list[bytes]:
        """The lines of a chunk."""
        return self._kept(bounds) or self._text(bounds, task_id).split(b"\n")

    def _open_matching(self, bounds: Bounds, task_id: str, matcher: Matcher) -> list[bytes] | None:
        """The lines of a chunk; None if none of them can match, which is known before they are cut apart."""
        kept = self._kept(bounds)
        if kept is not None:
            return kept
        text = self._text(bounds, task_id)
        return text.split(b"\n") if matcher.may_match_text(text) else None

    def _kept(self, bounds: Bounds) -> list[bytes] | None:
        if bounds.payload is not None:
            return None  # a small one is not worth keeping
        with self._guard:
            opened = self._opened.get(bounds.record_id)
            if opened is None:
                return None
            self._opened.move_to_end(bounds.record_id)
            return opened[1]

    def _text(self, bounds: Bounds, task_id: str) -> bytes:
        payload = bounds.payload
        if payload is None:
            payload = self._queries.payload(bounds.record_id)
            if payload is None:
                raise ChunkDamagedError(task_id, bounds.first, bounds.last, "they were removed while they were read")
        return open_text(
            *(bounds.codec, bounds.raw_size, bounds.checksum, payload),
            task_id=task_id,
            first=bounds.first,
            last=bounds.last,
        )

    def _keep(self, bounds: Bounds, lines: list[bytes]) -> None:
        """Keep the lines of a chunk that somebody will come back to."""
        if bounds.payload is not None:
            return
        size = bounds.raw_size + _LINE_BYTES * len(lines)
        with self._guard:
            if bounds.record_id not in self._opened:
                self._opened[bounds.record_id] = (size, lines)
                self._opened_bytes += size
            while self._opened_bytes > _KEPT_BYTES_MAX and len(self._opened) > 1:
                self._opened_bytes -= self._opened.popitem(last=False)[1][0]
