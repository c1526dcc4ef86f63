"""Batch jobs as a component."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from gateway.component import Component, Core
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from components.batch_jobs.jobs import BatchJobs, BatchLimits
    from components.batch_jobs.tables import BatchJob
    from sessions.updates import JobProgress
    from storage.tables import DatabaseLocation

__all__ = ["BatchJobsComponent", "batch_limits", "progress_of"]


class BatchJobsComponent(Component):
    """Batch jobs in the journal's database, if there are credentials for Naver's API."""

    name = "batch jobs"

    def __init__(self, core: Core, jobs: "BatchJobs | None") -> None:
        from components.batch_jobs.routes import batch_job_routes

        self._jobs = jobs
        self.routes = batch_job_routes(jobs, core.authenticator, keywords_max=core.settings.batch_keywords_max)

    def __repr__(self) -> str:
        return f"<BatchJobsComponent {self._jobs!r}>"

    @classmethod
    def check(cls, settings: Settings) -> None:
        """The extra `batch-jobs` is installed if there are credentials."""
        if settings.naver_client_id is not None:
            require_extra("batch-jobs", ["httpx2"], needed_for="NAVER_CLIENT_ID")

    @classmethod
    def create_tables(
        cls,
        journal_location: "DatabaseLocation",
        polling_location: "DatabaseLocation",  # noqa: ARG003 - its tables are not there
    ) -> None:
        """Create the tables beside the journal."""
        from components.batch_jobs.tables.schema import metadata
        from storage.tables import TableDatabase

        database = TableDatabase(journal_location, create=metadata.create_all, name="batch jobs")
        database.write(lambda _: None)
        database.close()

    @classmethod
    async def open(cls, core: Core) -> Self:
        """Make the worker; it begins with ``start``."""
        cls.check(core.settings)
        return cls(core, _jobs_of(core))

    async def start(self) -> None:
        """Continue the jobs in the database."""
        if self._jobs is not None:
            self._jobs.start()

    async def close(self, grace_seconds: float) -> None:
        """Let the request in progress have its answer stored."""
        if self._jobs is not None:
            await self._jobs.close(grace_seconds)

    def metrics(self) -> "Iterable[Metric]":
        """The counters; none without credentials."""
        from components.batch_jobs.metrics import batch_job_metrics

        return () if self._jobs is None else batch_job_metrics(self._jobs.statistics)


def _jobs_of(core: Core) -> "BatchJobs | None":
    settings = core.settings
    if settings.naver_client_id is None or settings.naver_client_secret is None:
        return None
    from components.batch_jobs.jobs import BatchJobs
    from components.batch_jobs.naver import NaverCounter
    from components.batch_jobs.tables import BatchJobStore

    counter = NaverCounter(
        settings.naver_client_id.get_secret_value(),
        settings.naver_client_secret.get_secret_value(),
        categories=settings.naver_categories,
        base_url=settings.naver_api_url,
        timeout_seconds=settings.naver_timeout_seconds,
    )
    store = BatchJobStore(core.journal_location, durability=settings.durability)
    return BatchJobs(
        store,
        counter,
        core.journal,
        batch_limits(settings),
        on_progress=lambda job: core.updates.publish(progress_of(job)),
        is_leader=core.is_leader,
    )


def progress_of(job: "BatchJob") -> "JobProgress":
    """A job as clients that watch all jobs are sent it."""
    from sessions.updates import JobProgress

    done = JobProgress.Done(current=job.current, total=job.total)
    return JobProgress(job_id=job.id, status=job.status.value, progress=done, error=job.error, retry_at=job.retry_at)


def batch_limits(settings: Settings) -> "BatchLimits":
    """The limits of batch jobs, in their units."""
    from components.batch_jobs.jobs import BatchLimits
    from components.batch_jobs.retries import RetryPolicy

    return BatchLimits(
        active_max=settings.batch_jobs_max,
        interval_seconds=settings.batch_interval_seconds,
        kept_seconds=settings.batch_kept_minutes * 60,
        job_retries_max=settings.batch_job_retries_max,
        job_retry_seconds=settings.batch_job_retry_seconds,
        retries=RetryPolicy(
            attempts_max=settings.batch_attempts_max,
            first_seconds=settings.batch_retry_seconds,
            quota_seconds_max=settings.batch_quota_seconds_max,
        ),
    )
