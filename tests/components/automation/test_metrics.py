"""Metrics of the automation queue: each shows its own count, by stage."""

from types import MappingProxyType

from components.automation.metrics import AutomationCollector
from components.automation.statistics import QueueStatistics, StageStatistics
from components.automation.tables.depths import QueueDepths


def test_every_metric_shows_its_own_statistic() -> None:
    """By stage, and items by what became of them."""
    script = StageStatistics(completed=1, failed=2, retries=3, taken_up=4, tries=5, seconds=6.5)
    depths = QueueDepths(waiting={"script": 7}, processing={"script": 8})
    statistics = QueueStatistics(MappingProxyType({"script": script}), depths, holds_lock=True)
    families = AutomationCollector(lambda: statistics).collect()
    shown = {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}
    assert shown == {
        ("otto_automation_waiting", "script"): 7,
        ("otto_automation_running", "script"): 8,
        ("otto_automation_items_total", "script", "completed"): 1,
        ("otto_automation_items_total", "script", "failed"): 2,
        ("otto_automation_try_seconds_count", "script"): 5,
        ("otto_automation_try_seconds_sum", "script"): 6.5,
        ("otto_automation_retries_total", "script"): 3,
        ("otto_automation_taken_up_total", "script"): 4,
        ("otto_automation_holds_lock",): 1,
    }
