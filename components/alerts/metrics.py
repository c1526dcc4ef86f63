"""Alerts for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from components.alerts.delivery import Outbox
from components.alerts.engine import AlertStatistics

__all__ = ["alert_metrics"]


def alert_metrics(found: AlertStatistics, outbox: Outbox) -> Iterator[Metric]:
    """What the engine and its outbox have done."""
    yield GaugeMetricFamily("otto_alert_rules", "Rules in use.", value=found.rules)
    yield GaugeMetricFamily("otto_alert_incidents_open", "Incidents that are not resolved.", value=found.open)
    yield GaugeMetricFamily("otto_alert_lag_records", "Records stored and not evaluated yet.", value=found.lag)
    yield CounterMetricFamily("otto_alert_lines", "Lines that were evaluated.", value=found.lines)
    yield CounterMetricFamily("otto_alert_matches", "Lines that matched a rule.", value=found.matches)
    yield CounterMetricFamily(
        "otto_alert_seconds", "Seconds of processor time spent on evaluating lines.", value=found.seconds
    )
    yield CounterMetricFamily("otto_alert_notices", "Notifications that were made.", value=found.notices)
    yield CounterMetricFamily(
        "otto_alert_suppressed", "Notifications beyond a rule's budget per hour.", value=found.suppressed
    )
    yield GaugeMetricFamily("otto_alert_outbox_waiting", "Notifications that wait to be sent.", value=outbox.waiting)
    deliveries = CounterMetricFamily(
        "otto_alert_deliveries", "Attempts to deliver a notification, by result.", labels=["result"]
    )
    for result, count in (("sent", outbox.sent), ("failed", outbox.failed), ("given_up", outbox.given_up)):
        deliveries.add_metric([result], count)
    yield deliveries
