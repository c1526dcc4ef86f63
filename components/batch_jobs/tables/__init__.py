"""Batch jobs: lists of keywords, and how far they have come, in the journal's database."""

from components.batch_jobs.tables.history import Place
from components.batch_jobs.tables.records import (
    ActiveJobsError,
    ApiCalls,
    BatchItem,
    BatchJob,
    BegunItem,
    JobStatus,
    JobTotals,
    Priority,
    new_job_id,
)
from components.batch_jobs.tables.store import BatchJobStore

__all__ = [
    "ActiveJobsError",
    "ApiCalls",
    "BatchItem",
    "BatchJob",
    "BatchJobStore",
    "BegunItem",
    "JobStatus",
    "JobTotals",
    "Place",
    "Priority",
    "new_job_id",
]
