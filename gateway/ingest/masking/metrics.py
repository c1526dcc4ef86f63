"""What masking counts, for Prometheus."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, Metric

from gateway.ingest.masking.task_masks import KNOWN

__all__ = ["mask_metrics"]


def mask_metrics(counts: Mapping[str, int]) -> Iterable[Metric]:
    """How much was masked, by rule."""
    family = CounterMetricFamily(
        "otto_masked", "Secrets masked in lines, by the rule that found them.", labels=("rule",)
    )
    for rule, count in sorted(({KNOWN: 0} | dict(counts)).items()):
        family.add_metric((rule,), count)
    yield family
