"""The batch jobs of a gateway: made where there are credentials for them, and shown to Prometheus."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.settings.derived import batch_limits
from gateway.settings.model import Settings
from storage.journal.interface import Journal

if TYPE_CHECKING:
    from components.batch_jobs.jobs import BatchJobs

__all__ = ["BatchJobsCollector", "batch_jobs_of"]

_TEXTS: Final = {
    "jobs": "Batch jobs that were taken.",
    "retries": "Requests of batch jobs that failed and were tried again.",
    "repeated": "Keywords asked for again, because the gateway had ended before their result was stored.",
}


def batch_jobs_of(settings: Settings, journal: Journal, path: Path) -> "BatchJobs | None":
    """The batch jobs in the database at ``path``; None where no credentials are set."""
    if settings.naver_client_id is None or settings.naver_client_secret is None:
        return None
    # Imported here: a gateway that only streams loads nothing of them, and no HTTP client.
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
    return BatchJobs(BatchJobStore(path, durability=settings.durability), counter, journal, batch_limits(settings))


class BatchJobsCollector(Collector):
    """Reads their statistics when Prometheus asks."""

    def __init__(self, jobs: "BatchJobs") -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """The counters."""
        statistics = self._jobs.statistics
        keywords = CounterMetricFamily("otto_batch_keywords", "Keywords of batch jobs by result.", labels=["result"])
        keywords.add_metric(["counted"], statistics.counted)
        keywords.add_metric(["failed"], statistics.failed)
        yield keywords
        for name, text in _TEXTS.items():
            yield CounterMetricFamily(f"otto_batch_{name}", text, value=getattr(statistics, name))
