"""The canary's findings for Prometheus, on a port of their own, and as a summary."""

from collections.abc import Iterator
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from canary.runner import CanaryState, Verdict

__all__ = ["CanaryCollector", "Exporter", "document", "progress_line", "summary"]


_HEADINGS: Final = (
    *("seen", "missing", "doubled", "disorder", "unexpect.", "late"),
    *("p50 ms", "p99 ms", "max ms"),
)


class CanaryCollector(Collector):
    """Turns the state of the moment into metric families; read from another thread, which sees whole numbers."""

    def __init__(self, state: CanaryState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """All families."""
        state = self._state
        yield CounterMetricFamily("otto_canary_lines_written", "Lines that were sent.", state.written)
        yield CounterMetricFamily("otto_canary_lines_acknowledged", "Of those, stored ones.", state.acknowledged)
        yield CounterMetricFamily("otto_canary_lines_held_back", "Lines not sent: the gateway lags.", state.held_back)
        yield GaugeMetricFamily("otto_canary_lines_open", "Lines that are not decided yet.", state.open_lines)
        for name, text in (
            ("seen", "Lines that came."),
            ("missing", "Stored lines that did not come within the grace."),
            ("recovered", "Of those, lines that came after all."),
            ("doubled", "Lines that came again."),
            ("out_of_order", "Lines that came behind a later one."),
            ("late", "Lines that took too long."),
            ("unexpected", "Lines that were never written."),
        ):
            family = CounterMetricFamily(f"otto_canary_lines_{name}", text, labels=("route",))
            for route, counts in state.counts.items():
                family.add_metric((route.value,), getattr(counts, name))
            yield family
        there = GaugeMetricFamily("otto_canary_route_up", "Whether lines can be read on a route.", labels=("route",))
        latency = HistogramMetricFamily(
            "otto_canary_latency_seconds", "From before the line was sent to its arrival.", labels=("route",)
        )
        for route, counts in state.counts.items():
            there.add_metric((route.value,), int(state.is_there[route]))
            latency.add_metric((route.value,), counts.latencies.cumulative(), counts.latencies.sum_seconds)
        yield there
        yield latency


class Exporter:
    """Answers ``GET /metrics`` from a thread of its own.

    Args:
        port: 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, state: CanaryState, host: str, port: int) -> None:
        registry = CollectorRegistry()
        registry.register(CanaryCollector(state))
        self._server: WSGIServer
        self._server, self._thread = start_http_server(port, host, registry)
        self.port = int(self._server.server_port)

    def __repr__(self) -> str:
        return f"<Exporter port {self.port}>"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def progress_line(state: CanaryState, seconds: float) -> str:
    """One line for a terminal."""
    minutes, rest = divmod(int(seconds), 60)
    parts = [f"{minutes}:{rest:02} written {state.written:,}"]
    for route, counts in state.counts.items():
        missing = counts.missing - counts.recovered
        troubles = [
            f"{count:,} {name}"
            for name, count in (
                ("missing", missing),
                ("doubled", counts.doubled),
                ("out of order", counts.out_of_order),
                ("unexpected", counts.unexpected),
                ("late", counts.late),
            )
            if count
        ]
        away = "" if state.is_there[route] else " (away)"
        parts.append(
            f"{route}{away} {counts.seen:,} {1000 * counts.latencies.quantile(0.5):.0f}/"
            f"{1000 * counts.latencies.quantile(0.99):.0f} ms{', ' if troubles else ''}{', '.join(troubles)}"
        )
    return " · ".join(parts)


def document(state: CanaryState, verdict: Verdict, seconds: float) -> dict[str, Any]:
    """The summary as ``--json`` prints it; times in seconds."""
    return {
        "ok": verdict.is_well,
        "reason": verdict.reason,
        "seconds": round(seconds, 3),
        "written": state.written,
        "acknowledged": state.acknowledged,
        "heldBack": state.held_back,
        "undecided": verdict.undecided,
        "tasks": state.tasks,
        "routes": {
            route.value: {
                "seen": counts.seen,
                "missing": counts.missing - counts.recovered,
                "doubled": counts.doubled,
                "outOfOrder": counts.out_of_order,
                "unexpected": counts.unexpected,
                "late": counts.late,
                "latency": {
                    "p50": round(counts.latencies.quantile(0.5), 4),
                    "p99": round(counts.latencies.quantile(0.99), 4),
                    "max": round(counts.latencies.worst_seconds, 4),
                },
            }
            for route, counts in state.counts.items()
        },
    }


def summary(state: CanaryState, verdict: Verdict, seconds: float) -> str:
    """The summary for people."""
    rows = [
        f"{state.written:,} lines written, {state.acknowledged:,} stored, {state.tasks:,} tasks, {seconds:.1f} s",
        f"{'':10}" + "".join(f"{heading:>10}" for heading in _HEADINGS),
    ]
    for route, counts in state.counts.items():
        figures = (
            counts.seen,
            counts.missing - counts.recovered,
            counts.doubled,
            counts.out_of_order,
            counts.unexpected,
            counts.late,
        )
        times = (counts.latencies.quantile(0.5), counts.latencies.quantile(0.99), counts.latencies.worst_seconds)
        rows.append(
            f"{route.value:10}"
            + "".join(f"{figure:>10,}" for figure in figures)
            + "".join(f"{1000 * each:>10.0f}" for each in times)
        )
    if verdict.is_well:
        rows.append("all is well")
    else:
        rows.append(verdict.reason or "not well")
    return "\n".join(rows)
