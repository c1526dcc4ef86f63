"""Batch jobs: takes them, works through them one keyword after the other, and tells their story."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from components.batch_jobs import job_events
from components.batch_jobs.counter import BadCredentialsError, CounterError, DocumentCounter
from components.batch_jobs.retries import RetryPolicy, count_documents
from components.batch_jobs.tables import ActiveJobsError, BatchJob, BatchJobStore, BegunItem, Priority
from storage.errors import StorageError
from storage.journal.interface import Journal

__all__ = ["ActiveJobsError", "BatchJobs", "BatchLimits", "BatchStatistics"]

CANCELLED: Final = "작업이 취소되었습니다"

_TOLD_AT_A_TIME: Final = 200
_RETRY_SECONDS: Final = 1.0
_SWEEP_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What batch jobs may do.

    Attributes:
        active_max: jobs that are pending or being processed at a time.
        interval_seconds: the pause between two keywords, of whichever job.
        kept_seconds: how long a job that has ended can be asked for.
        retries: how often a keyword is asked for again.
    """

    active_max: int = 1
    interval_seconds: float = 0.3
    kept_seconds: float = 1800.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatistics:
    """Counts since the start."""

    jobs: int = 0
    counted: int = 0
    failed: int = 0
    retries: int = 0
    repeated: int = 0
    """Keywords that were asked for a second time, because the process had ended before the result was stored."""


class BatchJobs:
    """All batch jobs of a database; there is one worker, so keywords are never asked for at the same time.

    Args:
        store: where jobs are; closed with this.
        counter: whom to ask; closed with this.
        journal: gets lines, stages and ends.
        limits: what they may do.
        clock: milliseconds since the Unix epoch.
    """

    def __init__(
        self,
        store: BatchJobStore,
        counter: DocumentCounter,
        journal: Journal,
        limits: BatchLimits,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._counter = counter
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._asking: tuple[str, asyncio.Task[None]] | None = None
        self._untold: dict[str, None] = {}
        self._told: dict[str, int] = {}
        self._counts = dict.fromkeys(BatchStatistics.__slots__, 0)
        self._swept = -math.inf  # never

    def __repr__(self) -> str:
        return f"<BatchJobs {self.statistics}>"

    @property
    def statistics(self) -> BatchStatistics:
        """An immutable snapshot of the counters."""
        return BatchStatistics(**self._counts)

    def start(self) -> None:
        """Go on with what is there."""
        self._worker = asyncio.create_task(self._work(), name="batch jobs")

    async def create(self, job_id: str, keywords: Sequence[str], priority: Priority) -> None:
        """Take a job; it begins when its turn comes.

        Raises:
            ActiveJobsError: there are as many as there may be.
            StorageError: the database cannot be used now.
        """
        limits = self._limits
        await self._store.create(job_id, keywords, priority, active_max=limits.active_max, now=self._clock())
        self._counts["jobs"] += 1
        self._tell_later(job_id)

    async def find(self, job_id: str) -> BatchJob | None:
        """A job with all of its keywords and results; None if there is none, or no longer."""
        return await self._store.find(job_id, results_max=1 << 31, with_keywords=True)

    async def cancel(self, job_id: str) -> BatchJob | None:
        """End a job before its end; one that has ended stays as it is. None if there is none."""
        job = await self._store.end(job_id, CANCELLED, now=self._clock())
        if job is not None:
            if self._asking is not None and self._asking[0] == job_id:
                self._asking[1].cancel()
            self._tell_later(job_id)
        return job

    async def close(self, grace_seconds: float = 0.0) -> None:
        """Let the request that is under way have its answer stored, then stop; idempotent.

        A keyword that takes longer than that is asked for again after the next start.
        """
        self._stopping.set()
        self._wake.set()
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.wait({worker}, timeout=grace_seconds)
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        await self._counter.close()
        await self._store.close()

    async def _work(self) -> None:
        is_known = False
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if not is_known:
                    self._untold |= dict.fromkeys(await self._store.job_ids())
                    is_known = True
                await self._tell()
                item = await self._store.begin_next(now=self._clock())
                if item is None:
                    await self._idle(await self._sweep())
                    continue
                await self._process(item)
                if time.monotonic() >= self._swept + _SWEEP_SECONDS:
                    await self._sweep()
            except StorageError as error:
                _log.warning("batch jobs delayed by database", error=str(error))
                await self._pause(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - jobs of others must not stop for one mistake
                _log.exception("batch worker failed")
                await self._pause(_RETRY_SECONDS)

    async def _process(self, item: BegunItem) -> None:
        """Ask for a keyword, store what became of it, and pause."""
        self._counts["repeated"] += item.begun > 1
        if item.position == 0:
            self._tell_later(item.job_id)
            with contextlib.suppress(StorageError):  # its start is told with its first result
                await self._tell()
        counts: dict[str, int] = {}

        async def wait(error: CounterError, seconds: float) -> None:
            self._counts["retries"] += 1
            message = f"[배치] {item.position + 1} 다시 시도 ({seconds:.1f}초 후): {item.keyword} ({error})"
            self._journal.append(job_events.line(item.job_id, "WARN", message, self._clock())).add_done_callback(_seen)
            if await self._pause(seconds):
                raise asyncio.CancelledError

        request = asyncio.create_task(
            count_documents(self._counter, item.keyword, self._limits.retries, counts=counts, wait=wait)
        )
        self._asking = (item.job_id, request)
        error: str | None = None
        try:
            await asyncio.wait({request})
            if request.cancelled():
                return  # its job was, or everything stops
            request.result()
        except BadCredentialsError as refusal:
            await self._store.end(item.job_id, str(refusal), now=self._clock())
            self._tell_later(item.job_id)
            return
        except CounterError as failure:
            error = str(failure)
        finally:
            self._asking = None
            request.add_done_callback(_seen)
            request.cancel()
        await self._record(item, counts, error)
        self._counts["counted" if error is None else "failed"] += 1
        self._tell_later(item.job_id)
        await self._tell()
        await self._pause(self._limits.interval_seconds)

    async def _record(self, item: BegunItem, counts: dict[str, int], error: str | None) -> None:
        """Store a result, however long the database cannot be used: it was paid for with a request."""
        while True:
            try:
                await self._store.record(item, counts, error, now=self._clock())
            except StorageError as trouble:
                _log.warning("batch result write delayed", error=str(trouble))
                if await self._pause(_RETRY_SECONDS):
                    raise
            else:
                return

    def _tell_later(self, job_id: str) -> None:
        self._untold[job_id] = None
        self._wake.set()

    async def _tell(self) -> None:
        """Append what is stored of jobs and not yet told of them.

        Raises:
            StorageError: the journal cannot take it now; it is told later.
        """
        for job_id in list(self._untold):
            del self._untold[job_id]
            try:
                await self._tell_of(job_id)
            except BaseException:
                self._untold[job_id] = None
                self._told.pop(job_id, None)
                raise

    async def _tell_of(self, job_id: str) -> None:
        after = self._told.get(job_id)
        if after is None:
            after = await self._journal.last_number(job_events.producer_id(job_id))
        while True:
            first = job_events.first_position(after)
            job = await self._store.find(job_id, first=first, results_max=_TOLD_AT_A_TIME)
            if job is None:
                break
            if not self._journal.is_writable:
                await self._journal.wait_writable()
            receipts = [self._journal.append(each) for each in job_events.appends(job, after)]
            if not receipts:
                break
            try:
                await asyncio.gather(*receipts)
            finally:
                for receipt in receipts:
                    receipt.add_done_callback(_seen)
            after += len(receipts)
        self._told[job_id] = after
        if job is None or job.status.is_final:
            self._told.pop(job_id, None)

    async def _sweep(self) -> int | None:
        """Remove jobs that ended long ago; when the oldest of the others that have ended did."""
        self._swept = time.monotonic()
        return await self._store.remove_finished(self._clock() - round(self._limits.kept_seconds * 1000))

    async def _idle(self, oldest: int | None) -> None:
        """Wait for a new job, a cancelled one, or the time at which one is removed."""
        seconds = None
        if oldest is not None:
            seconds = max(0.05, (oldest - self._clock()) / 1000 + self._limits.kept_seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _pause(self, seconds: float) -> bool:
        """Wait; True where everything stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()


def _seen(future: "asyncio.Future[Any]") -> None:
    """What was wrong is known by then, or shown elsewhere: the journal's troubles are in its own statistics."""
    if not future.cancelled():
        future.exception()
