"""Execution records for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from components.executions.tables import StoreStatistics

__all__ = ["execution_metrics"]


def execution_metrics(statistics: StoreStatistics) -> Iterator[Metric]:
    """What was stored, what is pending, and whether it can be stored."""
    yield CounterMetricFamily("otto_execution_reports", "Reports and records of executions stored.", statistics.done)
    yield CounterMetricFamily("otto_execution_commits", "Transactions that stored them.", statistics.transactions)
    yield GaugeMetricFamily("otto_execution_waiting", "Reports and records waiting for one.", statistics.waiting)
    yield GaugeMetricFamily("otto_execution_waiting_bytes", "Bytes of them.", statistics.waiting_bytes)
    yield GaugeMetricFamily("otto_execution_up", "Whether they can be stored.", int(not statistics.error))
