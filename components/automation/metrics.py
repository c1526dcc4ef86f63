"""The automation queue for Prometheus."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from components.automation.statistics import QueueStatistics

__all__ = ["AutomationCollector"]

_COUNTERS: Final = {
    "retries": "Tries of stages that failed and were put off.",
    "taken_up": "Stages that a dead scheduler had left running.",
}


class AutomationCollector(Collector):
    """Reads the statistics when Prometheus asks; counts are those of this process since its start."""

    def __init__(self, statistics: "Callable[[], QueueStatistics]") -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        """All families."""
        found = self._statistics()
        for name, text, counts in (
            ("waiting", "Items that wait, for their turn, a retry or their time.", found.depths.waiting),
            ("running", "Items that are being processed, by any scheduler.", found.depths.processing),
        ):
            gauge = GaugeMetricFamily(f"otto_automation_{name}", text, labels=("stage",))
            for stage, count in counts.items():
                gauge.add_metric((stage,), count)
            yield gauge
        items = CounterMetricFamily("otto_automation_items", "Items that ended by result.", labels=("stage", "result"))
        seconds = SummaryMetricFamily("otto_automation_try_seconds", "What tries of stages took.", labels=("stage",))
        for stage, counted in found.stages.items():
            items.add_metric((stage, "completed"), counted.completed)
            items.add_metric((stage, "failed"), counted.failed)
            seconds.add_metric((stage,), counted.tries, counted.seconds)
        yield items
        yield seconds
        for name, text in _COUNTERS.items():
            counter = CounterMetricFamily(f"otto_automation_{name}", text, labels=("stage",))
            for stage, counted in found.stages.items():
                counter.add_metric((stage,), getattr(counted, name))
            yield counter
        holds = "Whether this process is the scheduler that works."
        yield GaugeMetricFamily("otto_automation_holds_lock", holds, int(found.holds_lock))
