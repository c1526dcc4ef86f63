"""Metrics for Prometheus: read from the parts' statistics when asked for; only latencies are observed as they happen.

No label has a task's, worker's or user's name: their number has no bound, and metrics need no token.
"""

import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Final, Protocol, TypeVar

from prometheus_client import CollectorRegistry, GCCollector, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.grpc_server.server import ServerStatistics
from gateway.ingest.counters import IngestStatistics
from gateway.monitoring.summary_stats import Totals
from gateway.quota import ADDRESS, PRINCIPAL, Quota
from gateway.transports.socket_io.server import SocketIoStatistics
from sessions.pipelines import PipelineStatistics
from sessions.statistics import HubStatistics
from sessions.updates import UpdateStatistics
from storage.journal.interface import Committed
from storage.journal.statistics import JournalStatistics
from storage.polling import RowImportStatistics, SinkStatistics
from storage.retention.worker import RetentionStatistics

__all__ = ["GatewayCollector", "HasStatistics", "Metrics", "Sources", "grpc_server_metrics", "lane_metrics"]

Statistics = TypeVar("Statistics", covariant=True)

_LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

TRANSPORTS: Final = ("sse", "socketio")
"""Shown from the start, with 0: a rate over a series that is not there is no rate."""


class Metrics:
    """The registry, the latencies, and the errors that no other part counts.

    It is the observer of the hub and listens to commits. Each observation costs about a microsecond, and there is one
    per flush and one per commit, not one per line.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.errors: Count[str] = Count()
        self.latency_seconds = 0.0
        self.latencies = 0
        self._delivery = Histogram(
            "otto_delivery_latency_seconds",
            "From the arrival of a line at the gateway to the write to its live subscribers.",
            registry=self.registry,
            buckets=_LATENCY_BUCKETS,
        )
        self._commit = Histogram(
            "otto_commit_latency_seconds",
            "How long a commit of the journal took.",
            registry=self.registry,
            buckets=_LATENCY_BUCKETS,
        )
        self._storage = Histogram(
            "otto_storage_latency_seconds",
            "From the arrival of a line at the gateway to the end of the commit that stored it, waiting included.",
            registry=self.registry,
            buckets=_LATENCY_BUCKETS,
        )
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def __repr__(self) -> str:
        return f"<Metrics {self.latencies} latencies, {self.errors.total()} errors>"

    def delivery_latency(self, seconds: float) -> None:
        """From a line's arrival to the write to its live subscribers."""
        self.latency_seconds += seconds
        self.latencies += 1
        self._delivery.observe(seconds)

    def commit_latency(self, seconds: float) -> None:
        """How long a commit took."""
        self._commit.observe(seconds)

    def committed(self, committed: Committed) -> None:
        """A commit was made; its oldest line waited longest."""
        oldest = min((block.received_at for block in committed.blocks if block.received_at is not None), default=None)
        if oldest is not None:
            self._storage.observe(time.monotonic() - oldest)

    def error(self, kind: str) -> None:
        """A request was refused, or failed. ``kind`` is one of a fixed set of codes."""
        self.errors[kind] += 1


class HasStatistics(Protocol[Statistics]):
    """A part that counts."""

    @property
    def statistics(self) -> Statistics:
        """An immutable snapshot of its counters."""
        ...


class Sources:
    """The parts whose statistics are shown; ``others`` make families of their own."""

    def __init__(
        self,
        *,
        journal: HasStatistics[JournalStatistics],
        hub: HasStatistics[HubStatistics],
        ingest: HasStatistics[IngestStatistics],
        sink: HasStatistics[SinkStatistics],
        watcher: HasStatistics[RowImportStatistics],
        retention: HasStatistics[RetentionStatistics],
        updates: HasStatistics[UpdateStatistics],
        pipelines: HasStatistics[PipelineStatistics],
        socket_io: HasStatistics[SocketIoStatistics],
        metrics: Metrics,
        quotas: Sequence[Quota] = (),
        others: Sequence[Callable[[], Iterable[Metric]]] = (),
    ) -> None:
        self.journal = journal
        self.hub = hub
        self.ingest = ingest
        self.sink = sink
        self.watcher = watcher
        self.retention = retention
        self.updates = updates
        self.pipelines = pipelines
        self.socket_io = socket_io
        self.metrics = metrics
        self.quotas = quotas
        self.others = others

    def errors(self) -> dict[str, int]:
        """Everything that was refused or failed, by kind."""
        refused = {f"ingest_{reason}": count for reason, count in self.ingest.statistics.refused.items()}
        others = {
            "sink": self.sink.statistics.failures,
            "table_rows": self.watcher.statistics.failures,
            "socketio_malformed": self.socket_io.statistics.malformed,
        }
        return refused | dict(self.metrics.errors) | others

    def totals(self) -> Totals:
        """What the vital figures are made of."""
        return Totals(
            received=sum(self.ingest.statistics.lines.values()),
            delivered=sum(each.lines for each in self.hub.statistics.delivered.values()),
            errors=sum(self.errors().values()),
            latency_seconds=self.metrics.latency_seconds,
            latencies=self.metrics.latencies,
        )


class GatewayCollector(Collector):
    """Turns the statistics of the moment into metric families."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """All families; called once per scrape, on the event loop."""
        yield InfoMetricFamily("otto_build", "The running gateway.", {"version": version("otto-log-gateway")})
        yield from _of_ingest(self._sources.ingest.statistics)
        yield from _of_journal(self._sources.journal.statistics)
        yield from _of_hub(self._sources.hub.statistics)
        yield from _of_sink(self._sources.sink.statistics)
        yield from _of_watcher(self._sources.watcher.statistics)
        yield from _of_retention(self._sources.retention.statistics)
        yield from _of_updates(self._sources.updates.statistics)
        yield from _of_sockets(self._sources.socket_io.statistics)
        pipelines = self._sources.pipelines.statistics
        yield GaugeMetricFamily("otto_pipeline_sessions", "Open sessions of pipelines.", pipelines.sessions)
        refused = {
            kind: sum(quota.statistics.refused[kind] for quota in self._sources.quotas) for kind in (ADDRESS, PRINCIPAL)
        }
        text = "Connections and single calls refused because one address or one token's subject held too much."
        yield _counters("otto_quota_refusals", text, "limit", refused)
        yield _counters("otto_errors", "Requests and lines refused or failed.", "kind", self._sources.errors())
        for metrics in self._sources.others:
            yield from metrics()


def _of_ingest(ingest: IngestStatistics) -> Iterable[Metric]:
    yield _gauges("otto_producer_streams", "Open streams of producers.", "dialect", ingest.streams)
    yield _counters("otto_lines_received", "Lines that arrived.", "dialect", ingest.lines)
    yield _counters("otto_bytes_received", "Bytes that arrived with lines.", "dialect", ingest.bytes)
    yield CounterMetricFamily("otto_lines_truncated", "Lines cut at the message limit.", ingest.truncated)
    yield CounterMetricFamily("otto_duplicate_batches", "Batches that were stored before.", ingest.duplicates)


def lane_metrics(lags: Sequence[int]) -> Iterable[Metric]:
    """How far each lane of the journal is followed; of one that has a single lane there is nothing to say."""
    if lags:
        lag = GaugeMetricFamily(
            "otto_journal_lag_by_lane", "Records of a lane that were seen and not followed yet.", labels=["lane"]
        )
        for lane, count in enumerate(lags):
            lag.add_metric([str(lane)], count)
        yield lag


def grpc_server_metrics(server: ServerStatistics) -> Iterable[Metric]:
    """What the gateway's own gRPC server has open, and what it refused."""
    yield GaugeMetricFamily(
        "otto_grpc_connections", "Open connections of the gateway's gRPC server.", server.connections
    )
    yield GaugeMetricFamily("otto_grpc_calls", "Its open calls.", server.calls)
    yield GaugeMetricFamily(
        "otto_grpc_window_bytes", "Bytes by which its receive windows have grown.", server.window_bytes
    )
    text = "Its connections closed at once: too many in all, or of one address."
    yield _counters("otto_grpc_connections_refused", text, "limit", server.refused_connections)
    text = "Its connections ended because the peer broke a rule of HTTP/2, by error code."
    yield _counters("otto_grpc_faults", text, "code", server.faults)


def _of_journal(journal: JournalStatistics) -> Iterable[Metric]:
    yield CounterMetricFamily("otto_commits", "Commits of the journal.", journal.commits)
    yield CounterMetricFamily("otto_lines_stored", "Lines stored.", journal.lines)
    yield CounterMetricFamily("otto_bytes_stored", "Bytes stored, after compression.", journal.stored_bytes)
    yield GaugeMetricFamily("otto_lines_waiting_for_storage", "Lines waiting for a commit.", journal.waiting_lines)
    yield GaugeMetricFamily("otto_bytes_waiting_for_storage", "Bytes waiting for a commit.", journal.waiting_bytes)
    yield CounterMetricFamily("otto_damaged_records", "Damaged places found in the journal.", journal.damaged_records)
    yield GaugeMetricFamily("otto_journal_up", "Whether the journal can write.", int(not journal.error))
    if journal.disk_bytes_free is not None:
        text = "What the journal's database may still grow by."
        yield GaugeMetricFamily("otto_disk_free_bytes", text, journal.disk_bytes_free)


def _of_hub(hub: HubStatistics) -> Iterable[Metric]:
    none = dict.fromkeys(TRANSPORTS, 0)
    lines = {kind: delivered.lines for kind, delivered in hub.delivered.items()}
    size = {kind: delivered.bytes for kind, delivered in hub.delivered.items()}
    writes = {kind: delivered.writes for kind, delivered in hub.delivered.items()}
    yield _gauges("otto_active_connections", "Open sessions.", "transport", none | dict(hub.active))
    yield _counters("otto_lines_delivered", "Lines given to subscribers.", "transport", none | lines)
    yield _counters("otto_bytes_delivered", "Bytes given to subscribers.", "transport", none | size)
    yield _counters("otto_deliveries", "Runs of lines given to subscribers.", "transport", none | writes)
    yield GaugeMetricFamily("otto_lagging_sessions", "Sessions beyond the lag threshold.", hub.lagging)
    yield GaugeMetricFamily("otto_sessions_behind", "Sessions that are not at the live end.", hub.behind)
    yield CounterMetricFamily("otto_catch_ups", "Reads from the journal for sessions.", hub.catch_ups)
    yield CounterMetricFamily("otto_gaps", "Gaps announced, where retention or damage took lines.", hub.gaps)
    yield CounterMetricFamily("otto_refused_connections", "Sessions refused because the gateway was full.", hub.refused)
    yield _counters("otto_sessions_closed", "Sessions that have ended, by the reason's code.", "reason", hub.closed)
    yield CounterMetricFamily("otto_flushes", "Flushes to live sessions.", hub.flushes)
    yield GaugeMetricFamily("otto_flush_pause_seconds", "The present pause between flushes.", hub.tick_seconds)
    yield GaugeMetricFamily("otto_watched_tasks", "Tasks with a session.", hub.tasks)
    yield GaugeMetricFamily("otto_channels", "Different filters and encodings in use.", hub.channels)
    yield GaugeMetricFamily("otto_window_bytes", "Encoded lines kept for watched tasks.", hub.window_bytes)
    yield GaugeMetricFamily("otto_run_bytes", "Encoded lines kept for sessions that are behind.", hub.run_bytes)


def _of_sink(sink: SinkStatistics) -> Iterable[Metric]:
    yield CounterMetricFamily("otto_polling_rows", "Rows written to job_logs.", sink.rows)
    yield CounterMetricFamily("otto_polling_damaged", "Damaged records, each with a row instead.", sink.damaged_records)
    yield GaugeMetricFamily("otto_polling_lag_records", "Records not yet in the polling tables.", sink.lag_records)
    yield GaugeMetricFamily("otto_polling_up", "Whether the polling tables can be written.", int(not sink.error))


def _of_watcher(watcher: RowImportStatistics) -> Iterable[Metric]:
    yield CounterMetricFamily("otto_table_rows", "Rows of other programs that became lines.", watcher.rows)
    yield CounterMetricFamily("otto_table_rows_unusable", "Rows whose job can be no task.", watcher.unusable_rows)
    yield GaugeMetricFamily("otto_table_rows_up", "Whether such rows can be taken over.", int(not watcher.error))


def _of_retention(retention: RetentionStatistics) -> Iterable[Metric]:
    yield CounterMetricFamily("otto_retention_passes", "Passes of the retention.", retention.passes)
    yield CounterMetricFamily("otto_tasks_removed", "Tasks that retention took the last line of.", retention.tasks)
    yield CounterMetricFamily("otto_lines_removed", "Lines that retention removed.", retention.lines)
    yield CounterMetricFamily("otto_bytes_removed", "Stored bytes that retention removed.", retention.bytes)
    yield CounterMetricFamily("otto_polling_rows_deleted", "Rows that retention removed.", retention.rows)
    yield GaugeMetricFamily("otto_retention_up", "Whether the last pass came to its end.", int(not retention.error))


def _of_updates(updates: UpdateStatistics) -> Iterable[Metric]:
    yield GaugeMetricFamily("otto_update_sessions", "Subscribers of logsUpdated over SSE.", updates.sessions)
    yield CounterMetricFamily("otto_updates_raised", "Changes of executions' records.", updates.raised)
    yield CounterMetricFamily("otto_updates_merged", "Changes sent together with another one.", updates.merged)
    yield CounterMetricFamily("otto_updates_dropped", "Changes not sent to clients too slow to read.", updates.dropped)


def _of_sockets(socket_io: SocketIoStatistics) -> Iterable[Metric]:
    yield GaugeMetricFamily("otto_socketio_sockets", "Open Socket.IO connections.", socket_io.sockets)
    yield GaugeMetricFamily("otto_socketio_bytes_in_flight", "Bytes handed to sockets.", socket_io.bytes_in_flight)
    yield CounterMetricFamily("otto_socketio_refused", "Connections refused.", socket_io.refused)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family
