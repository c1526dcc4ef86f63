"""Batch jobs for Prometheus."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, Metric

if TYPE_CHECKING:
    from components.batch_jobs.jobs import BatchStatistics

__all__ = ["batch_job_metrics"]

_TEXTS: Final = {
    "jobs": "Batch jobs that were taken.",
    "retries": "Requests of batch jobs that failed and were tried again.",
    "job_retries": "Batch jobs that had failed and were tried again.",
    "repeated": "Keywords asked for again, because the gateway had ended before their result was stored.",
}


def batch_job_metrics(statistics: "BatchStatistics") -> Iterator[Metric]:
    """The counters."""
    keywords = CounterMetricFamily("otto_batch_keywords", "Keywords of batch jobs by result.", labels=["result"])
    keywords.add_metric(["counted"], statistics.counted)
    keywords.add_metric(["failed"], statistics.failed)
    yield keywords
    calls = CounterMetricFamily("otto_batch_calls", "Requests of batch jobs by API.", labels=["api"])
    for api, count in statistics.calls.items():
        calls.add_metric([api], count)
    yield calls
    yield CounterMetricFamily(
        "otto_batch_keyword_seconds", "Seconds that keywords of batch jobs took.", value=statistics.keyword_seconds
    )
    for name, text in _TEXTS.items():
        yield CounterMetricFamily(f"otto_batch_{name}", text, value=getattr(statistics, name))
