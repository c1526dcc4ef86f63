"""Metrics of execution records: each shows its own count."""

import pytest

from components.executions.metrics import execution_metrics
from components.executions.tables import StoreStatistics


@pytest.mark.parametrize("error", ["", "the disk is full"])
def test_every_metric_shows_its_own_statistic(error: str) -> None:
    """And that records can be stored, unless there is an error."""
    statistics = StoreStatistics(waiting=1, waiting_bytes=2, transactions=3, done=4, error=error)
    samples = [sample for family in execution_metrics(statistics) for sample in family.samples]
    assert {sample.name: sample.value for sample in samples} == {
        "otto_execution_waiting": 1,
        "otto_execution_waiting_bytes": 2,
        "otto_execution_commits_total": 3,
        "otto_execution_reports_total": 4,
        "otto_execution_up": int(not error),
    }
