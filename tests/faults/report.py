"""What a run came to, in words and as Markdown."""

import statistics
from collections.abc import Sequence

from tests.faults.bench import Run

__all__ = ["summary"]


def summary(run: Run) -> str:
    """A run in a few lines."""
    verdict = run.verdict
    faults = ", ".join(f"{name} {count}" for name, count in sorted(run.faults.items()))
    delivered = ", ".join(f"{count:,}" for count in verdict.delivered)
    lines = [
        f"seed {run.seed}, {run.seconds:.0f} s: {faults}",
        *(f"skipped: {name}: {why}" for name, why in run.skipped.items()),
        f"sent {verdict.sent:,}, acknowledged {verdict.acknowledged:,}, stored {verdict.stored:,}",
        f"taken back {verdict.taken_back:,}, in doubt {verdict.in_doubt:,}, repeated on Otto's wire {verdict.repeated:,}",
        f"delivered {delivered}; polled {verdict.polled:,}; {verdict.connections:,} connections",
        f"lost {verdict.lost:,}, doubled {verdict.doubled:,}, out of order {verdict.disordered:,}",
        f"recovery p50 {middle(verdict.recoveries):.1f} s, max {max(verdict.recoveries, default=0):.1f} s",
        f"{run.failed_starts} starts failed",
        *verdict.findings,
    ]
    return "\n".join(lines)


def middle(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return statistics.median(values) if values else 0.0
