"""Results as Markdown."""

from collections.abc import Sequence

from benchmarks.scenarios import Delivery, Intake

__all__ = ["delivery_table", "intake_table", "latency_table", "markdown_table"]


def intake_table(results: Sequence[Intake]) -> str:
    """Lines in."""
    return markdown_table(
        ["wire", "lines a message", "durability", "lines/s in", "lines per server-CPU-s"],
        [
            [r.wire, f"{r.batch:,}", r.durability, f"{r.lines_per_second:,.0f}", f"{r.lines_per_cpu_second:,.0f}"]
            for r in results
        ],
    )


def delivery_table(results: Sequence[Delivery]) -> str:
    """Lines out, as fast as possible."""
    return markdown_table(
        ["subscribers", "server", "lines each", "lines/s delivered", "lines per server-CPU-s", "peak memory", "lost"],
        [
            [
                f"{r.load.connections:,}",
                r.server,
                f"{r.load.lines:,}",
                f"{r.lines_per_second:,.0f}",
                f"{r.lines_per_cpu_second:,.0f}",
                f"{r.memory_peak_bytes / 1e6:,.0f} MB",
                f"{r.lost:,}",
            ]
            for r in results
        ],
    )


def latency_table(results: Sequence[Delivery]) -> str:
    """Latency at a steady rate."""
    return markdown_table(
        ["subscribers", "server", "lines/s in", "lines/s delivered", "p50 ms", "p99 ms", "server CPU", "lost"],
        [
            [
                f"{r.load.connections:,}",
                r.server,
                f"{r.load.rate:,}",
                f"{r.lines_per_second:,.0f}",
                f"{r.p50_ms:.1f}",
                f"{r.p99_ms:.1f}",
                f"{r.server_cpu_seconds / r.seconds:.0%}",
                f"{r.lost:,}",
            ]
            for r in results
        ],
    )


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
