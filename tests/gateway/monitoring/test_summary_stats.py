"""The figures of the health page."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.monitoring import summary_stats
from gateway.monitoring.summary_stats import SummaryStats, Totals, resident_bytes


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
    assert figures.summary_stats.server_statistics().messages_per_second == 100
    assert figures.summary_stats.server_statistics().deliveries_per_second == 500
    for _ in range(10):
        figures.pass_second(figures.totals)
    assert figures.summary_stats.server_statistics().messages_per_second == 0


def test_a_burst_counts_for_ten_seconds() -> None:
    """The window begins with the last sample from before it, so none of its lines is left out."""
    figures = Figures()
    burst = Totals(received=100)
    rates = []
    for _ in range(11):
        figures.pass_second(burst)
        rates.append(figures.summary_stats.server_statistics().messages_per_second)
    assert rates == [100, 50, 33.3, 25, 20, 16.7, 14.3, 12.5, 11.1, 10, 0]


def test_latency_is_the_average_in_milliseconds() -> None:
    """Sum by count, of the window alone."""
    figures = Figures()
    figures.pass_second(Totals(latency_seconds=0.5, latencies=100))
    assert figures.summary_stats.server_statistics().average_latency == pytest.approx(5.0)


def test_the_error_rate_is_a_share() -> None:
    """One refusal to three lines is a quarter."""
    figures = Figures()
    figures.pass_second(Totals(received=3, errors=1))
    assert figures.summary_stats.server_statistics().error_rate == 0.25


def test_every_specified_figure_is_there() -> None:
    """Health page and server-stats show what the specification lists."""
    shown = Figures().summary_stats.server_statistics()
    assert shown.active_connections == 7
    assert shown.memory_usage > 1_000_000


def test_what_was_before_the_window_does_not_count() -> None:
    """Neither errors nor latencies nor lines of an earlier time."""
    figures = Figures()
    before = Totals(received=1000, delivered=1000, errors=500, latency_seconds=900.0, latencies=10)
    for _ in range(20):
        figures.pass_second(before)
    quiet = figures.summary_stats.server_statistics()
    assert (quiet.messages_per_second, quiet.error_rate, quiet.average_latency) == (0, 0, 0)
    figures.pass_second(Totals(received=1003, delivered=1002, errors=501, latency_seconds=900.25, latencies=12))
    shown = figures.summary_stats.server_statistics()
    assert (shown.messages_per_second, shown.deliveries_per_second) == (0.3, 0.2)
    assert (shown.error_rate, shown.average_latency) == (0.25, 125)


def test_figures_have_as_many_digits_as_mean_something() -> None:
    """Rates one, milliseconds two, shares four; the time since the start in whole seconds."""
    figures = Figures()
    figures.now += 2.9
    figures.totals = Totals(received=1, delivered=2, errors=2, latency_seconds=0.0123456, latencies=1)
    shown = figures.summary_stats.server_statistics()
    assert (shown.messages_per_second, shown.deliveries_per_second) == (0.3, 0.7)
    assert (shown.average_latency, shown.error_rate, shown.uptime_seconds) == (12.35, 0.6667, 2)


def test_resident_memory_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In pages, the second number; its peak where there is none, which macOS counts in bytes and others in KiB."""
    (tmp_path / "statm").write_text("900 25 3 1 0 70 0")
    monkeypatch.setattr(summary_stats, "STATM", tmp_path / "statm")
    monkeypatch.setattr(summary_stats, "PAGE_BYTES", 4096)
    assert resident_bytes() == 25 * 4096
    monkeypatch.setattr(summary_stats, "STATM", tmp_path / "nothing")
    monkeypatch.setattr(summary_stats.resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=7))
    for platform, size in (("linux", 7 * 1024), ("darwin", 7)):
        monkeypatch.setattr(summary_stats.sys, "platform", platform)
        assert resident_bytes() == size
