"""A journal in memory that keeps to the contract, whose commits a test can hold back or make fail.

It is written for being obviously right, not for speed, and shares nothing with the stores: their tests compare with it.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from filters.block import Block, Selection
from filters.entry import decode_lines, encode_lines
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from filters.timestamps import now
from storage.errors import StorageClosedError, StorageUnavailableError
from storage.journal.interface import (
    WATCH_PREFIX,
    Append,
    Committed,
    LineBatch,
    Receipt,
    Record,
    Settled,
    StageProgress,
    StreamClosed,
    TaskEnded,
    TaskEnding,
    TaskState,
    WorkerRegistered,
    WorkerReport,
)
from storage.journal.inventory import Removed, RemovedTasks, StoredChunk, StoredTask
from storage.journal.statistics import JournalStatistics

__all__ = ["MemoryJournal"]

_FINAL = {"COMPLETED", "FAILED", "TERMINATED"}


class MemoryJournal:
    """The interface ``Journal`` without a disk. A commit happens on the next turn of the loop, unless it is held.

    Attributes:
        failure: while it is not empty, commits fail with this text.
        step_chunks: how many chunks a removal takes in one step.
    """

    def __init__(self, *, epoch: str = "00c0ffee", pending_bytes_max: int = 1 << 20) -> None:
        self.failure = ""
        self._epoch = epoch
        self.step_chunks = 2
        self._lines: dict[str, list[bytes]] = {}  # removed ones as well; nothing but tests reads them
        self._first: dict[str, int] = {}
        self._numbered_at: dict[str, float] = {}
        self._marks: list[tuple[int, float]] = []
        self._newest = 0
        self._ends: dict[str, TaskEnded] = {}
        self._forgotten: set[str] = set()
        self._standing: dict[str, TaskEnded] = {}
        self._reports: dict[str, dict[str, tuple[str, str]]] = {}
        self._numbers: dict[str, int] = {}
        self._stages: dict[str, dict[str, StageProgress]] = {}
        self._records: list[Record] = []
        self._blocks: list[Block] = []
        self._ended: list[TaskEnded] = []
        self._opened: list[str] = []
        self._progress: list[StageProgress] = []
        self._pending: list[tuple[Append, asyncio.Future[Receipt]]] = []
        self._pending_bytes_max = pending_bytes_max
        self._listener: Callable[[Committed], None] = lambda _: None
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_held = False
        self._is_closed = False
        self._statistics = JournalStatistics()

    def __repr__(self) -> str:
        return f"<MemoryJournal {len(self._records)} records {len(self._pending)} waiting>"

    @property
    def epoch(self) -> str:
        return self._epoch

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        if self._is_closed:
            future.set_exception(StorageClosedError("the journal has been closed"))
            return future
        self._pending.append((item, future))
        if self._waiting_bytes() > self._pending_bytes_max:
            self._writable.clear()
        loop.call_soon(self._commit)
        return future

    def submit(self, item: Append, settled: Settled) -> None:
        self.append(item).add_done_callback(lambda done: settled(done.exception() or done.result()))  # type: ignore[arg-type]

    def hold(self) -> None:
        """Commit nothing until ``release``."""
        self._is_held = True

    def release(self) -> None:
        """Commit what was held back, and everything from now on."""
        self._is_held = False
        self._commit()

    @property
    def is_writable(self) -> bool:
        return self._writable.is_set()

    @property
    def fullness(self) -> float:
        return self._waiting_bytes() / self._pending_bytes_max

    async def wait_writable(self) -> None:
        await self._writable.wait()

    def set_commit_listener(self, listener: Callable[[Committed], None]) -> None:
        self._listener = listener

    def _waiting_bytes(self) -> int:
        return sum(item.size for item, _ in self._pending if isinstance(item, LineBatch))

    def _commit(self) -> None:
        if self._is_held or not self._pending:
            return
        group, self._pending = self._pending, []
        self._writable.set()
        self._blocks, self._ended, self._opened, self._progress = [], [], [], []
        answers = [StorageUnavailableError(self.failure) if self.failure else self._store(item) for item, _ in group]
        for end in tuple(self._standing.values()):
            self._end(end.task_id, end.status, end.timestamp, end.reason, through_status=end.through_status)
        if not self.failure:
            self._statistics = replace(self._statistics, commits=self._statistics.commits + 1)
            self._listener(Committed(self._blocks, self._ended, self._progress, self._opened))
        for (_, future), answer in zip(group, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Receipt):
                future.set_result(answer)
            else:
                future.set_exception(answer)

    def _store(self, item: Append) -> Receipt | StorageUnavailableError:
        producer = item.producer
        if producer is not None:
            known = self._numbers.get(producer.producer_id, 0)
            if producer.number <= known:
                self._statistics = replace(self._statistics, duplicates=self._statistics.duplicates + 1)
                return Receipt(duplicate=True, created=not isinstance(item, WorkerRegistered))
            previous = producer.number - 1 if producer.previous is None else producer.previous
            if previous > known:
                return StorageUnavailableError(f"number {producer.number} was not stored because {known + 1} was not")
            self._numbers[producer.producer_id] = producer.number
            self._numbered_at[producer.producer_id] = time.time()
        if isinstance(item, LineBatch):
            return self._store_lines(item) if item.entries else Receipt()
        if isinstance(item, WorkerRegistered):
            return Receipt(created=self._see(item.task_id, item.worker_id))
        if isinstance(item, WorkerReport):
            self._report(item)
        elif isinstance(item, StreamClosed):
            self._settle(item.task_id, now())
        elif isinstance(item, TaskEnding):
            self._end(item.task_id, "FAILED" if item.failed else "COMPLETED", item.timestamp, item.reason)
        else:
            stages = self._stages.setdefault(item.pipeline_id, {})
            numbered = replace(item, number=max((stage.number for stage in stages.values()), default=0) + 1)
            stages[item.stage_id] = numbered
            self._progress.append(numbered)
        return Receipt()

    def _store_lines(self, batch: LineBatch) -> Receipt:
        if not batch.from_table:
            self._see(batch.task_id, batch.worker_id)
            self._standing.pop(batch.task_id, None)
        elif batch.task_id in self._ends:
            self._standing[batch.task_id] = self._ends[batch.task_id]
        self._open(batch.task_id)
        lines = self._lines.setdefault(batch.task_id, [])
        first = len(lines) + 1
        for sequence, entry in enumerate(batch.entries, first):
            entry.sequence = sequence
        encoded = encode_lines(batch.entries)
        lines += encoded
        self._records.append(Record(self._next_record(), batch.task_id, first, encoded))
        self._blocks.append(Block(batch.task_id, first, encoded, entries=batch.entries, received_at=batch.received_at))
        self._statistics = replace(self._statistics, lines=self._statistics.lines + len(encoded))
        return Receipt(first, len(lines))

    def _see(self, task_id: str, worker_id: str) -> bool:
        reports = self._reports.setdefault(task_id, {})
        is_new = worker_id not in reports
        reports.setdefault(worker_id, ("", ""))
        return is_new

    def _report(self, item: WorkerReport) -> None:
        self._see(item.task_id, item.worker_id)
        self._reports[item.task_id][item.worker_id] = (item.status, item.reason)
        ended = self._ends.get(item.task_id)
        if item.status in _FINAL:
            self._settle(item.task_id, item.timestamp)
        else:
            self._standing.pop(item.task_id, None)
            if ended is not None and ended.through_status:
                self._open(item.task_id)

    def _settle(self, task_id: str, timestamp: str) -> None:
        reports = list(self._reports.get(task_id, {}).values())
        if not reports or any(status not in _FINAL for status, _ in reports):
            return
        failures = [report for report in reports if report[0] == "FAILED"]
        reasons = [reason for _, reason in failures or reports if reason]
        status = "FAILED" if failures else "COMPLETED"
        self._end(task_id, status, timestamp, reasons[0] if reasons else "", through_status=True)

    def _end(self, task_id: str, status: str, timestamp: str, reason: str, *, through_status: bool = False) -> None:
        self._standing.pop(task_id, None)
        if task_id in self._ends:
            return
        last = len(self._lines.get(task_id, []))
        ended = self._ends[task_id] = TaskEnded(task_id, last, status, timestamp, reason, through_status)
        self._records.append(Record(self._next_record(), task_id, ended=ended))
        self._ended.append(ended)

    def _open(self, task_id: str) -> None:
        self._forgotten.discard(task_id)
        if self._ends.pop(task_id, None) is not None:
            self._opened.append(task_id)

    async def task_state(self, task_id: str) -> TaskState:
        return TaskState(
            task_id, self._first.get(task_id, 1), len(self._lines.get(task_id, [])), self._ends.get(task_id)
        )

    async def read(
        self,
        task_id: str,
        after: int,
        upto: int,
        matcher: Matcher,
        *,
        lines_max: int,
        bytes_max: int,
        owner: ReadOwner = NOBODY,
    ) -> Selection:
        lines = self._lines.get(task_id, [])
        after = max(after, min(self._first.get(task_id, 1) - 1, upto))
        end, picked, size = after, list[int](), 0
        for sequence in range(after + 1, min(upto, len(lines)) + 1):
            line = lines[sequence - 1]
            if matcher.everything or matcher.select(decode_lines([line])):
                if len(picked) >= lines_max or (picked and size + len(line) > bytes_max):
                    break
                picked.append(sequence)
                size += len(line)
            end = sequence
        sequences = range(after + 1, end + 1) if matcher.everything else picked
        return Selection(after, end, sequences, [lines[sequence - 1] for sequence in picked])

    async def tail_start(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int:
        lines, first = self._lines.get(task_id, [])[:upto], self._first.get(task_id, 1)
        if count <= 0:
            return upto
        for sequence in range(len(lines), first - 1, -1):
            if matcher.everything or matcher.select(decode_lines([lines[sequence - 1]])):
                count -= 1
                if not count:
                    return sequence - 1
        return min(first - 1, upto)

    async def last_number(self, producer_id: str) -> int:
        return self._numbers.get(producer_id, 0)

    async def stages(self, pipeline_id: str) -> Sequence[StageProgress]:
        return sorted(self._stages.get(pipeline_id, {}).values(), key=lambda stage: stage.number)

    async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
        found, size = list[Record](), 0
        for record in (record for record in self._records if record.id > after):
            size += sum(map(len, record.lines))
            if found and size > bytes_max:
                break
            found.append(record)
        return found

    async def settled_record(self) -> int:
        return self._newest

    @property
    def statistics(self) -> JournalStatistics:
        waiting = sum(len(item.entries) for item, _ in self._pending if isinstance(item, LineBatch))
        return replace(
            self._statistics,
            waiting_lines=waiting,
            waiting_bytes=self._waiting_bytes(),
            error=self.failure,
            last_record=self._newest,
        )

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        found = list[StoredTask]()
        for task_id in sorted(self._lines):
            records = self._chunks(task_id)
            if task_id > after and records:
                first, last = records[0], records[-1]
                size = sum(map(_size, records))
                stored_at = (self._stored_at(first.id), self._stored_at(last.id))
                found.append(StoredTask(task_id, first.first, _last(last), size, *stored_at, last.id))
        return found[:count_max]

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        return [
            StoredChunk(record.id, _last(record), _size(record), self._stored_at(record.id))
            for record in self._chunks(task_id)
            if _last(record) > after
        ][:count_max]

    async def mark(self, at: float) -> None:
        if self._newest > (self._marks[-1][0] if self._marks else 0):
            self._marks.append((self._newest, at))

    async def remove_through(self, task_id: str, sequence: int, *, copied: int) -> Removed:
        uncopied = [r.ended.last for r in self._records if r.task_id == task_id and r.ended and r.id > copied]
        sequence = min([sequence, *(last - 1 for last in uncopied)])
        removable = [r for r in self._chunks(task_id) if _last(r) <= sequence and r.id <= copied]
        taken = removable[: self.step_chunks]
        if taken:
            through = _last(taken[-1])
            self._first[task_id] = through + 1
            self._records = [
                r for r in self._records if r.task_id != task_id or (r.ended.last if r.ended else _last(r)) > through
            ]
        if not self._chunks(task_id) and task_id in self._first and task_id in self._ends:
            self._reports.pop(task_id, None)
        lines = sum(len(record.lines) for record in taken)
        return Removed(lines, sum(map(_size, taken)), len(taken) == len(removable))

    async def remove_whole(self, through: Mapping[str, int], *, copied: int) -> RemovedTasks:
        """None: ``remove_through`` takes them one by one."""
        return RemovedTasks()

    async def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        return {task_id: (await self.task_state(task_id)).last for task_id in task_ids if task_id in self._lines}

    async def forget_producers(self, before: float) -> int:
        silent = [
            producer_id
            for producer_id, at in self._numbered_at.items()
            if at < before and not producer_id.startswith(WATCH_PREFIX)
        ]
        for producer_id in silent:
            del self._numbers[producer_id], self._numbered_at[producer_id]
        return len(silent)

    async def forget_tasks(self, at: float, *, copied: int) -> int:
        gone = 0
        for task_id, ended in tuple(self._ends.items()):
            has_records = any(r.task_id == task_id and (r.lines or r.id > copied) for r in self._records)
            if self._lines.get(task_id) and not has_records and task_id not in self._forgotten:
                self._ends[task_id] = replace(ended, reason="", through_status=True)
                self._forgotten.add(task_id)
                self._reports.pop(task_id, None)
                gone += 1
        return gone

    def _chunks(self, task_id: str) -> list[Record]:
        return [record for record in self._records if record.task_id == task_id and record.lines]

    def _stored_at(self, record: int) -> float:
        return next((at for newest, at in self._marks if newest >= record), time.time())

    def _next_record(self) -> int:
        self._newest += 1
        return self._newest

    async def close(self) -> None:
        """Commit what is pending, then refuse what comes."""
        self._is_held = False
        self._commit()
        self._is_closed = True


def _last(record: Record) -> int:
    return record.first + len(record.lines) - 1


def _size(record: Record) -> int:
    return sum(map(len, record.lines))
