"""Batch jobs: lists of keywords, and how far they have come, in the journal's database."""

from storage.batch_jobs.records import ActiveJobsError, BatchItem, BatchJob, BegunItem, JobStatus, Priority, new_job_id
from storage.batch_jobs.store import BatchJobStore

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
