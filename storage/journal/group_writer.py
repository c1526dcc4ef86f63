"""What a commit does: turns a group of appends into rows, and says what became of each.

The rules of ends, workers, numbers and chunks are here, once for every engine; an engine stores what follows from them.
"""

import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from filters.block import Block
from filters.timestamps import now
from storage.errors import StorageUnavailableError
from storage.journal.chunks import pack
from storage.journal.interface import (
    Append,
    Committed,
    LineBatch,
    Receipt,
    StageProgress,
    StreamClosed,
    TaskEnded,
    TaskEnding,
    WorkerRegistered,
    WorkerReport,
)
from storage.journal.known_state import KnownState, StateSource, WrittenTask
from storage.journal.queries import END_KIND, LINES_KIND

__all__ = ["CommitResult", "GroupWriter"]

_FINAL: Final = frozenset({"COMPLETED", "FAILED", "TERMINATED"})


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a transaction stored, with a receipt for each append, in order."""

    committed: Committed
    receipts: Sequence[Receipt | StorageUnavailableError]
    lines: int
    stored_bytes: int
    last_record: int
    seconds: float


class GroupWriter(ABC):
    """The journal's one writer; runs on the writer's thread only.

    Attributes:
        hindrance: why the transaction under way cannot start, in one sentence; empty when it is not held up.
        is_hurried: give up at once where the database cannot be written now.
    """

    def __init__(self, source: StateSource) -> None:
        self.hindrance = ""
        self.is_hurried = False
        self._known = KnownState(source)
        self._begin()

    @abstractmethod
    def commit(self, items: Sequence[Append]) -> CommitResult:
        """Store a group in one transaction; raises what the database raises, and then nothing of it is stored."""

    @abstractmethod
    def _set_status(self, key: int, worker_id: str, status: str, reason: str) -> None:
        """Store a worker's report."""

    @abstractmethod
    def _set_metadata(self, key: int, worker_id: str, metadata: str) -> None:
        """Store what a worker said of itself, as JSON."""

    @abstractmethod
    def _deciding_report(self, key: int) -> tuple[str, str]:
        """Status and reason by which a task ends: a failure comes first, and of those one that gives a reason."""

    @abstractmethod
    def _last_stage(self, pipeline_id: str) -> int:
        """The number of a pipeline's last transition; 0 if there was none."""

    @abstractmethod
    def _store_stage(self, progress: StageProgress) -> None:
        """Store the state of a stage, numbered."""

    def _begin(self) -> None:
        self._known.begin()
        self._blocks: list[Block] = []
        self._ended: list[TaskEnded] = []
        self._opened: dict[str, None] = {}
        self._progress: list[StageProgress] = []
        self._records: list[tuple[object, ...]] = []
        self._stored_bytes = 0
        self._lines = 0

    def _result(
        self, receipts: Sequence[Receipt | StorageUnavailableError], last_record: int, started: float
    ) -> CommitResult:
        """What was stored, once it is."""
        touched = self._known.touched
        return CommitResult(
            Committed(
                self._blocks,
                [ended for ended in self._ended if touched[ended.task_id].ended is ended],
                self._progress,
                list(self._opened),
            ),
            receipts,
            self._lines,
            self._stored_bytes,
            last_record,
            time.perf_counter() - started,
        )

    def forget(self) -> None:
        """Read everything anew that was kept between transactions; not while one is under way."""
        self._known.forget()

    def _apply(self, item: Append) -> Receipt | StorageUnavailableError:
        if item.producer is not None:
            number, known = item.producer.number, self._known.number_of(item.producer.producer_id)
            if number <= known:
                return Receipt(duplicate=True, created=not isinstance(item, WorkerRegistered))
            previous = number - 1 if item.producer.previous is None else item.producer.previous
            if previous > known:
                missing = known + 1 if item.producer.previous is None else previous
                return StorageUnavailableError(f"number {number} was not stored because {missing} was not")
            self._known.use_number(item.producer.producer_id, number)
        match item:
            case LineBatch():
                return self._append_lines(item)
            case WorkerReport():
                self._report(item)
            case WorkerRegistered():
                return Receipt(created=self._register(item))
            case StreamClosed():
                task = self._known.find(item.task_id)
                if task is not None:
                    self._settle(task, now())
            case TaskEnding():
                task = self._known.task(item.task_id)
                if task.ended is None:
                    self._end(task, "FAILED" if item.failed else "COMPLETED", item.timestamp, item.reason)
            case StageProgress():
                self._advance_stage(item)
        return Receipt()

    def _append_lines(self, batch: LineBatch) -> Receipt:
        if not batch.entries:
            return Receipt()  # its number is stored, and nothing else
        task = self._known.task(batch.task_id)
        if not batch.from_table:
            self._known.see(task, batch.worker_id)
            task.standing_end = None
        elif task.ended is not None:
            task.standing_end = task.ended
        if task.ended is not None:
            self._open(task)
        if not task.waiting:
            task.received_at = batch.received_at
        first = sequence = task.last + 1
        for entry in batch.entries:
            entry.sequence = sequence
            sequence += 1
        task.last = sequence - 1
        task.waiting += batch.entries
        return Receipt(first, task.last)

    def _report(self, report: WorkerReport) -> None:
        task = self._known.task(report.task_id)
        self._known.see(task, report.worker_id)
        worker = (task.key, report.worker_id)
        task.unfinished += (self._known.statuses[worker] in _FINAL) - (report.status in _FINAL)
        self._known.statuses[worker] = report.status
        self._set_status(*worker, report.status, report.reason)
        if report.metadata:
            self._set_metadata(*worker, msgspec.json.encode(report.metadata).decode())
        if report.status in _FINAL:
            self._settle(task, report.timestamp)
        elif task.ended is not None and task.ended.through_status:
            self._open(task)
        elif task.standing_end is not None and task.standing_end.through_status:
            task.standing_end = None

    def _register(self, registered: WorkerRegistered) -> bool:
        task = self._known.task(registered.task_id)
        is_new = self._known.see(task, registered.worker_id)
        self._set_metadata(task.key, registered.worker_id, msgspec.json.encode(registered.metadata).decode())
        return is_new

    def _settle(self, task: WrittenTask, timestamp: str) -> None:
        """End the task if every worker seen on it has reported a final status."""
        if task.ended is not None or not task.workers or task.unfinished:
            return
        status, reason = self._deciding_report(task.key)
        self._end(task, "FAILED" if status == "FAILED" else "COMPLETED", timestamp, reason, through_status=True)

    def _end(
        self, task: WrittenTask, status: str, timestamp: str, reason: str, *, through_status: bool = False
    ) -> None:
        self._pack(task)  # the end stands behind these lines in the order of records
        task.standing_end = None
        task.ended = TaskEnded(task.task_id, task.last, status, timestamp, reason, through_status)
        task.is_changed = True
        payload = msgspec.json.encode([status, timestamp, reason, through_status])
        self._insert(task, END_KIND, task.last, task.last, (0, "", "", 0, len(payload), zlib.crc32(payload), payload))
        self._ended.append(task.ended)

    def _open(self, task: WrittenTask) -> None:
        task.ended = None
        task.is_changed = True
        if task.was_ended:
            self._opened[task.task_id] = None

    def _advance_stage(self, progress: StageProgress) -> None:
        numbered = replace(progress, number=self._last_stage(progress.pipeline_id) + 1)
        self._store_stage(numbered)
        self._progress.append(numbered)

    def _pack(self, task: WrittenTask) -> None:
        """Store the entries that wait, as few chunks as the limits allow."""
        entries, task.waiting = task.waiting, []
        if not entries:
            return
        task.is_changed = True
        self._lines += len(entries)
        done = 0
        for chunk in pack(entries):
            first = entries[done].sequence
            count = len(chunk.lines)
            self._insert(
                task,
                LINES_KIND,
                first,
                first + count - 1,
                (
                    chunk.levels,
                    chunk.earliest,
                    chunk.latest,
                    chunk.codec,
                    chunk.raw_size,
                    chunk.checksum,
                    chunk.payload,
                ),
            )
            task.added_bytes += len(chunk.payload)
            part = entries[done : done + count]
            self._blocks.append(Block(task.task_id, first, chunk.lines, entries=part, received_at=task.received_at))
            done += count

    def _insert(
        self, task: WrittenTask, kind: int, first: int, last: int, rest: tuple[int, str, str, int, int, int, bytes]
    ) -> None:
        self._records.append((task.key, kind, first, last, *rest))

    def _pack_all(self) -> list[tuple[object, ...]]:
        """Store the pending lines of every task; the rows of tasks that are changed.

        Key, last sequence, the end's status (None: open), time, reason, whether it followed from reports, added bytes.
        """
        tasks: list[tuple[object, ...]] = []
        for task in self._known.touched.values():
            end = task.standing_end
            if end is not None:
                self._end(task, end.status, end.timestamp, end.reason, through_status=end.through_status)
            self._pack(task)
            if not task.is_changed:
                continue
            task.is_changed = False
            ended = task.ended
            added, task.added_bytes = task.added_bytes, 0
            self._stored_bytes += added
            if ended is None:
                tasks.append((task.key, task.last, None, None, None, None, added))
            else:
                end_fields = (ended.status, ended.timestamp, ended.reason, int(ended.through_status))
                tasks.append((task.key, task.last, *end_fields, added))
        return tasks
