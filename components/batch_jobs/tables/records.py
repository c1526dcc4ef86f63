"""Batch jobs as values."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = ["ActiveJobsError", "BatchItem", "BatchJob", "BegunItem", "JobStatus", "Priority", "new_job_id"]


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
        begun: how often asking for it began; more than once where the process ended before the result was stored.
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
    repeated: int = 0
    results: Sequence[BatchItem] = ()
    keywords: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunItem:
    """The keyword that is to be asked for now."""

    job_id: str
    position: int
    keyword: str
    begun: int
