"""Batch jobs: lists of keywords, and how far they have come, in the journal's database."""

from components.batch_jobs.tables.records import (
    ActiveJobsError,
    BatchItem,
    BatchJob,
    BegunItem,
    JobStatus,
    Priority,
    new_job_id,
)
from components.batch_jobs.tables.store import BatchJobStore

__all__ = [
    "ActiveJobsError",
    "BatchItem",
    "BatchJob",
    "BatchJobStore",
    "BegunItem",
    "JobStatus",
    "Priority",
    "new_job_id",
]
