"""The figures of the health page."""

import pytest

from gateway.monitoring.summary_stats import SummaryStats, Totals


class Figures:
    """A clock and totals that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.totals = Totals()
        self.summary_stats = SummaryStats(lambda: self.totals, lambda: 7, lambda: self.now)

    def pass_second(self, totals: Totals) -> None:
        self.now += 1
        self.totals = totals
        self.summary_stats.sample()


def test_rates_count_the_last_ten_seconds() -> None:
    """100 lines a second are 100, however long it has run, and nothing is nothing again ten seconds later."""
    figures = Figures()
    for second in range(1, 31):
        figures.pass_second(Totals(received=100 * second, delivered=500 * second))
    assert figures.summary_stats.server_statistics()["messagesPerSecond"] == 100
    assert figures.summary_stats.server_statistics()["deliveriesPerSecond"] == 500
    for _ in range(10):
        figures.pass_second(figures.totals)
    assert figures.summary_stats.server_statistics()["messagesPerSecond"] == 0


def test_a_burst_counts_for_ten_seconds() -> None:
    """The window begins with the last sample from before it, so none of its lines is left out."""
    figures = Figures()
    burst = Totals(received=100)
    rates = []
    for _ in range(11):
        figures.pass_second(burst)
        rates.append(figures.summary_stats.server_statistics()["messagesPerSecond"])
    assert rates == [100, 50, 33.3, 25, 20, 16.7, 14.3, 12.5, 11.1, 10, 0]


def test_latency_is_the_average_in_milliseconds() -> None:
    """Sum by count, of the window alone."""
    figures = Figures()
    figures.pass_second(Totals(latency_seconds=0.5, latencies=100))
    assert figures.summary_stats.server_statistics()["averageLatency"] == pytest.approx(5.0)


def test_the_error_rate_is_a_share() -> None:
    """One refusal to three lines is a quarter."""
    figures = Figures()
    figures.pass_second(Totals(received=3, errors=1))
    assert figures.summary_stats.server_statistics()["errorRate"] == 0.25


def test_every_specified_figure_is_there() -> None:
    """Health page and server-stats show what the specification lists."""
    shown = Figures().summary_stats.server_statistics()
    assert shown["activeConnections"] == 7
    assert shown["memoryUsage"] > 1_000_000
    assert {"messagesPerSecond", "averageLatency", "errorRate"} <= shown.keys()
