"""What every stored journal is: appends by group commit, reads in fair turns, removals on a thread of their own."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from filters.block import Selection
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.errors import StorageClosedError
from storage.journal.history import KnownTask, LevelCounts, SequenceRange, TaskOverview, WorkerRecord
from storage.journal.interface import (
    Ancestor,
    Append,
    Committed,
    Receipt,
    Record,
    Settled,
    StageProgress,
    TailStep,
    TaskState,
)
from storage.journal.inventory import Removed, RemovedTasks, StoredChunk, StoredTask
from storage.journal.queries import Queries, Span
from storage.journal.read_scheduler import ReadKind, ReadScheduler
from storage.journal.reader import Reader
from storage.journal.scan_process import ScanProcesses
from storage.journal.statistics import JournalStatistics
from storage.journal.summary_steps import SummarySteps, TasksToSummarize

__all__ = ["Commits", "Removals", "StoredJournal"]

T = TypeVar("T")
R = TypeVar("R", Removed, RemovedTasks)


class Commits(Protocol):
    """The way of appends to the disk; see ``GroupCommit``."""

    @property
    def is_writable(self) -> bool: ...  # noqa: D102
    @property
    def fullness(self) -> float: ...  # noqa: D102
    @property
    def last_record(self) -> int: ...  # noqa: D102
    @property
    def statistics(self) -> JournalStatistics: ...  # noqa: D102
    def set_listener(self, listener: Callable[[Committed], None]) -> None: ...  # noqa: D102
    def set_observer(self, observer: Callable[[float], None]) -> None: ...  # noqa: D102
    def append(self, item: Append) -> "asyncio.Future[Receipt]": ...  # noqa: D102
    def submit(self, item: Append, settled: Settled) -> None: ...  # noqa: D102
    async def wait_writable(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    async def wait_closed(self) -> None: ...  # noqa: D102
    def join(self) -> None: ...  # noqa: D102


class Removals(Protocol):
    """What removes from a database; belongs to a thread of its own."""

    def mark(self, at: float) -> None:
        """See ``Journal.mark``."""
        ...

    def remove(self, task_id: str, sequence: int, copied: int) -> Removed:
        """See ``Journal.remove_through``."""
        ...

    def remove_whole(self, through: Mapping[str, int], copied: int) -> RemovedTasks:
        """See ``Journal.remove_whole``."""
        ...

    def forget_producers(self, before: float) -> int:
        """See ``Journal.forget_producers``."""
        ...

    def forget_tasks(self, at: float, copied: int) -> int:
        """See ``Journal.forget_tasks``."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def _timed(remove: Callable[..., R], *arguments: object) -> R:
    """A step of a removal with the time that it took."""
    started = time.monotonic()
    removed = remove(*arguments)
    return replace(removed, seconds=time.monotonic() - started)


class StoredJournal(ABC):
    """``Journal`` and ``HistoryReads`` on a database; belongs to the event loop that it was made on.

    Args:
        commits: the way to the disk.
        reader: the queries.
        readers: threads for reading, beside one for lookups.
        remover: the removals.
        summaries: where those of chunks are kept.
        translated: turns what the database raises into errors of storage.
        connect_elsewhere: opens the queries of another process, which scans; can be pickled. None: there is none.
    """

    def __init__(
        self,
        *,
        commits: Commits,
        reader: Reader,
        readers: int,
        remover: Removals,
        summaries: SummarySteps,
        translated: Callable[[], AbstractContextManager[None]],
        connect_elsewhere: Callable[[], Queries] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Task[None] | None = None
        self._commits = commits
        self._reads = ReadScheduler(readers)
        self._reader = reader
        self._scans = ScanProcesses(reader, connect_elsewhere)
        self._removals = ThreadPoolExecutor(1, "journal-remover")
        self._remover = remover
        self._summaries = summaries
        self._translated_errors = translated

    @property
    @abstractmethod
    def epoch(self) -> str:
        """The journal's life."""

    @property
    @abstractmethod
    def lineage(self) -> Sequence[Ancestor]:
        """The lives that this one continues from, the latest first."""

    def follow(  # noqa: B027 - nobody else writes to a journal of one gateway
        self,
        publish: Callable[[Committed], None],
        watched: Callable[[], Collection[str]],
        *,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to publish what other gateways commit, and to notify them of what this one does; once.

        Args:
            publish: called with what others have committed: lines and ends of watched tasks, and stages.
            watched: the tasks whose lines somebody here is waiting for.
            on_lost: called where the database turns out to have lost what was stored, as after a failover; the epoch
                is another one then.
        """

    @property
    def follower_error(self) -> str:
        """Why other gateways are not followed at the moment; empty when they are, or there are none."""
        return ""

    @property
    def figures(self) -> Mapping[str, str | int | bool]:
        """What the health page shows of following other gateways."""
        return {}

    @property
    def lane_lags(self) -> Sequence[int]:
        """Of each lane, where there are several: records that were seen and not followed yet."""
        return ()

    def metrics(self) -> Iterable[tuple[str, str, float]]:
        """What only this engine has to show, as gauges: name, meaning, value."""
        return ()

    @abstractmethod
    def _release(self) -> None:
        """Close what only this engine has; blocks. Every thread has ended."""

    @property
    def is_writable(self) -> bool:
        """Whether producers may continue."""
        return self._commits.is_writable

    @property
    def fullness(self) -> float:
        """How much of the limit waits for a commit."""
        return self._commits.fullness

    @property
    def newest_record(self) -> int:
        """The id of the newest record."""
        return self._commits.last_record

    async def settled_record(self) -> int:
        """The id of the newest record of which it is known that none before it is still to come."""
        return self.newest_record

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters."""
        return replace(self._commits.statistics, damaged_records=self._reader.damaged_records)

    def set_commit_listener(self, listener: Callable[[Committed], None]) -> None:
        """Set who is notified of every commit."""
        self._commits.set_listener(listener)

    def set_commit_observer(self, observer: Callable[[float], None]) -> None:
        """Set who is notified how many seconds each commit took."""
        self._commits.set_observer(observer)

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """Queue something for the next commit."""
        return self._commits.append(item)

    def submit(self, item: Append, settled: Settled) -> None:
        """Queue something for the next commit."""
        self._commits.submit(item, settled)

    async def wait_writable(self) -> None:
        """Return once the backlog has drained below half of its limit."""
        await self._commits.wait_writable()

    async def task_state(self, task_id: str) -> TaskState:
        """What exists of a task."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.task_state, task_id)

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
        """The matching lines of a stretch."""
        kind = ReadKind.PAGE if matcher.everything else ReadKind.SCAN
        return await self._read(kind, owner, self._reader.read, task_id, after, upto, matcher, lines_max, bytes_max)

    async def tail_start(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int:
        """Where the last ``count`` matching lines start."""
        while True:  # in steps, so that a long search does not keep a reader's thread to itself
            upto, count, is_done = await self.tail_step(task_id, count, upto, matcher, owner=owner)
            if is_done:
                return upto

    async def tail_step(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> TailStep:
        """One step of that search, for those who do something else between two of them."""
        kind = ReadKind.LOOKUP if matcher.everything else ReadKind.SCAN
        return await self._read(kind, owner, self._reader.tail_step, task_id, count, upto, matcher)

    async def count_by_level(
        self, task_id: str, after: int, sequences: SequenceRange, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> LevelCounts:
        """Count lines by level, a step."""
        return await self._read(ReadKind.SCAN, owner, self._reader.count_by_level, task_id, after, sequences, matcher)

    async def newest_tasks(
        self, below: int, snapshot: int, *, status: str = "", count_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[KnownTask]:
        """Tasks in the order of their newest chunks, a page."""
        return await self._read(ReadKind.PAGE, owner, self._reader.newest_tasks, below, snapshot, status, count_max)

    async def count_tasks(self, *, status: str = "", count_max: int, owner: ReadOwner = NOBODY) -> int:
        """How many tasks have lines."""
        return await self._read(ReadKind.PAGE, owner, self._reader.count_tasks, status, count_max)

    async def overviews(
        self, task_ids: Sequence[str], *, workers_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[TaskOverview]:
        """Some tasks with their workers."""
        return await self._read(ReadKind.PAGE, owner, self._reader.overviews, task_ids, workers_max)

    async def without_match(self, tasks: Sequence[KnownTask], matcher: Matcher, *, owner: ReadOwner = NOBODY) -> int:
        """How many of the first tasks have no matching line, a step."""
        return await self._read(ReadKind.SCAN, owner, self._reader.without_match, tasks, matcher)

    async def worker_records(
        self, task_ids: Sequence[str], *, count_max: int, owner: ReadOwner = NOBODY
    ) -> Sequence[Sequence[WorkerRecord]]:
        """What some workers of each of these tasks reported."""
        return await self._read(ReadKind.PAGE, owner, self._reader.worker_records, task_ids, count_max)

    async def last_number(self, producer_id: str) -> int:
        """The highest number of a producer that is on disk."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.last_number, producer_id)

    async def stages(self, pipeline_id: str) -> Sequence[StageProgress]:
        """The last known state of every stage."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.stages, pipeline_id)

    async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
        """Records in commit order."""
        return await self._read(ReadKind.PAGE, NOBODY, self._reader.records, after, bytes_max)

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        """Tasks that have lines."""
        return await self._read(ReadKind.PAGE, NOBODY, self._reader.stored_tasks, after, count_max)

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        """Chunks of a task."""
        return await self._read(ReadKind.PAGE, NOBODY, self._reader.stored_chunks, task_id, after, count_max)

    async def mark(self, at: float) -> None:
        """Note when what is there was stored."""
        await self._remove(self._remover.mark, at)

    async def remove_through(self, task_id: str, sequence: int, *, copied: int) -> Removed:
        """Remove the first chunks of a task, a step."""
        return await self._remove(_timed, self._remover.remove, task_id, sequence, copied)

    async def remove_whole(self, through: Mapping[str, int], *, copied: int) -> RemovedTasks:
        """Remove all lines of some tasks, a step."""
        return await self._remove(_timed, self._remover.remove_whole, through, copied)

    async def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        """The last sequences of tasks."""
        return await self._read(ReadKind.LOOKUP, NOBODY, self._reader.last_sequences, task_ids)

    async def forget_producers(self, before: float) -> int:
        """Forget the numbers of producers that have been silent."""
        return await self._remove(self._remover.forget_producers, before)

    async def forget_tasks(self, at: float, *, copied: int) -> int:
        """Remove the rows of tasks that have no lines, a step."""
        return await self._remove(self._remover.forget_tasks, at, copied)

    async def tasks_to_summarize(self) -> TasksToSummarize:
        """Tasks that have grown or ended since ``set_summarized``."""
        return await self._remove(self._summaries.tasks)

    async def summarize(self, task_id: str, after: int, *, bytes_min: int) -> Span | None:
        """A summary of the next chunks of a task; see ``Reader.summarize``."""
        return await self._read(ReadKind.SCAN, NOBODY, self._reader.summarize, task_id, after, bytes_min)

    async def add_summary(self, task_id: str, span: Span) -> None:
        """Keep a summary; from then on searches use it."""
        await self._remove(self._summaries.add, task_id, span)

    async def set_summarized(self, record: int) -> None:
        """Note that the tasks of the records up to this one have their summaries."""
        await self._remove(self._summaries.set_reached, record)

    async def close(self) -> None:
        """Commit what is pending, stop the threads, close the file; idempotent, and all callers wait for the end."""
        if self._closing is None:
            self._commits.close()
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._commits.wait_closed()
        self._reads.close()
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._commits.join()
        self._scans.close()
        self._reads.join()
        self._removals.shutdown()
        self._reader.close()
        self._remover.close()
        self._release()

    async def _read(self, kind: ReadKind, owner: ReadOwner, query: Callable[..., T], *arguments: object) -> T:
        self._check_open()
        if kind is ReadKind.SCAN:
            query = partial(self._scans.run, query.__name__)
        return await self._reads.run(kind, owner, partial(self._translated, query, *arguments))

    async def _remove(self, step: Callable[..., T], *arguments: object) -> T:
        self._check_open()
        return await self._loop.run_in_executor(self._removals, partial(self._translated, step, *arguments))

    def _translated(self, work: Callable[..., T], *arguments: object) -> T:
        with self._translated_errors():
            return work(*arguments)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosedError("the journal has been closed")
