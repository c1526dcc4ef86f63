"""Batch jobs as values."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = [
    "ActiveJobsError",
    "ApiCalls",
    "BatchItem",
    "BatchJob",
    "BegunItem",
    "JobStatus",
    "JobTotals",
    "Priority",
    "new_job_id",
]


def new_job_id() -> str:
    """``batch_<ms>_<random>``."""
    return f"batch_{time.time_ns() // 1_000_000}_{secrets.token_hex(4)}"


class JobStatus(StrEnum):
    """Where a job is."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing of the job is left to do."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED}


class Priority(IntEnum):
    """Which job goes first."""

    NORMAL = 0
    HIGH = 1


class ActiveJobsError(Exception):
    """There are as many active jobs as there may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """A keyword that was asked for.

    Attributes:
        begun: how often asking for it began; more than once if the process ended before the result was stored.
        counts: documents by category, as far as they are known.
        error: why it has no result; None if it has one.
        done_at: milliseconds since the Unix epoch.
    """

    position: int
    keyword: str
    begun: int
    counts: Mapping[str, int]
    error: str | None
    done_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A job. Times are milliseconds since the Unix epoch.

    Attributes:
        current: keywords that are done, always the first ones.
        error: why the job failed; None otherwise.
        retries: how often the job was tried again after it had failed.
        retry_at: when it is tried again; None: it is not.
        queued_at: when it was put back to be tried again; None before that.
        first: keywords that were done when it was tried again; 0 before that.
        failed: keywords that are done without a result.
        took_ms: milliseconds that ``timed`` of the keywords took, with all their requests and the waits between them.
        repeated: keywords that were asked for more than once, because the process ended in between.
        results: those that were read with it.
        keywords: all of them, if they were read with it.
    """

    id: str
    priority: Priority
    status: JobStatus
    current: int
    total: int
    error: str | None
    created_at: int
    started_at: int | None
    completed_at: int | None
    retries: int = 0
    retry_at: int | None = None
    queued_at: int | None = None
    first: int = 0
    failed: int = 0
    took_ms: int = 0
    timed: int = 0
    repeated: int = 0
    results: Sequence[BatchItem] = ()
    keywords: Sequence[str] = ()

    @property
    def is_over(self) -> bool:
        """Whether it has ended and is not tried again."""
        return self.status.is_final and self.retry_at is None

    @property
    def mean_ms(self) -> int | None:
        """Milliseconds that a keyword took in the mean; None: not known."""
        return round(self.took_ms / self.timed) if self.timed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunItem:
    """The keyword that is to be asked for now.

    Attributes:
        is_first: whether it is the first one of its job, or of another try of it.
    """

    job_id: str
    position: int
    keyword: str
    begun: int
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCalls:
    """Requests to one API on one day, ``YYYY-MM-DD``; ``failed`` is how many of them had no usable answer."""

    day: str
    api: str
    calls: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTotals:
    """What the jobs that are kept add up to.

    Attributes:
        jobs: by status.
        counted: keywords with a result.
        failed: keywords without one.
        mean_ms: milliseconds that a keyword took in the mean; None: not known.
        retries: tries of whole jobs after they had failed.
        calls: the newest day first.
    """

    jobs: Mapping[JobStatus, int]
    counted: int
    failed: int
    mean_ms: int | None
    retries: int
    calls: Sequence[ApiCalls]
