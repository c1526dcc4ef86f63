"""Batch jobs: takes them, works through them one keyword after the other, and tries failed ones again."""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from components.batch_jobs.counted_calls import CountedCalls, day_of
from components.batch_jobs.counter import BadCredentialsError, CounterError, DocumentCounter
from components.batch_jobs.job_publisher import JobPublisher, ignore_error
from components.batch_jobs.retries import RetryPolicy, count_documents
from components.batch_jobs.tables import (
    ActiveJobsError,
    BatchJob,
    BatchJobStore,
    BegunItem,
    JobStatus,
    JobTotals,
    Place,
    Priority,
)
from storage.errors import StorageError
from storage.journal.interface import Journal

__all__ = ["ActiveJobsError", "BatchJobs", "BatchLimits", "BatchStatistics"]

CANCELLED: Final = "작업이 취소되었습니다"

_RETRY_SECONDS: Final = 1.0
_SWEEP_SECONDS: Final = 60.0
_CLAIM_SECONDS: Final = 600.0
"""How long a keyword may take before another gateway may take its job."""
_OWNER_BYTES: Final = 8
_IDLE_SECONDS_MIN: Final = 0.05
_FOLLOW_SECONDS: Final = 0.5
"""Between two looks at what other gateways have done."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What batch jobs may do.

    Attributes:
        active_max: jobs that are pending or being processed at a time.
        interval_seconds: the pause between two keywords, over all jobs.
        kept_seconds: how long a job that has ended can be asked for.
        retries: how often a keyword is asked for again.
        job_retries_max: how often a job that has failed is tried again; 0: never.
        job_retry_seconds: when.
    """

    active_max: int = 1
    interval_seconds: float = 0.3
    kept_seconds: float = 30 * 86_400.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    job_retries_max: int = 3
    job_retry_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatistics:
    """Counts since the start."""

    jobs: int = 0
    counted: int = 0
    failed: int = 0
    retries: int = 0
    job_retries: int = 0
    keyword_seconds: float = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    """Keywords that were asked for a second time, because the process had ended before the result was stored."""


_COUNTED: Final = ("jobs", "counted", "failed", "retries", "job_retries", "repeated")


class BatchJobs:
    """All batch jobs of a database; there is one worker, so keywords are never asked for at the same time.

    Args:
        store: where jobs are; closed with this.
        counter: whom to ask; closed with this.
        journal: gets lines, stages and ends.
        limits: what they may do.
        on_progress: gets a job whenever it has changed and the journal has it.
        clock: milliseconds since the Unix epoch.
        is_leader: whether this gateway works through them, if several share the database.
    """

    def __init__(
        self,
        store: BatchJobStore,
        counter: DocumentCounter,
        journal: Journal,
        limits: BatchLimits,
        *,
        on_progress: Callable[[BatchJob], None] = lambda _: None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leader = is_leader
        self._store = store
        self._counter = CountedCalls(counter, clock)
        self._publisher = JobPublisher(store, journal, on_progress)
        self._owner = secrets.token_hex(_OWNER_BYTES)
        self._limits = limits
        self._clock = clock
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._asking: tuple[str, asyncio.Task[None]] | None = None
        self._retry_at = math.inf  # when to look for jobs to try again
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._keyword_seconds = 0.0
        self._swept = -math.inf  # never

    def __repr__(self) -> str:
        return f"<BatchJobs {self.statistics}>"

    @property
    def statistics(self) -> BatchStatistics:
        """An immutable snapshot of the counters."""
        return BatchStatistics(**self._counts, calls=self._counter.totals, keyword_seconds=self._keyword_seconds)

    def start(self) -> None:
        """Continue with the stored jobs."""
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
        self._changed(job_id)

    async def page(
        self,
        *,
        status: JobStatus | None = None,
        below: Place | None = None,
        limit: int,
        may_read: Callable[[str], bool] | None = None,
    ) -> Sequence[BatchJob]:
        """Jobs, the newest first, without their keywords and results: see ``history.page``."""
        return await self._store.page(status=status, below=below, limit=limit, may_read=may_read)

    async def totals(self, *, days_max: int) -> JobTotals:
        """What the jobs that are kept add up to, and the calls of the last so many days."""
        return await self._store.totals(days_max=days_max)

    async def find(self, job_id: str) -> BatchJob | None:
        """A job with all of its keywords and results; None if there is none, or no longer."""
        return await self._store.find(job_id, results_max=1 << 31, with_keywords=True)

    async def cancel(self, job_id: str) -> BatchJob | None:
        """End a job before its end, or before it is tried again; any other stays as it is. None if there is none."""
        job = await self._store.end(job_id, CANCELLED, now=self._clock())
        if job is not None:
            if self._asking is not None and self._asking[0] == job_id:
                self._asking[1].cancel()
            self._changed(job_id)
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
            with contextlib.suppress(StorageError):
                await self._store.add_calls(self._counter.take())
        await self._counter.close()
        await self._store.close()

    async def _work(self) -> None:
        is_known = False
        while not self._stopping.is_set():
            self._wake.clear()
            if not self._is_leader():
                is_known = False
                await self._pause(_FOLLOW_SECONDS)
                continue
            try:
                if self._store.is_shared:  # jobs of other gateways, too
                    self._publisher.add(await self._store.unpublished_ids())
                if not is_known:
                    await self._store.take_over()
                    self._publisher.add(await self._store.unpublished_ids())
                    self._retry_at, is_known = 0, True
                await self._publisher.publish()
                await self._retry_due()
                now = self._clock()
                item = await self._store.begin_next(
                    self._owner, now=now, claimed_until=now + round(_CLAIM_SECONDS * 1000)
                )
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
        if item.is_first:
            self._changed(item.job_id)
            with contextlib.suppress(StorageError):  # its start is published with its first result
                await self._publisher.publish()
        counts: dict[str, int] = {}

        async def wait(error: CounterError, seconds: float) -> None:
            self._counts["retries"] += 1
            message = f"[배치] {item.position + 1} 다시 시도 ({seconds:.1f}초 후): {item.keyword} ({error})"
            self._publisher.warn(item.job_id, message, self._clock())
            if await self._pause(seconds):
                raise asyncio.CancelledError

        request = asyncio.create_task(
            count_documents(self._counter, item.keyword, self._limits.retries, counts=counts, wait=wait)
        )
        self._asking = (item.job_id, request)
        began = time.monotonic()
        error: str | None = None
        try:
            await asyncio.wait({request})
            if request.cancelled():
                return  # its job was, or everything stops
            request.result()
        except BadCredentialsError as refusal:
            await self._fail(item.job_id, str(refusal))
            return
        except CounterError as failure:
            error = str(failure)
        finally:
            self._asking = None
            request.add_done_callback(ignore_error)
            request.cancel()
        took_seconds = time.monotonic() - began
        self._keyword_seconds += took_seconds
        await self._record(item, counts, error, took_ms=round(took_seconds * 1000))
        self._counts["counted" if error is None else "failed"] += 1
        self._changed(item.job_id)
        await self._publisher.publish()
        await self._pause(self._limits.interval_seconds)

    async def _fail(self, job_id: str, error: str) -> None:
        """Let a job fail, and note when it is tried again."""
        now, limits = self._clock(), self._limits
        retry_at = now + round(limits.job_retry_seconds * 1000)
        await self._store.end(job_id, error, now=now, retries_max=limits.job_retries_max, retry_at=retry_at)
        self._retry_at = min(self._retry_at, retry_at)
        self._changed(job_id)

    async def _retry_due(self) -> None:
        """Put failed jobs back whose time has come. Their failures are published: events are numbered anew then."""
        if self._clock() < self._retry_at:
            return
        due, following = await self._store.retry_due(now=self._clock())
        self._retry_at = math.inf if following is None else following
        if due:
            self._counts["job_retries"] += len(due)
            self._publisher.restart(due)
            await self._publisher.publish()

    async def _record(self, item: BegunItem, counts: dict[str, int], error: str | None, *, took_ms: int) -> None:
        """Store a result, however long the database cannot be used: it was paid for with a request."""
        calls = self._counter.take()
        while True:
            try:
                await self._store.record(item, counts, error, calls=calls, took_ms=took_ms, now=self._clock())
            except StorageError as trouble:
                _log.warning("batch result write delayed", error=str(trouble))
                if await self._pause(_RETRY_SECONDS):
                    raise
            else:
                return

    def _changed(self, job_id: str) -> None:
        self._publisher.add([job_id])
        self._wake.set()

    async def _sweep(self) -> int | None:
        """Remove jobs that ended long ago, and calls of those days; when the oldest of the others ended."""
        self._swept = time.monotonic()
        before = self._clock() - round(self._limits.kept_seconds * 1000)
        await self._store.remove_calls(day_of(before))
        return await self._store.remove_finished(before)

    async def _idle(self, oldest: int | None) -> None:
        """Wait for a new job, a cancelled one, or the time at which one is removed or tried again."""
        removal = math.inf if oldest is None else oldest + self._limits.kept_seconds * 1000
        at = min(removal, self._retry_at)
        seconds = None if at == math.inf else max(_IDLE_SECONDS_MIN, (at - self._clock()) / 1000)
        if self._store.is_shared:  # no event wakes it when another gateway accepts or cancels a job
            seconds = _FOLLOW_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _pause(self, seconds: float) -> bool:
        """Wait; True where everything stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()
