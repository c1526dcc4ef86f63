"""Every metric shows the statistic that its text names; each statistic here has a value of its own."""

import itertools
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.grpc_server.server import ServerStatistics
from gateway.ingest.counters import IngestStatistics
from gateway.monitoring.metrics import GatewayCollector, Metrics, Sources, grpc_server_metrics
from gateway.quota import ADDRESS, PRINCIPAL, QuotaStatistics
from gateway.transports.socket_io.server import SocketIoStatistics
from sessions.pipelines import PipelineStatistics
from sessions.statistics import Delivered, HubStatistics
from sessions.updates import UpdateStatistics
from storage.journal.interface import Committed
from storage.journal.statistics import JournalStatistics
from storage.polling import RowImportStatistics, SinkStatistics
from storage.retention.worker import RetentionStatistics

PARTS = {
    "ingest": IngestStatistics,
    "journal": JournalStatistics,
    "hub": HubStatistics,
    "sink": SinkStatistics,
    "watcher": RowImportStatistics,
    "retention": RetentionStatistics,
    "updates": UpdateStatistics,
    "pipelines": PipelineStatistics,
    "socket_io": SocketIoStatistics,
}
SHOWN = {
    "otto_lines_truncated_total": "ingest.truncated",
    "otto_duplicate_batches_total": "ingest.duplicates",
    "otto_commits_total": "journal.commits",
    "otto_lines_stored_total": "journal.lines",
    "otto_bytes_stored_total": "journal.stored_bytes",
    "otto_lines_waiting_for_storage": "journal.waiting_lines",
    "otto_bytes_waiting_for_storage": "journal.waiting_bytes",
    "otto_damaged_records_total": "journal.damaged_records",
    "otto_lagging_sessions": "hub.lagging",
    "otto_sessions_behind": "hub.behind",
    "otto_catch_ups_total": "hub.catch_ups",
    "otto_gaps_total": "hub.gaps",
    "otto_refused_connections_total": "hub.refused",
    "otto_flushes_total": "hub.flushes",
    "otto_flush_pause_seconds": "hub.tick_seconds",
    "otto_watched_tasks": "hub.tasks",
    "otto_channels": "hub.channels",
    "otto_window_bytes": "hub.window_bytes",
    "otto_run_bytes": "hub.run_bytes",
    "otto_polling_rows_total": "sink.rows",
    "otto_polling_damaged_total": "sink.damaged_records",
    "otto_polling_lag_records": "sink.lag_records",
    "otto_table_rows_total": "watcher.rows",
    "otto_table_rows_unusable_total": "watcher.unusable_rows",
    "otto_retention_passes_total": "retention.passes",
    "otto_tasks_removed_total": "retention.tasks",
    "otto_lines_removed_total": "retention.lines",
    "otto_bytes_removed_total": "retention.bytes",
    "otto_polling_rows_deleted_total": "retention.rows",
    "otto_update_sessions": "updates.sessions",
    "otto_updates_raised_total": "updates.raised",
    "otto_updates_merged_total": "updates.merged",
    "otto_updates_dropped_total": "updates.dropped",
    "otto_pipeline_sessions": "pipelines.sessions",
    "otto_socketio_sockets": "socket_io.sockets",
    "otto_socketio_bytes_in_flight": "socket_io.bytes_in_flight",
    "otto_socketio_refused_total": "socket_io.refused",
}
UP = ("journal", "polling", "table_rows", "retention")


def distinct(**given: Any) -> dict[str, Any]:
    """Statistics by part, with a different number in each field that has one."""
    numbers = itertools.count(11)
    return {
        part: kind(
            **{each.name: next(numbers) for each in fields(kind) if each.type in ("int", "float", int, float)},
            **given.get(part, {}),
        )
        for part, kind in PARTS.items()
    }


def scraped(statistics: dict[str, Any], metrics: Metrics | None = None, **others: Any) -> dict[tuple[str, ...], float]:
    """The values of all samples, by name and labels."""
    parts: dict[str, Any] = {part: SimpleNamespace(statistics=each) for part, each in statistics.items()}
    sources = Sources(**parts, metrics=metrics or Metrics(), **others)
    families = GatewayCollector(sources).collect()
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_every_metric_shows_its_own_statistic() -> None:
    """No two are swapped, and none is constant."""
    statistics = distinct()
    values = scraped(statistics)
    wanted = {}
    for name, place in SHOWN.items():
        part, _, field = place.partition(".")
        wanted[name] = getattr(statistics[part], field)
    assert {name: values[name,] for name in SHOWN} == wanted


@pytest.mark.parametrize("error", ["", "the disk is full"])
def test_up_is_1_where_nothing_is_wrong(error: str) -> None:
    """And 0 while there is an error."""
    parts = {part: {"error": error} for part in ("journal", "sink", "watcher", "retention")}
    values = scraped(distinct(**parts))
    assert [values[f"otto_{name}_up",] for name in UP] == [int(not error)] * len(UP)


def test_deliveries_are_shown_by_transport() -> None:
    """From the start, with 0 if there was none: a rate over a series that is not there is no rate."""
    hub = {"active": {"sse": 4}, "delivered": {"sse": Delivered(lines=1, bytes=2, writes=3)}, "closed": {"LAG": 5}}
    values = scraped(distinct(hub=hub))
    names = ("otto_lines_delivered_total", "otto_bytes_delivered_total", "otto_deliveries_total")
    assert [values[name, "sse"] for name in (*names, "otto_active_connections")] == [1, 2, 3, 4]
    assert [values[name, "socketio"] for name in (*names, "otto_active_connections")] == [0, 0, 0, 0]
    assert values["otto_sessions_closed_total", "LAG"] == 5


def test_the_grpc_server_shows_what_is_open_and_what_it_refused() -> None:
    """Connections by the limit that they were over, and by the rule that their peers broke."""
    server = ServerStatistics(1, 2, {"address": 3}, {"ENHANCE_YOUR_CALM": 4}, window_bytes=5)
    values = scraped(distinct(), others=[lambda: grpc_server_metrics(server)])
    assert [values[f"otto_grpc_{name}",] for name in ("connections", "calls", "window_bytes")] == [1, 2, 5]
    assert values["otto_grpc_connections_refused_total", "address"] == 3
    assert values["otto_grpc_faults_total", "ENHANCE_YOUR_CALM"] == 4


def test_arrivals_are_shown_by_dialect() -> None:
    """Streams, lines and bytes of each wire."""
    values = scraped(distinct(ingest={"streams": {"native": 1}, "lines": {"native": 2}, "bytes": {"native": 3}}))
    names = ("otto_producer_streams", "otto_lines_received_total", "otto_bytes_received_total")
    assert [values[name, "native"] for name in names] == [1, 2, 3]


def test_refusals_are_added_up_by_limit_and_by_kind() -> None:
    """Over all quotas, and over all parts that count errors."""
    quotas = [
        SimpleNamespace(statistics=QuotaStatistics(refused={ADDRESS: address, PRINCIPAL: principal}))
        for address, principal in ((1, 10), (2, 20))
    ]
    statistics, metrics = distinct(ingest={"refused": {"full": 7}}), Metrics()
    metrics.error("http_not_found")
    values = scraped(statistics, metrics, quotas=quotas)
    assert (values["otto_quota_refusals_total", ADDRESS], values["otto_quota_refusals_total", PRINCIPAL]) == (3, 30)
    errors = {kind: value for (name, *kind), value in values.items() if name == "otto_errors_total" for kind in kind}
    assert errors == {
        "ingest_full": 7,
        "http_not_found": 1,
        "sink": statistics["sink"].failures,
        "table_rows": statistics["watcher"].failures,
        "socketio_malformed": statistics["socket_io"].malformed,
    }


def test_storage_latency_is_that_of_the_oldest_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a commit; lines that did not arrive here have none."""
    metrics = Metrics()
    monkeypatch.setattr("gateway.monitoring.metrics.time.monotonic", lambda: 100.0)
    blocks = [SimpleNamespace(received_at=moment) for moment in (99.0, None, 96.0, 98.0)]
    metrics.committed(Committed(blocks=blocks))  # type: ignore[arg-type] # of a block only the moment counts
    assert metrics.registry.get_sample_value("otto_storage_latency_seconds_sum") == 4.0


def test_the_average_latency_is_of_all_deliveries() -> None:
    """The health page divides the one sum by the other."""
    metrics = Metrics()
    for seconds in (0.25, 0.75):
        metrics.delivery_latency(seconds)
    assert (metrics.latency_seconds, metrics.latencies) == (1.0, 2)
    assert metrics.registry.get_sample_value("otto_delivery_latency_seconds_count") == 2
